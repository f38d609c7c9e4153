// How records are named in RocksDB (docs/formats/store-rocks.md). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "base/bytes.h"
#include "base/ids.h"
#include "store/engine.h"
#include "store/history.h"

namespace limpet::store::rocks {

// Namespace (8 bytes, big-endian) and base (16 bytes): what the keys of one object begin with.
inline constexpr size_t kObjectPrefixBytes = 24;
Bytes ObjectPrefix(const ObjectId& object);
// The object that a key of kObjectPrefixBytes or more belongs to.
ObjectId ObjectOfKey(BytesView key);

// The record of a pair; with an empty key, where its space begins.
Bytes PairKey(const ObjectId& object, Space space, BytesView key);
// Where the space ends: greater than all of its keys, not greater than any other.
Bytes SpaceEnd(const ObjectId& object, Space space);
// The space of a record that is not the commit number.
Space SpaceOfKey(BytesView key);
// The slot of a record of history; nothing: it is none.
std::optional<uint64_t> SlotOfKey(BytesView key);
// The record that holds the object's commit number; before its spaces.
Bytes CommitNumberKey(const ObjectId& object);
bool IsCommitNumberKey(BytesView key);
// The index of names (store/names.h).
Bytes NameIndexRecord(BytesView name, const ObjectId& object);
// The index of unsettled objects (store/unsettled.h).
Bytes UnsettledRecord(const ObjectId& object);
// Where the keys of a namespace begin. The end of one is the beginning of the next.
Bytes NamespaceStart(NamespaceId ns);

// The engine's own records, in the last namespace.
Bytes ClaimKey(uint32_t partition);
Bytes ClaimsEnd();
Bytes DropKey(NamespaceId ns);
Bytes DropsEnd();
// What a namespace's objects store: a number.
Bytes UsedKey(NamespaceId ns);
Bytes UsedEnd();
std::optional<NamespaceId> NamespaceOfUsedKey(BytesView key);
// Since when history is kept without a gap, and for how long: two numbers of milliseconds.
Bytes HistoryRecordKey();
// The index of alarms, by time.
Bytes AlarmKey(const AlarmEntry& alarm);
Bytes AlarmsStart();
Bytes AlarmsEnd();
std::optional<AlarmEntry> AlarmOfKey(BytesView key);
std::optional<uint32_t> PartitionOfClaimKey(BytesView key);
std::optional<NamespaceId> NamespaceOfDropKey(BytesView key);

// Numbers as values: 7 bits a byte, low ones first, the high bit set on all but the last byte.
Bytes EncodeNumber(uint64_t number);
std::optional<uint64_t> DecodeNumber(BytesView bytes);
// The number that `bytes` begins with, which it then lacks.
std::optional<uint64_t> TakeNumber(BytesView& bytes);

// The value of an object's first record.
struct ObjectRecord {
  uint64_t number = 0;                    // Of its last commit.
  uint64_t last = 0, oldest = 0;          // Of its history (HistoryState).
  std::optional<StoredBytes> bytes = {};  // Nothing: nobody has counted them.
  bool operator==(const ObjectRecord&) const = default;
};
Bytes EncodeObject(const ObjectRecord& record);
std::optional<ObjectRecord> DecodeObject(BytesView bytes);

}  // namespace limpet::store::rocks
