#include "object/bookmark.h"

#include <algorithm>

#include "object/mutations.h"

namespace limpet::object {
namespace {

constexpr size_t kGroup = 8;  // Hex digits, three times.
constexpr size_t kIdDigits = 32;
constexpr size_t kTextBytes = 3 * (kGroup + 1) + kIdDigits;
constexpr uint8_t kVersion = 1;

std::string IdDigits(const ObjectId& id) {
  return ToHex(BytesView(reinterpret_cast<const char*>(id.base.data()), id.base.size()));
}

Error Malformed() {
  return Error::Script("TypeError",
                       "The bookmark is not of the form 8hex-8hex-8hex-32hex that getCurrentBookmark() "
                       "and getBookmarkForTime() return.");
}

}  // namespace

std::string FormatBookmark(const ObjectId& id, const Bookmark& bookmark) {
  Bytes moment;
  AppendBigEndian64(moment, bookmark.moment);
  std::string digits = ToHex(moment);
  return digits.substr(0, kGroup) + "-" + digits.substr(kGroup) + (bookmark.undo ? "-00000001-" : "-00000000-") +
         IdDigits(id);
}

Result<Bookmark> ParseBookmark(const ObjectId& id, std::string_view text) {
  if (text.size() != kTextBytes) return Malformed();
  std::string digits;
  for (size_t at = 0; at < 3 * (kGroup + 1); at += kGroup + 1) {
    if (text[at + kGroup] != '-') return Malformed();
    digits += text.substr(at, kGroup);
  }
  std::optional<Bytes> bytes = FromHex(digits);
  std::optional<Bytes> of = FromHex(text.substr(3 * (kGroup + 1)));
  if (!bytes || !of || bytes->compare(8, 3, Bytes(3, '\0')) != 0 || static_cast<uint8_t>((*bytes)[11]) > 1) {
    return Malformed();
  }
  if (ToHex(*of) != IdDigits(id)) return Error::Script("Error", "The bookmark is of another Durable Object.");
  return Bookmark{.moment = ReadBigEndian64(*bytes), .undo = (*bytes)[11] == 1};
}

Result<Done> CheckBookmark(const Bookmark& bookmark, const store::HistoryMark& mark) {
  if (bookmark.moment > mark.now) return Error::Script("Error", "The point in time lies in the future.");
  if (bookmark.moment < mark.oldest && !LIMPET_MUTANT(old_bookmark_taken)) {
    return Error::Script("Error", "The point in time is older than the history that is kept of this Durable Object.");
  }
  return Done{};
}

Result<uint64_t> MomentAt(uint64_t ms, const std::optional<Bytes>& before, const store::HistoryMark& mark) {
  LIMPET_TRY(Done checked, CheckBookmark({.moment = ms}, mark));
  (void)checked;
  std::optional<store::HistoryRecord> record;
  if (before) record = store::ParseHistory(*before, store::HistoryValue(std::nullopt));
  // What a slot that was still open then has changed by `ms`, and what later, nobody knows: back to its begin.
  bool inside = record && record->slot + store::kSlotMs > ms;
  return std::max(inside ? record->slot : ms, mark.oldest);
}

store::ScanOptions LastRecordUpTo(uint64_t ms) {
  store::ScanOptions options;
  options.space = store::Space::kHistory;
  options.end = store::BirthKey(ms + 1);
  options.reverse = true;
  options.limit = 1;
  return options;
}

Bytes EncodeRestore(const PendingRestore& restore) {
  Bytes bytes(1, static_cast<char>(kVersion));
  bytes += restore.kind == PendingRestore::Kind::kReplaced ? '\2'
           : restore.kind == PendingRestore::Kind::kFilled ? '\3'
           : restore.target.undo                           ? '\1'
                                                           : '\0';
  for (uint64_t number : {restore.target.moment, restore.asked, restore.begun}) AppendBigEndian64(bytes, number);
  return bytes;
}

Result<PendingRestore> DecodeRestore(BytesView bytes) {
  if (bytes.size() != 26 || static_cast<uint8_t>(bytes[0]) != kVersion || static_cast<uint8_t>(bytes[1]) > 3) {
    return Error(ErrorCode::kCorrupt, "the record of a restore is none");
  }
  auto kind = bytes[1] == 2   ? PendingRestore::Kind::kReplaced
              : bytes[1] == 3 ? PendingRestore::Kind::kFilled
                              : PendingRestore::Kind::kRestore;
  return PendingRestore{.target = {ReadBigEndian64(bytes.substr(2)), bytes[1] == 1},
                        .asked = ReadBigEndian64(bytes.substr(10)),
                        .begun = ReadBigEndian64(bytes.substr(18)),
                        .kind = kind};
}

std::optional<uint64_t> SettledUpTo(const PendingRestore& restore) {
  if (restore.kind == PendingRestore::Kind::kFilled) return 0;
  if (restore.kind == PendingRestore::Kind::kReplaced) return restore.target.moment;
  return restore.begun == 0 ? std::nullopt : std::optional(restore.begun);
}

Bytes EncodeUndone(const Undone& undone) {
  Bytes bytes;
  for (const auto& [asked, before] : undone) {
    AppendBigEndian64(bytes, asked);
    AppendBigEndian64(bytes, before);
  }
  return bytes;
}

Result<Undone> DecodeUndone(BytesView bytes) {
  if (bytes.size() % 16 != 0) return Error(ErrorCode::kCorrupt, "the record of restores is none");
  Undone undone;
  for (size_t at = 0; at < bytes.size(); at += 16) {
    undone.emplace_back(ReadBigEndian64(bytes.substr(at)), ReadBigEndian64(bytes.substr(at + 8)));
  }
  return undone;
}

}  // namespace limpet::object
