// state.storage of one instance, below JavaScript: the write cache over the store, bursts, transactions, backpressure.
//
// Reads see the instance's own writes, then the store. Writes of one turn (no other I/O awaited between them) land
// together or not at all: the burst is sealed at the end of the turn, and committed in order. Every confirmed write
// locks the output gate until it is durable.
//
// One thread. Calls on a broken instance answer "Durable Object storage is no longer accessible." or the error that
// broke it. Keys and values are checked by the caller against the limits of its API (kKeyBytesMax …).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/function.h"
#include "base/result.h"
#include "object/gate.h"

namespace limpet::sql {
class Database;
}

namespace limpet::object {

struct ReadOptions {
  bool allow_concurrency = false;  // The read does not hold the input gate.
  bool no_cache = false;           // A hint.
};
struct WriteOptions {
  bool allow_concurrency = false;
  bool allow_unconfirmed = false;  // The write does not lock the output gate; its failure still breaks it.
  bool no_cache = false;
  bool alarm = false;  // deleteAll: the alarm, too.
};
struct ListOptions {
  Bytes start;               // Inclusive. The caller has folded startAfter and prefix into start and end.
  std::optional<Bytes> end;  // Exclusive.
  bool reverse = false;
  std::optional<uint64_t> limit;
};
using Pairs = std::vector<std::pair<Bytes, Bytes>>;

class Storage {
 public:
  // An answer that is there at once is returned, and `done` is dropped. Else `done` is called later, once, with the
  // lock that the turn which continues must run under; it is never called from inside the call, nor after the instance
  // ended.
  template <typename T>
  using OnAnswer = UniqueFunction<void(Result<T>, InputLock)>;
  template <typename T>
  using Now = std::optional<Result<T>>;

  virtual ~Storage() = default;
  // `lock` is the one the calling turn runs under; the pending operation holds the gate through it.
  virtual Now<std::optional<Bytes>> Get(const InputLock& lock, Bytes key, ReadOptions,
                                        OnAnswer<std::optional<Bytes>> done) = 0;
  // Found pairs only, by key in byte order; duplicates collapse.
  virtual Now<Pairs> GetMany(const InputLock& lock, std::vector<Bytes> keys, ReadOptions, OnAnswer<Pairs> done) = 0;
  virtual Now<Pairs> List(const InputLock& lock, ListOptions, ReadOptions, OnAnswer<Pairs> done) = 0;
  // Answers at once, unless more than kDirtyBytesMax are waiting to become durable (backpressure).
  virtual Now<Done> Put(const InputLock& lock, Pairs pairs, WriteOptions, OnAnswer<Done> done) = 0;
  // How many of the keys existed.
  virtual Now<uint64_t> Delete(const InputLock& lock, std::vector<Bytes> keys, WriteOptions,
                               OnAnswer<uint64_t> done) = 0;
  // Pairs and SQL database. Error inside a transaction: "Cannot call deleteAll() within a transaction".
  virtual Now<Done> DeleteAll(const InputLock& lock, WriteOptions, OnAnswer<Done> done) = 0;
  // The object's alarm: when it is set for, in milliseconds since 1970. Nothing while its handler runs, unless it was
  // set anew; the time that was set while it waits for a retry.
  virtual Now<std::optional<int64_t>> GetAlarm(const InputLock& lock, ReadOptions,
                                               OnAnswer<std::optional<int64_t>> done) = 0;
  // Writes like all others. A time in the past is now. Whatever the running handler comes to, this alarm stays.
  virtual Now<Done> SetAlarm(const InputLock& lock, int64_t ms, WriteOptions, OnAnswer<Done> done) = 0;
  virtual Now<Done> DeleteAlarm(const InputLock& lock, WriteOptions, OnAnswer<Done> done) = 0;
  // --- The time machine, over pairs, pages and alarm alike. A bookmark names a state of the object (bookmark.h).
  // Errors: those of ParseBookmark and CheckBookmark; kConflict: the server keeps no history.
  // The state with all writes before this call, as soon as they are durable; not those of an open transaction.
  virtual Now<std::string> CurrentBookmark(const InputLock& lock, OnAnswer<std::string> done) = 0;
  // The newest state up to then (milliseconds since 1970) that is known for sure: not older than 10 s.
  virtual Now<std::string> BookmarkForTime(const InputLock& lock, int64_t ms, OnAnswer<std::string> done) = 0;
  // The next instance starts with that state. Answers, when that is durable, with the bookmark of what will have been
  // there right before. The last one counts.
  virtual Now<std::string> RestoreOnNextStart(const InputLock& lock, const std::string& bookmark,
                                              OnAnswer<std::string> done) = 0;
  // When all writes issued before it, unconfirmed ones too, are durable.
  virtual Now<Done> Sync(const InputLock& lock, OnAnswer<Done> done) = 0;

  // -- at once, blocking the thread if they must: for scripts that can't await. Errors: those of Get and List.
  virtual Result<std::optional<Bytes>> GetNow(BytesView key) = 0;
  virtual Result<Pairs> ListNow(ListOptions list) = 0;
  virtual Result<Done> PutNow(Bytes key, Bytes value) = 0;
  virtual Result<bool> DeleteNow(Bytes key) = 0;  // Whether it existed.
  virtual uint64_t changes() const = 0;           // Another number when a pair may have changed.

  // Explicit transactions nest as a stack of savepoints: Begin returns the new depth (1 for the outermost, which seals
  // the burst before it), Commit and Rollback end the innermost. Nothing of a transaction is committed to the store
  // before the outermost Commit; then all of it is one batch.
  virtual uint32_t BeginTransaction() = 0;
  virtual Result<Done> CommitTransaction() = 0;
  virtual void RollbackTransaction() = 0;
  virtual uint32_t transaction_depth() const = 0;
  // A savepoint inside the burst, for code that awaits nothing before it ends (transactionSync): what it writes lands
  // with the rest of the burst. Ended by Commit and Rollback, too.
  virtual uint32_t BeginSyncTransaction() = 0;

  // The object's SQL database, opened on first use. Its writes belong to bursts and transactions as all others do. Ask
  // for it each time: it is another one after DeleteAll. Not for use inside of its own interrupt.
  // Errors: those of a broken instance; kOverloaded (kSqlDirtyBytesMax); kCorrupt, kUnavailable.
  virtual Result<sql::Database*> Sql() = 0;
};

inline constexpr size_t kDirtyBytesMax = 8 * 1024 * 1024;
// SQL can't wait, as Put does: beyond this it is refused until the store has caught up. Two of the largest
// transactions.
inline constexpr size_t kSqlDirtyBytesMax = 128 * 1024 * 1024;

}  // namespace limpet::object
