// Storage (storage.h) over a store session: reads through the write cache, commits of sealed bursts, waiting reads and
// writes.
#pragma once

#include <list>
#include <memory>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "object/alarm_change.h"
#include "object/gate_node.h"
#include "object/list_merge.h"
#include "object/object_sql.h"
#include "object/quota.h"
#include "object/storage.h"
#include "object/write_cache.h"
#include "store/engine.h"

namespace limpet::object {

// What storage asks of its instance.
class StorageHost {
 public:
  virtual ~StorageHost() = default;
  // Runs `turn` as a turn of the instance's code.
  virtual void RunTurn(UniqueFunction<void()>& turn) = 0;
  virtual void WroteConfirmed(uint64_t write) = 0;  // Lock the output gate up to it.
  virtual void WritesDurable(uint64_t write) = 0;   // Let it go up to it.
  virtual void WantFlush() = 0;                     // Call Flush() at the end of this turn of the loop.
  virtual void CommitSent() = 0;
  // The object's alarm on disk is another one now; not known which, if the commit failed.
  virtual void AlarmChanged(AlarmChange change) = 0;
  virtual const std::optional<std::string>& name() const = 0;
  // What was written can't be committed: end the instance in this call.
  virtual void CannotCommit(const Error& why) = 0;
  // A commit or a read that this instance had on the way has come back; `failed` if it was a commit that failed.
  virtual void Settled(const Error* failed) = 0;
  virtual const store::Claim& claim() const = 0;
  virtual const Quota& quota() const = 0;
  virtual loop::Loop& loop() = 0;
};

// A read that finds the store unavailable (it settles after a failed commit) is tried again, with pauses that double.
inline constexpr uint32_t kReadTriesMax = 8;
inline constexpr Duration kReadPauseFirst = std::chrono::milliseconds(5);

class ObjectStorage final : public Storage, ObjectSql::Host {
 public:
  ObjectStorage(StorageHost& host, store::Session& session, const ObjectId& id)
      : host_(host), session_(session), id_(id), sql_(*this, cache_, session, id) {}
  ~ObjectStorage() override { *alive_ = false; }

  Now<std::optional<Bytes>> Get(const InputLock& lock, Bytes key, ReadOptions options,
                                OnAnswer<std::optional<Bytes>> done) override;
  Now<Pairs> GetMany(const InputLock& lock, std::vector<Bytes> keys, ReadOptions options,
                     OnAnswer<Pairs> done) override;
  Now<Pairs> List(const InputLock& lock, ListOptions list, ReadOptions options, OnAnswer<Pairs> done) override;
  Now<Done> Put(const InputLock& lock, Pairs pairs, WriteOptions options, OnAnswer<Done> done) override;
  Now<uint64_t> Delete(const InputLock& lock, std::vector<Bytes> keys, WriteOptions options,
                       OnAnswer<uint64_t> done) override;
  Now<Done> DeleteAll(const InputLock& lock, WriteOptions options, OnAnswer<Done> done) override;
  Now<Done> Sync(const InputLock& lock, OnAnswer<Done> done) override;
  Now<std::optional<int64_t>> GetAlarm(const InputLock& lock, ReadOptions options,
                                       OnAnswer<std::optional<int64_t>> done) override;
  Now<Done> SetAlarm(const InputLock& lock, int64_t ms, WriteOptions options, OnAnswer<Done> done) override;
  Now<Done> DeleteAlarm(const InputLock& lock, WriteOptions options, OnAnswer<Done> done) override;
  Now<std::string> CurrentBookmark(const InputLock& lock, OnAnswer<std::string> done) override;
  Now<std::string> BookmarkForTime(const InputLock& lock, int64_t ms, OnAnswer<std::string> done) override;
  Now<std::string> RestoreOnNextStart(const InputLock& lock, const std::string& bookmark,
                                      OnAnswer<std::string> done) override;
  Result<std::optional<Bytes>> GetNow(BytesView key) override;
  Result<Pairs> ListNow(ListOptions list) override;
  Result<Done> PutNow(Bytes key, Bytes value) override;
  Result<bool> DeleteNow(Bytes key) override;
  uint64_t changes() const override { return cache_.changes(); }
  uint32_t BeginTransaction() override;
  Result<Done> CommitTransaction() override;
  void RollbackTransaction() override;
  uint32_t transaction_depth() const override { return cache_.depth(); }
  uint32_t BeginSyncTransaction() override;
  Result<sql::Database*> Sql() override;

  // The alarm's record, with what this instance has written.
  Now<std::optional<Bytes>> ReadAlarm(const InputLock& lock, ReadOptions options, OnAnswer<std::optional<Bytes>> done);
  // The handler runs for this record from now on, which was read under the same lock.
  void AlarmRuns(Bytes record);
  // It has ended, outside of a turn and of transactions. Unless the script set or deleted the alarm meanwhile, `next`
  // takes the record's place, or nothing does. False: it did.
  bool AlarmEnded(const std::optional<Bytes>& next);
  void AlarmNotCounted() { running_alarm_.reset(); }  // It has ended, and the record stays.

