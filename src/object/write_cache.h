// What an object has written and the store may not show yet: the newest value of each pending key, the bursts to be
// committed, and the savepoints of open transactions. Pure: no I/O, no gates. One thread.
//
// Writes are numbered from 1. A write outside a transaction gets its number at once; those of a transaction share the
// number of its outermost commit.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
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
  };

  Lookup Find(BytesView key) const;
  // Pending (and some durable) pairs of start <= key < end, ascending; tombstones too.
  std::vector<Overlay> Range(const Bytes& start, const std::optional<Bytes>& end) const;
  // A pending deleteAll hides everything in the store.
  bool hides_store() const { return cleared_at_ > durable_; }

  void Put(Bytes key, Bytes value, bool confirmed);
  void Delete(Bytes key, bool confirmed);
  void Clear(bool confirmed);  // Outside transactions.
  // Keeps a durable pair at hand, unless something newer is known.
  void Learn(BytesView key, const std::optional<Bytes>& value);

  uint32_t Begin();  // Seals the burst before the outermost transaction.
  Result<Done> Commit();
  void Rollback();
  uint32_t depth() const { return static_cast<uint32_t>(savepoints_.size()); }

  void Seal();          // The end of a turn: the burst is complete.
  void DropUnsealed();  // Forgets the burst of the turn under way, and sealed ones that were not taken.
  bool has_open() const { return !open_.writes.empty() || depth() > 0; }
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
    Bytes key;
    std::optional<Entry> before;
  };
  struct Savepoint {
    size_t writes, undo;
  };

  void Apply(store::Write write, bool confirmed);
  void SetEntry(BytesView key, std::optional<Bytes> value, uint64_t at);
  void EraseEntry(Map::iterator entry);
  void Sweep();  // Lets go of durable pairs when they are too many.

  Map entries_;
  size_t entry_bytes_ = 0;
  Batch open_;    // Of the turn under way.
  Batch sealed_;  // Complete, not yet taken.
  uint64_t last_write_ = 0, last_confirmed_ = 0, durable_ = 0, cleared_at_ = 0;
  size_t dirty_bytes_ = 0;

  std::vector<Savepoint> savepoints_;
  std::vector<store::Write> transaction_writes_;
  std::vector<Undo> undo_;
  bool transaction_confirmed_ = false;
};

}  // namespace limpet::object
