// Group commit: one thread that turns what many sessions hand over into few synced writes.
#pragma once

#include <rocksdb/write_batch.h>

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "base/counters.h"
#include "base/function.h"
#include "store/engine.h"
#include "store/groups.h"
#include "store/rocks/database.h"
#include "store/rocks/folder.h"
#include "store/rocks/numbers.h"
#include "store/session_link.h"

namespace limpet::store::rocks {

inline constexpr size_t kGroupBytesMax = 16 * 1024 * 1024;  // A group takes no more batches beyond it.
// A kClear whose values take more room keeps none of them: states before it are lost then.
inline constexpr size_t kClearKeptBytesMax = 256 * 1024 * 1024;
inline constexpr size_t kClearSliceBytes = 4 * 1024 * 1024;  // Other commits wait for no more of it at once.
// A slot of history ends when it has this many keys, or all open ones together have kSavedKeysMax.
inline constexpr size_t kSlotKeysMax = 4096;
inline constexpr size_t kSavedKeysMax = 512 * 1024;
inline constexpr size_t kClearOneByOneMax =
    64;  // A kClear of more keys is one range tombstone, which slows later reads.

struct CommitAnswer {
  uint64_t ticket = 0;
  Result<uint64_t> result;
};

// Where a session's answers go. Called on the session's loop, through `link`.
class CommitReceiver {
 public:
  virtual void Answered(std::vector<CommitAnswer> answers) = 0;
  // Every commit that is not answered yet has failed: what becomes of it, a replay of the log tells.
  virtual void HearFailures(uint64_t count) = 0;

 protected:
  ~CommitReceiver() = default;
};

struct Port {
  std::shared_ptr<SessionLink> link;
  CommitReceiver* receiver = nullptr;  // Lives while `link` is open.
};

// What one session hands over at the end of a turn.
struct Handover {
  struct Commit {
    uint64_t ticket = 0;
    Claim claim;
    ObjectBatch batch;
  };
  std::shared_ptr<Port> port;
  // How many failures the session has been told of. What it sent before it heard of the last one may build on batches
  // that are lost, and is refused.
  uint64_t failures_heard = 0;
  std::vector<Commit> commits;
};

// Owns the database's opening and closing. Public functions: any thread.
class Committer {
 public:
  // `reclaim` is told of namespaces whose space is to be given back, on the committer's thread. All outlive this.
  Committer(const RocksOptions& options, Folder& folder, Database& database, UniqueFunction<void(NamespaceId)> reclaim);
  ~Committer();

  // Before everything else: opens, and starts the thread.
  Result<Done> Start();
  void Stop();  // Works off what was handed over, then ends the thread. What comes later is lost.

  // Registers a session's port; returns how many failures there have been.
  uint64_t Register(const std::shared_ptr<Port>& port);
  void Hand(Handover handover);
  Result<Claim> Acquire(uint32_t partition);                           // Blocks.
  void Drop(NamespaceId ns, UniqueFunction<void(Result<Done>)> done);  // `done`: on the committer's thread.
  // `done`: on the committer's thread. See Session::Mark.
  void Mark(const ObjectId& object, Session::OnMark done);
  void ForgetAlarms(AlarmPage entries);  // Of the index alone: their namespace was dropped.
  void Reclaimed(NamespaceId ns);
  // Sets all sums but the object's.
  void AddSums(NamespaceId ns, Totals* totals);
  void CountTogether(const std::vector<NamespaceId>& namespaces);
  std::map<NamespaceId, uint64_t> Stored();
  bool IsOpen() const { return open_.load(std::memory_order_relaxed); }

 private:
  // Something rare that has a write of its own. `fill` may refuse; `done` hears how it went.
  struct Control {
    UniqueFunction<Result<Done>(rocksdb::WriteBatch&)> fill;
    UniqueFunction<void(Result<Done>)> done;
  };
  struct Asked {
    ObjectId object;
    Session::OnMark done;
  };
  using Work = std::variant<Handover, Control, Asked>;
  // The batches that share a write.
  struct Group {
    rocksdb::WriteBatch batch = rocksdb::WriteBatch();
    std::unordered_set<ObjectId> objects;
    std::unordered_map<ObjectId, std::optional<uint64_t>> alarms;  // Of those whose alarm the group changes: its time.
    std::vector<std::pair<std::shared_ptr<Port>, std::vector<CommitAnswer>>> answers;
    std::unordered_map<uint64_t, int64_t> used;  // By namespace: how much more its objects store.
    size_t commits = 0;
  };

  // A clear of much: what it takes away goes into the history in slices, each a write of its own, and the commits of
  // other objects go on in between. What comes for its object waits behind it.
  struct Stall {
    Handover clear;            // That commit alone.
    std::vector<Work> behind;  // In the order of their coming.
    uint64_t slot = 0;
    std::vector<Space> spaces;  // To be kept, the one under way last.
    ScanOptions next = {};
    size_t kept_bytes = 0;
    bool lost = false;  // It was too much: states before it are gone.
  };

