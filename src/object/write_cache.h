// What an object has written and the store may not show yet: the newest value of each pending key and page, the bursts
// to be committed, and the savepoints of open transactions. Pure: no I/O, no gates. One thread.
//
// Writes are numbered from 1. A write outside a transaction gets its number at once; those of a transaction share the
// number of its outermost commit.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "store/engine.h"

namespace limpet::object {

inline constexpr size_t kCleanBytesMax = 2048;  // Of durable pairs that an instance keeps at hand.

class WriteCache {
 public:
  struct Lookup {
    bool known = false;            // False: ask the store.
    const Bytes* value = nullptr;  // Null: absent. Valid until the next change.
  };
  struct Overlay {
    Bytes key;
    std::optional<Bytes> value;
  };
  struct Batch {
    std::vector<store::Write> writes;
    uint64_t last = 0;  // The number of its last write.
    size_t bytes = 0;
    bool alarm = false;  // Some of them are of Space::kAlarm.
  };

  Lookup Find(BytesView key) const;
  // Pending (and some durable) pairs of start <= key < end, ascending; tombstones too.
  std::vector<Overlay> Range(const Bytes& start, const std::optional<Bytes>& end) const;
  // A pending deleteAll hides everything in the store.
  bool hides_store() const { return cleared_at_ > durable_; }
  bool hides_store_at(uint64_t write) const { return hides_store() && cleared_at_ <= write; }  // Once all up to it are.

  void Put(Bytes key, Bytes value, bool confirmed);
  void Delete(Bytes key, bool confirmed);
  void Clear(bool confirmed);  // Outside transactions.
  // Keeps a durable pair at hand, unless something newer is known.
  void Learn(BytesView key, const std::optional<Bytes>& value);
  // Grows with whatever changes a pair that a read shows.
  uint64_t changes() const { return changes_; }

  // The object's alarm, as an encoded record; writes like those of pairs. A clear does not reach it.
  Lookup FindAlarm() const;
  void PutAlarm(Bytes record, bool confirmed);
  void DeleteAlarm(bool confirmed);
  void LearnAlarm(const std::optional<Bytes>& record);

  // A record of the object layer's own, which nobody reads through this cache.
  void PutMeta(Bytes key, Bytes value);

  // A transaction of its own seals the burst before it, and is a burst by itself. One that joins the burst, because
  // nothing is awaited inside, is a part of it. The outermost decides.
  enum class Extent : uint8_t { kOwnBurst, kJoinsBurst };
  uint32_t Begin(Extent extent = Extent::kOwnBurst);
  Result<Done> Commit();  // The outermost: what was written joins the burst, which Seal() ends.
  void Rollback();
  uint32_t depth() const { return static_cast<uint32_t>(savepoints_.size()); }

  bool joins_burst() const { return extent_ == Extent::kJoinsBurst; }  // While depth() > 0.

  // --- Pages of the object's SQL database. SQLite keeps what its own transactions changed until they end: what comes
  // here belongs to the burst, and is in no transaction of this cache.
  struct PageLookup {
    bool known = false;              // False: ask the store.
    const Bytes* content = nullptr;  // Null: there is none.
  };
  PageLookup FindPage(uint32_t number) const;
  void PutPage(uint32_t number, Bytes content);  // As it is stored. Empty: the page is gone.
  void ClearPages();
  bool has_pages() const { return !pages_.empty(); }
  // What the pages that are not durable yet take, each once. Looks at all of them.
  size_t pending_page_bytes() const;
  // Something is being written whose content comes before the end of the burst: takes a number for it now.
  void Reserve(bool confirmed);
  // If nothing came of a reservation, its number is durable when all before it are. True if that has happened now.
  bool SettleHollow();
  bool has_hollow() const { return hollow_ > durable_; }

  void Seal();          // The end of a turn: the burst is complete.
  void DropUnsealed();  // Forgets the burst of the turn under way, and sealed ones that were not taken.
  bool has_open() const { return !open_.writes.empty() || reserved_ > 0 || depth() > 0; }
  bool has_sealed() const { return !sealed_.writes.empty(); }
  uint64_t sealed_last() const { return sealed_.last; }
  Batch TakeSealed();                         // All sealed bursts as one batch, in order.
  void Durable(uint64_t last, size_t bytes);  // A taken batch is on disk; batches in order.

  uint64_t last_write() const { return last_write_; }
  uint64_t last_confirmed() const { return last_confirmed_; }
  uint64_t durable() const { return durable_; }
  // Of writes that are on their way to the store: not of open transactions, which can't be sent.
  size_t dirty_bytes() const { return dirty_bytes_; }

 private:
  static constexpr uint64_t kUncommitted = UINT64_MAX;
  struct Entry {
    std::optional<Bytes> value;
    uint64_t at = 0;  // Number of the write; durable if <= durable_.
  };
  using Map = std::map<Bytes, Entry, std::less<>>;
  struct Undo {
    bool alarm = false;  // Else the pair under `key`.
    Bytes key;
    std::optional<Entry> before;
  };
  struct Savepoint {
    size_t writes, undo;
  };
  struct Page {
    Bytes content;  // Empty: gone.
    uint64_t at = 0;
  };

  void Apply(store::Write write, bool confirmed);
  Entry* EntryOf(const store::Write& write);  // Null: none.
  void Set(const store::Write& write, std::optional<Bytes> value, uint64_t at);
  void SetEntry(BytesView key, std::optional<Bytes> value, uint64_t at);
  void EraseEntry(Map::iterator entry);
  void Sweep();  // Lets go of durable pairs when they are too many.
  void SweepPages();

  Map entries_;
  size_t entry_bytes_ = 0;
  std::optional<Entry> alarm_;  // Once known it stays.
  Batch open_;                  // Of the turn under way.
  Batch sealed_;                // Complete, not yet taken.
  uint64_t last_write_ = 0, last_confirmed_ = 0, durable_ = 0, cleared_at_ = 0;
  size_t dirty_bytes_ = 0;
  uint64_t changes_ = 0;

  std::vector<Savepoint> savepoints_;
  std::vector<store::Write> transaction_writes_;
  std::vector<Undo> undo_;
  bool transaction_confirmed_ = false;
  Extent extent_ = Extent::kOwnBurst;  // Of the open transaction.

  std::unordered_map<uint32_t, Page> pages_;                // Not durable yet.
  std::vector<std::pair<uint64_t, uint32_t>> page_writes_;  // (write, page), in the order of the writes.
  uint64_t pages_cleared_at_ = 0;
  uint64_t reserved_ = 0;  // By the burst under way, which has written nothing after it.
  uint64_t hollow_ = 0;    // The last number that nothing came of.
  uint64_t sent_last_ = 0;
};

}  // namespace limpet::object
