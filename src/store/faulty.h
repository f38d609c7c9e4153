// An engine for simulations: what it holds is in memory, and everything that a disk may do to a store happens to it,
// by seed. Commits and reads take time, answers to different objects overtake each other, commits fail with the write
// landed or lost, the disk fills, power goes, claims are superseded.
//
// One thread, with everything on one loop (a SimLoop: then a seed replays a run).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "base/random.h"
#include "store/engine.h"
#include "store/image.h"

namespace limpet::store {

struct FaultyOptions {
  uint64_t seed = 1;
  // From Commit to the moment the batch is durable: commit_delay, and up to commit_jitter more.
  Duration commit_delay{};
  Duration commit_jitter{};
  Duration answer_jitter{};              // From durable to the answer: up to this.
  Duration read_jitter{};                // Get and Scan: up to this.
  uint32_t cold_reads_percent = 0;       // TryGet and TryScan that answer kWouldBlock, of 100.
  uint32_t failed_reads_permille = 0;    // Reads of the disk that answer kUnavailable, of 1,000.
  uint32_t failed_commits_permille = 0;  // Commits that fail as the disk would fail them, of 1,000.
  Miscount miscount = Miscount::kNone;
  Duration settle_delay = std::chrono::milliseconds(5);  // From a failed commit until the store may be read again.
};

// A failed commit fails as in store/rocks: every commit that waits, of any object, answers kUnavailable; for each
// object the seed picks how many of its waiting batches landed (the first n). Until the store has settled
// (settle_delay, and while the disk is full perhaps longer) reads and commits answer kUnavailable.
class FaultyEngine final : public Engine {
 public:
  // `loop` outlives the engine, or runs none of its timers after it.
  explicit FaultyEngine(loop::Loop* loop, FaultyOptions options = {});
  ~FaultyEngine() override;

  std::unique_ptr<Session> Attach(loop::Loop& loop) override;  // The loop of the constructor.
  Result<Claim> Acquire(uint32_t partition) override;
  void DropNamespace(NamespaceId ns, loop::Loop& loop, UniqueFunction<void(Result<Done>)> done) override;
  Result<std::vector<ObjectId>> ListObjects(NamespaceId ns, std::optional<ObjectId> after, size_t limit) override;
  void CountTogether(const std::vector<NamespaceId>& namespaces) override;
  std::map<NamespaceId, uint64_t> Stored() override;

  // What would be there if the power went now and no write on its way made it.
  const Image& durable() const;
  // Commits that are neither durable nor failed.
  size_t in_flight() const {
    return InFlight([](const ObjectId&) { return true; });
  }
  size_t InFlight(const std::function<bool(const ObjectId&)>& which) const;
  // False between a failed commit and its settlement.
  bool settled() const;

  // Power loss and restart: of each object's commits on the way the seed picks how many landed (the first n); the rest
  // is lost. Sessions attached before get no answer any more and refuse to read; attach new ones.
  void CrashAndReopen();
  // The next commit that comes to the disk fails; `landed` tells whether it is there after all.
  struct NextFailure {
    bool landed = false;
    size_t after = 0;  // So many commits are well before it.
  };
  void FailNextCommit(NextFailure failure);
  // The disk has lost what a page of the object held: reads of that record alone answer kCorrupt, until it is written
  // anew. (Blocks are checked by their checksums, so that a torn or misdirected one looks the same.)
  void DamagePage(const ObjectId& object, uint64_t page);
  bool IsDamaged(const ObjectId& object, uint64_t page) const;
  // While full every commit fails and is lost.
  void SetDiskFull(bool full);
  void ExpireHistory();  // See Image.
  // From now on, of 1,000 commits; overrides the option (0 to end a run in peace).
  void SetFailedCommits(uint32_t permille);

 private:
  struct State;
  std::shared_ptr<State> state_;
  friend class FaultySession;
};

}  // namespace limpet::store