  void Enqueue(Work work);
  void Run();
  void Process(std::vector<Work> works);
  void Add(Group& group, Handover& handover);
  // The object's new commit number, if its write is in the group now. kUnavailable: the database fails.
  Result<uint64_t> AddCommit(Group& group, const Handover::Commit& commit);
  Result<Done> AddWrites(Group& group, const ObjectBatch& batch, ObjectState& state);
  // What is known of the object, read if it must be. Valid until the next call.
  Result<ObjectState*> StateOf(const ObjectId& object);
  HistoryMark MarkNow(ObjectState& state);

  // History, in committer_history.cc.
  bool KeepsHistoryOf(const ObjectId& object) const {
    return options_.history > Duration::zero() && KeepsHistory(object.ns);
  }
  // The commit begins a slot, and what the object held before is in the group, not in the database.
  bool NeedsGroupWritten(const Group& group, const ObjectBatch& batch);
  Result<Done> AddHistory(Group& group, const ObjectBatch& batch, ObjectState& state);
  // What the write changes is read and, if `keeps`, goes into the history. `after_clear`: of the same batch.
  Result<Done> SaveOne(Group& group, const ObjectBatch& batch, ObjectState& state, const Write& write, bool keeps,
                       bool after_clear);
  Result<Done> SaveCleared(Group& group, const ObjectId& object, ObjectState& state, Space space);
  void ForgetSaved(ObjectState& state);
  Result<Done> LoadHistoryRecord();
  // Sums, in committer_sums.cc.
  static void Count(Group& group, NamespaceId ns, ObjectState& state, Space space, uint64_t before, uint64_t after);
  static void CountClear(Group& group, NamespaceId ns, ObjectState& state, Space space);
  void PutSums(Group& group);  // Into its batch.
  void SumsWritten(const Group& group);
  void DropSums(NamespaceId ns);
  Result<Done> LoadSums();
  uint64_t Tick() { return now_ms_ = std::max(now_ms_, WallMs(*options_.clock)); }

  // In committer_clear.cc. True: the commit waits now, behind a clear or as one.
  bool Stalls(const Handover& handover, Handover::Commit& commit);
  bool Stalls(Asked& asked);
  std::vector<Space> ClearsMuch(const ObjectBatch& batch, const ObjectState& state);
  // One slice of one of them; the last one commits, and lets those behind it go on.
  void StepStall();
  Result<bool> KeepSlice(const ObjectId& object, Stall& stall);  // True: that was the last.
  void EndStalls();                                              // The database has failed.

  // Keeps the index: the entry of the alarm that was goes.
  Result<Done> ForgetName(Group& group, const ObjectId& object);
  Result<Done> AddAlarm(Group& group, const ObjectId& object, const Write& write);
  Result<Done> AddClear(Group& group, const ObjectId& object, Space space);
  void Flush(Group& flushed);  // Writes, syncs, answers, and empties it.
  Result<Done> WriteSynced(rocksdb::WriteBatch& batch);
  void ProcessControl(Control& control);
  void RefuseAll(std::vector<Work>& works);

  void Fail(const Error& error);  // Closes, and announces it.
  void Announce();                // Tells every session that what it waits for has failed.
  void TryReopen();
  Result<Done> OpenAndLoad();

  const RocksOptions& options_;
  Folder& folder_;
  Database& database_;
  UniqueFunction<void(NamespaceId)> reclaim_;
  Counter& commits_total_;
  Counter& groups_total_;
  Counter& bytes_total_;
  Counter& history_total_;
  Counter& failures_total_;
  Counter& open_gauge_;

  std::mutex mutex_;  // Guards the next four.
  std::condition_variable wake_;
  std::vector<Work> queue_;
  bool stopping_ = false;
  std::vector<std::weak_ptr<Port>> ports_;
  uint64_t failures_ = 0;  // Written by the committer's thread under mutex_; it may read without.
  std::atomic<bool> open_{false};

  std::mutex used_mutex_;  // Guards the next three, of which the committer's thread alone changes the first two.
  std::unordered_map<uint64_t, uint64_t> used_;
  uint64_t used_by_all_ = 0;
  Groups groups_;

  // The committer's thread alone.
  std::unordered_map<uint32_t, uint64_t> epochs_;
  ObjectStates states_;
  std::map<ObjectId, Stall> stalls_;
  const Stall* ending_ = nullptr;         // Whose clear is being committed.
  size_t saved_keys_ = 0;                 // Of all of them, about.
  uint64_t now_ms_ = 0;                   // Never goes back: the clock may.
  uint64_t history_since_ = 0;            // Before this moment there are gaps.
  std::unordered_set<ObjectId> corrupt_;  // Their commit number can't be read; they take no writes until a restart.
  Duration backoff_{};
  std::thread thread_;
};

}  // namespace limpet::store::rocks