  void Seal();
  // Sends what is sealed, as one commit, unless a read that must not see it is still under way.
  void Flush();
  // The same, but answers nobody: also for the middle of a turn.
  void SendSealed();
  // No more reads, writes or answers; what is not on its way is dropped.
  void Shut(const Error& error);
  // Nothing on the way to the store or from it: the instance may be destroyed.
  bool settled() const { return commits_ == 0 && reads_.empty(); }
  size_t commits_in_flight() const { return commits_; }
  // Nothing sealed is still to be made durable.
  bool all_durable() const { return commits_ == 0 && !cache_.has_sealed() && !cache_.has_hollow(); }
  // Everything written is durable, and no answer is owed.
  bool clean() const {
    return settled() && !cache_.has_open() && !cache_.has_sealed() && !cache_.has_hollow() && !sql_.in_transaction() &&
           waiting_.empty();
  }
  const WriteCache& cache() const { return cache_; }

 private:
  // Who continues with an answer: under the lock that the operation holds, or through the gate.
  struct Continue {
    InputLock lock;
    GateRef gate;
  };
  // One read under way, with what it may not see.
  struct Read {
    uint64_t at;  // Writes after this number must not reach the store before the read is done.
  };
  using ReadId = std::list<Read>::iterator;
  // A put, delete or sync that waits until `write` is durable or, if 0, until fewer bytes wait.
  struct Waiting {
    uint64_t write;
    UniqueFunction<void()> answer;
  };
  struct ManyRead;
  struct ListRead;

  // Memory has no answer, or none at this moment.
  static bool MustAsk(const Error& error) {
    return error.code() == ErrorCode::kWouldBlock || error.code() == ErrorCode::kUnavailable;
  }
  static Continue Hold(const InputLock& lock, bool allow_concurrency);
  template <typename T>
  void Answer(Continue next, OnAnswer<T> done, Result<T> result);
  ReadId BeginRead();
  void EndRead(ReadId read);
  // The value if it is at hand.
  std::optional<Result<std::optional<Bytes>>> Peek(BytesView key);
  void ReadMany(Continue next, Pairs found, std::vector<Bytes> unknown, OnAnswer<Pairs> done);
  void ReadPages(std::shared_ptr<ListRead> read, uint32_t tries = 1);
  void ReadValue(store::Space space, Bytes key, store::Session::OnValue done, uint32_t tries = 1);
  // True if the read is worth another try, which `again` then makes after a pause.
  bool TryAgain(const Error& error, uint32_t tries, UniqueFunction<void()> again);
  using OnMark = UniqueFunction<void(Result<store::HistoryMark>)>;
  void Mark(OnMark done, uint32_t tries = 1);
  // An error: so much more does not fit. In object_storage_quota.cc, as the next.
  Result<Done> MakeRoom(uint64_t bytes);
  bool Fits(uint64_t bytes) { return CheckFits(bytes).has_value(); }
  Result<Done> CheckFits(uint64_t bytes);
  Result<uint64_t> SqlBytesMax() override;
  bool SqlNearsQuota();
  Result<Done> ReadTotals(uint64_t upto);  // As they are once the writes up to this one are durable, at most.
  // An error: what is sealed does not fit, and was let through while the store could not say so.
  Result<Done> CheckUnread();
  void TransactionEnded(bool committed);
  void Wrote();
  void SqlWrote(uint64_t bytes) override {
    put_pages_ += bytes;
    Wrote();
  }
  // Moves what SQL has changed in this burst into the write cache. False: that failed, and the instance has ended.
  bool CommitSql();
  void WantFlush();
  bool MustWait(const WriteOptions& options) const;
  // The object's name goes with the first of its writes, if it is not known to be there.
  void AddName(std::vector<store::Write>* writes);
  std::optional<Result<std::optional<Bytes>>> PeekAlarm();
  bool MayHaveAlarm();  // False: there is certainly none.
  // What a script sees of it.
  static Result<std::optional<int64_t>> ShownAlarm(const Result<std::optional<Bytes>>& record,
                                                   const std::optional<Bytes>& running);
  Now<Done> AfterWrite(const InputLock& lock, WriteOptions options, OnAnswer<Done> done);
  void OnCommit(uint64_t last, size_t bytes, Result<uint64_t> result);
  void ServeWaiting();

  StorageHost& host_;
  store::Session& session_;
  const ObjectId& id_;
  WriteCache cache_;
  ObjectSql sql_;
  std::unique_ptr<Error> shut_;
  std::optional<Bytes> running_alarm_;  // What the handler that runs was started for.
  std::list<Read> reads_;               // In the order of their calls.
  std::list<Waiting> waiting_;
  bool named_ = false;                   // It has, or needs not.
  std::optional<store::Totals> totals_;  // As last read,
  uint64_t put_ = 0, put_pages_ = 0;     // ... and at most so much was put since, in pairs and in pages,
  uint64_t put_open_ = 0;                // ... and in pairs, in the transaction that is open.
  bool put_unread_ = false;              // Something was put while the totals could not be read.
  size_t commits_ = 0;
  uint64_t sent_epoch_ = 0;  // The claim of the commits on the way.
  Instant sent_valid_until_{};
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // For pauses between tries.
};

template <typename T>
void ObjectStorage::Answer(Continue next, OnAnswer<T> done, Result<T> result) {
  if (shut_) return;
  if (next.lock) {
    UniqueFunction<void()> turn = [&] { done(std::move(result), std::move(next.lock)); };
    return host_.RunTurn(turn);
  }
  if (next.gate == nullptr) return;
  next.gate->Wait([done = std::move(done), result = std::move(result)](Result<InputLock> lock) mutable {
    if (lock.has_value()) done(std::move(result), std::move(lock).value());
  });
}

}  // namespace limpet::object
