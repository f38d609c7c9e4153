#include "store/rocks/keys.h"

#include <algorithm>

#include "store/limits.h"
#include "store/names.h"
#include "store/unsettled.h"

namespace limpet::store::rocks {
namespace {

constexpr char kCommitNumber = 1;  // In the place of a space; less than every Space.
constexpr std::string_view kAlarm = "alarm/";
constexpr std::string_view kAlarmsEnd = "alarm0";
constexpr std::string_view kClaim = "claim/";
constexpr std::string_view kClaimsEnd = "claim0";  // '0' follows '/'.
constexpr std::string_view kDrop = "drop/";
constexpr std::string_view kDropsEnd = "drop0";
constexpr std::string_view kHistory = "history";
constexpr std::string_view kUsed = "used/";
constexpr std::string_view kUsedEnd = "used0";

Bytes EngineKey(std::string_view name) {
  Bytes key;
  AppendBigEndian64(key, kEngineNamespace.value);
  key += name;
  return key;
}

// The 8-byte number that ends an engine's key which begins with `name`.
std::optional<uint64_t> NumberAfter(BytesView key, std::string_view name) {
  if (key.size() != 8 + name.size() + 8 || key.substr(8, name.size()) != name) return std::nullopt;
  return ReadBigEndian64(key.substr(8 + name.size()));
}

}  // namespace

Bytes ObjectPrefix(const ObjectId& object) {
  Bytes key;
  key.reserve(kObjectPrefixBytes + 1 + 32);
  AppendBigEndian64(key, object.ns.value);
  key.append(reinterpret_cast<const char*>(object.base.data()), object.base.size());
  return key;
}

ObjectId ObjectOfKey(BytesView key) {
  LIMPET_CHECK(key.size() >= kObjectPrefixBytes);
  ObjectId object{.ns = {ReadBigEndian64(key)}};
  std::copy_n(key.data() + 8, object.base.size(), reinterpret_cast<char*>(object.base.data()));
  return object;
}

Bytes PairKey(const ObjectId& object, Space space, BytesView key) {
  Bytes whole = ObjectPrefix(object);
  whole += static_cast<char>(space);
  whole += key;
  return whole;
}

Bytes SpaceEnd(const ObjectId& object, Space space) {
  Bytes end = ObjectPrefix(object);
  end += static_cast<char>(static_cast<uint8_t>(space) + 1);
  return end;
}

Space SpaceOfKey(BytesView key) {
  LIMPET_CHECK(key.size() > kObjectPrefixBytes);
  return static_cast<Space>(key[kObjectPrefixBytes]);
}

std::optional<uint64_t> SlotOfKey(BytesView key) {
  bool is_one =
      key.size() >= kObjectPrefixBytes + 1 + 8 && key[kObjectPrefixBytes] == static_cast<char>(Space::kHistory);
  if (!is_one || ReadBigEndian64(key) == kEngineNamespace.value) return std::nullopt;
  return ReadBigEndian64(key.substr(kObjectPrefixBytes + 1));
}

Bytes CommitNumberKey(const ObjectId& object) { return ObjectPrefix(object) + kCommitNumber; }

bool IsCommitNumberKey(BytesView key) { return key.size() == kObjectPrefixBytes + 1 && key.back() == kCommitNumber; }

Bytes UnsettledRecord(const ObjectId& object) { return PairKey(UnsettledIndex(), Space::kMeta, UnsettledKey(object)); }

Bytes NameIndexRecord(BytesView name, const ObjectId& object) {
  return PairKey(NameIndex(object.ns), Space::kMeta, NameIndexKey(name, object));
}

Bytes NamespaceStart(NamespaceId ns) {
  Bytes key;
  AppendBigEndian64(key, ns.value);
  return key;
}

Bytes ClaimKey(uint32_t partition) {
  Bytes key = EngineKey(kClaim);
  AppendBigEndian64(key, partition);
  return key;
}
Bytes ClaimsEnd() { return EngineKey(kClaimsEnd); }

Bytes DropKey(NamespaceId ns) {
  Bytes key = EngineKey(kDrop);
  AppendBigEndian64(key, ns.value);
  return key;
}
Bytes DropsEnd() { return EngineKey(kDropsEnd); }

Bytes UsedKey(NamespaceId ns) {
  Bytes key = EngineKey(kUsed);
  AppendBigEndian64(key, ns.value);
  return key;
}
Bytes UsedEnd() { return EngineKey(kUsedEnd); }

std::optional<NamespaceId> NamespaceOfUsedKey(BytesView key) {
  std::optional<uint64_t> number = NumberAfter(key, kUsed);
  if (!number) return std::nullopt;
  return NamespaceId{*number};
}

Bytes HistoryRecordKey() { return EngineKey(kHistory); }

Bytes AlarmKey(const AlarmEntry& alarm) {
  Bytes key = AlarmsStart();
  AppendBigEndian64(key, alarm.time);
  return key + ObjectPrefix(alarm.object);
}
Bytes AlarmsStart() { return EngineKey(kAlarm); }
Bytes AlarmsEnd() { return EngineKey(kAlarmsEnd); }

std::optional<AlarmEntry> AlarmOfKey(BytesView key) {
  constexpr size_t kBefore = 8 + kAlarm.size();
  if (key.size() != kBefore + 8 + kObjectPrefixBytes) return std::nullopt;
  return AlarmEntry{ReadBigEndian64(key.substr(kBefore)), ObjectOfKey(key.substr(kBefore + 8))};
}

std::optional<uint32_t> PartitionOfClaimKey(BytesView key) {
  std::optional<uint64_t> number = NumberAfter(key, kClaim);
  if (!number || *number > UINT32_MAX) return std::nullopt;
  return static_cast<uint32_t>(*number);
}

std::optional<NamespaceId> NamespaceOfDropKey(BytesView key) {
  std::optional<uint64_t> number = NumberAfter(key, kDrop);
  if (!number) return std::nullopt;
  return NamespaceId{*number};
}

Bytes EncodeNumber(uint64_t number) {
  Bytes bytes;
  for (; number >= 0x80; number >>= 7) bytes += static_cast<char>(number | 0x80);
  bytes += static_cast<char>(number);
  return bytes;
}

std::optional<uint64_t> TakeNumber(BytesView& bytes) {
  uint64_t number = 0;
  for (size_t i = 0; i < bytes.size() && i < 10; ++i) {
    auto byte = static_cast<uint8_t>(bytes[i]);
    if (i == 9 && byte > 1) return std::nullopt;  // Over 64 bits.
    number |= static_cast<uint64_t>(byte & 0x7F) << (7 * i);
    if ((byte & 0x80) != 0) continue;
    bytes.remove_prefix(i + 1);
    return number;
  }
  return std::nullopt;
}

std::optional<uint64_t> DecodeNumber(BytesView bytes) {
  std::optional<uint64_t> number = TakeNumber(bytes);
  return bytes.empty() ? number : std::nullopt;
}

Bytes EncodeObject(const ObjectRecord& record) {
  Bytes bytes = EncodeNumber(record.number);
  if (record.last == 0 && !record.bytes) return bytes;
  bytes += EncodeNumber(record.last);
  if (record.oldest == 0 && !record.bytes) return bytes;
  bytes += EncodeNumber(record.oldest);
  if (record.bytes) bytes += EncodeNumber(record.bytes->pairs) + EncodeNumber(record.bytes->pages);
  return bytes;
}

std::optional<ObjectRecord> DecodeObject(BytesView bytes) {
  constexpr size_t kFields = 5;
  uint64_t fields[kFields] = {};
  size_t count = 0;
  for (; count < kFields && !bytes.empty(); ++count) {
    std::optional<uint64_t> field = TakeNumber(bytes);
    if (!field) return std::nullopt;
    fields[count] = *field;
  }
  if (count == 0 || count == kFields - 1 || !bytes.empty()) return std::nullopt;
  ObjectRecord record{.number = fields[0], .last = fields[1], .oldest = fields[2]};
  if (count == kFields) record.bytes = StoredBytes{fields[3], fields[4]};
  return record;
}

}  // namespace limpet::store::rocks
