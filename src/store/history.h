// An object's history: what each key held before it was changed. Pure.
//
// History is cut into slots. A slot is named by the moment it began (milliseconds since 1970); the names of one
// object's slots only grow. The first change of a key in a slot keeps what was there before, as a record of
// Space::kHistory. So the state at a moment B is, for each key, what the record of its first slot >= B says, and where
// there is none what is there now. A counter that changes a thousand times in a slot costs one record.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <unordered_set>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/ids.h"
#include "store/engine.h"

namespace limpet::store {

// A slot takes changes for this long. Whoever asks for a mark ends it early.
inline constexpr uint64_t kSlotMs = 10'000;
inline constexpr Duration kHistoryDefault = std::chrono::hours(30 * 24);

// The object layer's own records and the server's catalog have none.
inline bool KeepsHistory(NamespaceId ns) { return ns.value != 0; }
inline bool KeepsHistory(Space space) { return space != Space::kMeta && space != Space::kHistory; }

// A key of Space::kHistory is the slot (8 bytes, big-endian), the space (1), the key. Its value is 0 if there was
// nothing, else 1 and what was there. A key of the slot alone says that before it the object stored nothing at all.
Bytes HistoryKey(uint64_t slot, Space space, BytesView key);
Bytes BirthKey(uint64_t slot);
Bytes HistoryValue(const std::optional<Bytes>& before);

struct HistoryRecord {
  uint64_t slot = 0;
  bool birth = false;  // Nothing of what follows.
  Space space = Space::kKv;
  BytesView key;                    // Of the bytes that were parsed.
  std::optional<BytesView> before;  // Likewise.
};
// Nothing: it is none.
std::optional<HistoryRecord> ParseHistory(BytesView key, BytesView value);

// What leads an object back to a moment: records from it on are added in their order, and the first of a key counts.
class Undo {
 public:
  struct Change {
    Space space = Space::kKv;
    Bytes key;
    std::optional<Bytes> before;
  };
  // Where to scan Space::kHistory from.
  static Bytes Start(uint64_t moment) { return BirthKey(moment); }
  // Appends what the page adds. kCorrupt: a record that is none; kOverloaded: more than kUndoKeysMax keys (pages don't
  // count).
  Result<Done> Add(const ScanPage& page, std::vector<Change>& changes);
  // At that moment there was nothing at all: no more records are needed, and no changes.
  bool nothing() const { return nothing_; }
  // What was added changes this key.
  bool Changes(Space space, BytesView key) const;

 private:
  static std::optional<uint64_t> PageNumber(Space space, BytesView key);
  bool See(const HistoryRecord& record, BytesView space_and_key);  // False: it was seen before.

  bool nothing_ = false;
  std::unordered_set<Bytes> seen_;  // Space and key,
  std::vector<bool> seen_pages_;    // ... but for pages: by their numbers.
};
inline constexpr size_t kUndoKeysMax = 4 * 1024 * 1024;

inline uint64_t WallMs(const Clock& clock) { return static_cast<uint64_t>(clock.WallNow().time_since_epoch().count()); }

// Where the history of one object stands.
struct HistoryState {
  uint64_t last = 0;    // No slot or mark so far is later.
  uint64_t oldest = 0;  // States before this moment are lost.
  bool open = false;    // `last` is a slot that takes more.
  bool birth = false;   // ... in which nothing needs to be kept: see BirthKey.

  bool BeginsSlot(uint64_t now) const { return !open || now >= last + kSlotMs; }
  void BeginSlot(uint64_t now, bool from_nothing) {
    last = now > last ? now : last + 1;
    open = true;
    birth = from_nothing;
  }
  // A moment that is not in the middle of a slot: what changes from now on is in later ones.
  uint64_t Mark(uint64_t now) {
    last = now > last ? now : last + 1;
    open = birth = false;
    return last;
  }
  // All that was kept goes.
  void Forget(uint64_t now) { oldest = Mark(now); }
};

}  // namespace limpet::store
