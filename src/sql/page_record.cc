#include "sql/page_record.h"

#include <cstdint>
#include <cstring>

#include "base/check.h"

namespace limpet::sql {
namespace {

constexpr size_t kWord = sizeof(uint64_t);
constexpr size_t kPlaceBytes = 2;
constexpr size_t kZerosMin = 64;  // Shorter runs stay.
static_assert(kRecordHeadBytes % kWord == 0 && kPageBytes % kWord == 0);

uint64_t WordAt(const char* from) {
  uint64_t word = 0;
  std::memcpy(&word, from, kWord);
  return word;
}

}  // namespace

Bytes PackPage(BytesView page) {
  LIMPET_CHECK(page.size() == kPageBytes);
  size_t place = 0, zeros = 0;
  for (size_t at = kRecordHeadBytes; at < kPageBytes; at += kWord) {
    if (WordAt(page.data() + at) != 0) continue;
    size_t begin = at;
    while (at < kPageBytes && WordAt(page.data() + at) == 0) at += kWord;
    if (at - begin > zeros) {
      place = begin;
      zeros = at - begin;
    }
  }
  if (zeros < kZerosMin) return Bytes(page);
  Bytes record;
  record.reserve(kPageBytes - zeros + kPlaceBytes);
  record.append(page.substr(0, place));
  record.append(page.substr(place + zeros));
  record += static_cast<char>(place >> 8);
  record += static_cast<char>(place & 0xFF);
  return record;
}

bool UnpackPage(BytesView record, std::span<char, kPageBytes> into) {
  if (record.size() == kPageBytes) {
    std::memcpy(into.data(), record.data(), kPageBytes);
    return true;
  }
  if (record.size() < kRecordHeadBytes + kPlaceBytes || record.size() > kPageBytes - kZerosMin + kPlaceBytes)
    return false;
  size_t left = record.size() - kPlaceBytes;
  size_t place = size_t{static_cast<uint8_t>(record[left])} << 8 | static_cast<uint8_t>(record[left + 1]);
  if (place < kRecordHeadBytes || place > left) return false;
  size_t zeros = kPageBytes - left;
  std::memcpy(into.data(), record.data(), place);
  std::memset(into.data() + place, 0, zeros);
  std::memcpy(into.data() + place + zeros, record.data() + place, left - place);
  return true;
}

}  // namespace limpet::sql
