#include "store/rocks/log_check.h"

#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "store/rocks/folder.h"

namespace limpet::store::rocks {
namespace {

// https://github.com/facebook/rocksdb/wiki/Write-Ahead-Log-File-Format: blocks of 32 KiB; a record is one or more
// fragments, each in one block, each with a header of checksum (4 bytes), length (2), type (1).
constexpr size_t kBlockBytes = 32 * 1024;
constexpr size_t kHeaderBytes = 7;
constexpr uint8_t kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4;

using Table = std::array<std::array<uint32_t, 256>, 8>;

constexpr Table MakeTable() {
  Table table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78u : 0);
    table[0][i] = crc;
  }
  for (size_t i = 0; i < 256; ++i) {
    for (size_t k = 1; k < 8; ++k) table[k][i] = (table[k - 1][i] >> 8) ^ table[0][table[k - 1][i] & 0xFF];
  }
  return table;
}
constexpr Table kTable = MakeTable();

uint32_t ReadLittleEndian(BytesView bytes, size_t count) {
  uint32_t value = 0;
  for (size_t i = 0; i < count; ++i) value |= static_cast<uint32_t>(static_cast<uint8_t>(bytes[i])) << (8 * i);
  return value;
}

struct Fragment {
  uint8_t type = 0;
  size_t end = 0;             // Offset after it.
  const char* bad = nullptr;  // Why it is none.
};

// The fragment at `offset`; the caller has checked that a header fits into the block.
Fragment FragmentAt(BytesView log, size_t offset) {
  size_t block_end = (offset / kBlockBytes + 1) * kBlockBytes;
  if (log.size() - offset < kHeaderBytes) return {.bad = "the log ends inside a header"};
  uint32_t stored = ReadLittleEndian(log.substr(offset), 4);
  size_t length = ReadLittleEndian(log.substr(offset + 4), 2);
  auto type = static_cast<uint8_t>(log[offset + 6]);
  size_t end = offset + kHeaderBytes + length;
  if (type < kFull || type > kLast) return {.bad = "no such record type"};
  if (end > block_end) return {.bad = "a length that does not fit its block"};
  if (end > log.size()) return {.bad = "the log ends inside a record"};
  uint32_t crc = Crc32c(0, log.substr(offset + 6, 1 + length));
  uint32_t masked = ((crc >> 15) | (crc << 17)) + 0xA282EAD8u;
  if (masked != stored) return {.bad = "a checksum that does not match"};
  return {.type = type, .end = end};
}

bool HeaderFits(size_t offset) { return kBlockBytes - offset % kBlockBytes >= kHeaderBytes; }

// Whether a record begins anywhere from `offset` on. Every byte is tried: a bad length hides where the next one begins.
bool RecordBeginsAfter(BytesView log, size_t offset) {
  for (; offset + kHeaderBytes <= log.size(); ++offset) {
    if (!HeaderFits(offset)) continue;
    auto type = static_cast<uint8_t>(log[offset + 6]);
    if ((type == kFull || type == kFirst) && FragmentAt(log, offset).bad == nullptr) return true;
  }
  return false;
}

struct LogFile {
  uint64_t number = 0;
  std::string path;
  uint64_t bytes = 0;
  LogVerdict verdict;
};

Result<std::vector<LogFile>> FindLogs(const std::string& dir) {
  std::vector<LogFile> logs;
  std::error_code error;
  std::filesystem::directory_iterator entries(dir, error);
  if (error == std::errc::no_such_file_or_directory) return logs;
  for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    std::string name = entries->path().filename().string();
    LogFile log;
    log.path = entries->path().string();
    auto [end, bad] = std::from_chars(name.data(), name.data() + name.size(), log.number);
    if (bad == std::errc() && std::string_view(end) == ".log") logs.push_back(std::move(log));
  }
  if (error) return Error(ErrorCode::kUnavailable, "list " + dir + ": " + error.message());
  std::sort(logs.begin(), logs.end(), [](const LogFile& a, const LogFile& b) { return a.number < b.number; });
  return logs;
}

Result<Done> CutOff(const LogFile& log) {
  int file = ::open(log.path.c_str(), O_WRONLY | O_CLOEXEC);
  if (file < 0) return FileError("open", log.path);
  Result<Done> cut = Done{};
  if (::ftruncate(file, static_cast<off_t>(log.verdict.offset)) != 0) cut = FileError("truncate", log.path);
  if (cut.has_value() && ::fsync(file) != 0) cut = FileError("sync", log.path);
  ::close(file);
  return cut;
}

Error Damaged(const LogFile& log, std::string_view more) {
  return Error(ErrorCode::kCorrupt,
               "the log " + log.path + " is damaged at offset " + std::to_string(log.verdict.offset) + ": " +
                   log.verdict.reason + std::string(more) +
                   ". Writes that were acknowledged would be lost, so nothing was opened or changed: "
                   "restore the folder from a backup");
}

}  // namespace

uint32_t Crc32c(uint32_t seed, BytesView bytes) {
  uint32_t crc = ~seed;
  const char* at = bytes.data();
  size_t left = bytes.size();
  for (; left >= 8; left -= 8, at += 8) {
    uint64_t word = 0;
    std::memcpy(&word, at, 8);  // Little-endian machines only, as RocksDB's Debian builds for amd64 and arm64.
    word ^= crc;
    crc = kTable[7][word & 0xFF] ^ kTable[6][(word >> 8) & 0xFF] ^ kTable[5][(word >> 16) & 0xFF] ^
          kTable[4][(word >> 24) & 0xFF] ^ kTable[3][(word >> 32) & 0xFF] ^ kTable[2][(word >> 40) & 0xFF] ^
          kTable[1][(word >> 48) & 0xFF] ^ kTable[0][word >> 56];
  }
  for (; left > 0; --left, ++at) crc = (crc >> 8) ^ kTable[0][(crc ^ static_cast<uint8_t>(*at)) & 0xFF];
  return ~crc;
}

LogVerdict CheckLog(BytesView log) {
  LogVerdict verdict;
  size_t offset = 0;
  size_t record = 0;    // Where the record that is being read begins; between records, the offset.
  bool inside = false;  // Its first fragment has been read.
  auto bad = [&](const char* reason) {
    bool more = RecordBeginsAfter(log, offset + 1);
    verdict.state = more ? LogVerdict::State::kCorrupt : LogVerdict::State::kTorn;
    verdict.offset = more ? offset : record;
    verdict.reason = reason;
    return verdict;
  };
  while (offset < log.size()) {
    if (!HeaderFits(offset)) {  // The rest of a block that is too small for a header.
      offset = std::min(log.size(), (offset / kBlockBytes + 1) * kBlockBytes);
      if (!inside) record = offset;
      continue;
    }
    Fragment fragment = FragmentAt(log, offset);
    if (fragment.bad != nullptr) return bad(fragment.bad);
    bool begins = fragment.type == kFull || fragment.type == kFirst;
    if (begins && inside) {
      verdict = {LogVerdict::State::kCorrupt, record, verdict.records, "a record without an end"};
      return verdict;
    }
    if (!begins && !inside) return bad("a record without a beginning");
    offset = fragment.end;
    inside = fragment.type == kFirst || fragment.type == kMiddle;
    if (inside) continue;
    ++verdict.records;
    record = offset;
  }
  if (inside) verdict = {LogVerdict::State::kTorn, record, verdict.records, "the log ends inside a record"};
  return verdict;
}

Result<Done> CheckLogs(const std::string& database_dir, Logger& logger) {
  LIMPET_TRY(std::vector<LogFile> logs, FindLogs(database_dir));
  LogFile* torn = nullptr;
  for (LogFile& log : logs) {
    LIMPET_TRY(std::string content, ReadFile(log.path));
    log.bytes = content.size();
    log.verdict = CheckLog(content);
    if (log.verdict.state == LogVerdict::State::kCorrupt) return Damaged(log, ", with whole records after it");
    if (torn != nullptr && log.verdict.records > 0) return Damaged(*torn, ", and " + log.path + " goes on after it");
    if (log.verdict.state == LogVerdict::State::kTorn && torn == nullptr) torn = &log;
  }
  for (const LogFile& log : logs) {
    if (log.verdict.state != LogVerdict::State::kTorn) continue;
    LIMPET_TRY(Done cut, CutOff(log));
    (void)cut;
    logger.Write(LogLevel::kWarn, "store",
                 "the log " + log.path + " ended in an incomplete write (" + log.verdict.reason + "): the last " +
                     std::to_string(log.bytes - log.verdict.offset) + " bytes were cut off at offset " +
                     std::to_string(log.verdict.offset));
  }
  return Done{};
}

}  // namespace limpet::store::rocks
