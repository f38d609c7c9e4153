#include "store/faulty.h"

#include <deque>
#include <map>
#include <set>
#include <utility>

#include "store/limits.h"
#include "store/session_link.h"

namespace limpet::store {

class FaultySession;

struct FaultyEngine::State : std::enable_shared_from_this<FaultyEngine::State> {
  struct Waiting {
    std::shared_ptr<SessionLink> link;
    Claim claim;
    ObjectBatch batch;
    Session::OnCommit done;
  };
  struct Answer {
    std::shared_ptr<SessionLink> link;
    Session::OnCommit done;
    Result<uint64_t> result;
  };

  State(loop::Loop* on, FaultyOptions with) : loop(*on), options(with), random(with.seed) {}

  Duration UpTo(Duration jitter) {
    if (jitter <= Duration::zero()) return Duration::zero();
    return Duration(static_cast<int64_t>(random.Below(static_cast<uint64_t>(jitter.count()) + 1)));
  }
  bool Happens(uint32_t permille) { return permille > 0 && random.Below(1000) < permille; }

  // Runs `step` after `delay`, unless the power went in between.
  template <typename Step>
  void Later(Duration delay, Step step) {
    loop.After(delay, [weak = weak_from_this(), life = life, step = std::move(step)]() mutable {
      std::shared_ptr<State> self = weak.lock();
      if (self != nullptr && self->life == life) step(*self);
    });
  }

  Result<std::optional<Bytes>> Read(const ObjectId& object, Space space, BytesView key) const {
    if (space == Space::kPage && damaged.contains({object, Bytes(key)}))
      return Error(ErrorCode::kCorrupt, "bad checksum in 000007.sst");
    return image.Get(object, space, key);
  }
  uint64_t Apply(const ObjectBatch& batch, bool recovering = false);
  void Submit(Waiting waiting);
  void ReachDisk(const ObjectId& object);
  void AnswerLater(const ObjectId& object, Answer answer);
  void AnswerFront(const ObjectId& object);
  static void Tell(Answer answer) {
    answer.link->Post(
        [done = std::move(answer.done), result = std::move(answer.result)]() mutable { done(std::move(result)); });
  }
  // The first `count` of an object's waiting commits become durable.
  void LandSome(std::deque<Waiting>& commits, size_t count);
  void Fail(std::optional<std::pair<ObjectId, bool>> first);
  void Settle();

  loop::Loop& loop;
  FaultyOptions options;
  SeededRandom random;
  Image image;
  Groups groups;
  std::set<std::pair<ObjectId, Bytes>> damaged;     // Pages, by their keys.
  std::map<ObjectId, std::deque<Waiting>> waiting;  // In the order of the calls. Erased when empty.
  std::map<ObjectId, std::deque<Answer>> answers;   // Durable, not yet told.
  std::optional<NextFailure> next_failure;
  bool disk_full = false;
  bool settled = true;
  std::map<uint64_t, std::pair<std::shared_ptr<SessionLink>, FaultySession*>> sessions;  // That live, as attached.
  uint64_t next_session = 1;
  uint64_t failures = 0;  // A session that has not heard of the last one can't commit.
  uint64_t life = 0;      // Restarts.
};

// A session knows how many failures it has been told of: what it commits before it hears of the last one builds on
// batches that may be lost, and is refused.
class FaultySession final : public Session {
  using State = FaultyEngine::State;

 public:
  FaultySession(std::shared_ptr<FaultyEngine::State> state, loop::Loop& loop)
      : state_(std::move(state)),
        link_(std::make_shared<SessionLink>(loop)),
        number_(state_->next_session++),
        life_(state_->life),
        failures_heard_(state_->failures) {
    state_->sessions.emplace(number_, std::pair(link_, this));
  }
  ~FaultySession() override {
    state_->sessions.erase(number_);
    link_->Close();
  }

  Result<std::optional<Bytes>> TryGet(const ObjectId& object, Space space, BytesView key) override {
    if (Result<Done> ready = Ready(); !ready) return std::move(ready).error();
    if (Cold()) return Error(ErrorCode::kWouldBlock, "not in memory");
    return state_->Read(object, space, key);
  }

  void Get(const ObjectId& object, Space space, Bytes key, OnValue done) override {
    Read(std::move(done),
         [object, space, key = std::move(key)](const State& state) { return state.Read(object, space, key); });
  }

  Result<ScanPage> TryScan(const ObjectId& object, const ScanOptions& options) override {
    if (Result<Done> ready = Ready(); !ready) return std::move(ready).error();
    if (Cold()) return Error(ErrorCode::kWouldBlock, "not in memory");
    return state_->image.Scan(object, options);
  }

  void Scan(const ObjectId& object, ScanOptions options, OnPage done) override {
    Read(std::move(done),
         [object, options = std::move(options)](const State& state) { return state.image.Scan(object, options); });
  }

  void ScanAlarms(std::optional<AlarmEntry> after, size_t limit, OnAlarms done) override {
    Read(std::move(done), [after, limit](const State& state) { return state.image.ScanAlarms(after, limit); });
  }

  Result<std::optional<Bytes>> ReadNow(const ObjectId& object, Space space, BytesView key) override {
    if (Result<Done> failed = Fails(); !failed) return std::move(failed).error();
    return state_->Read(object, space, key);
  }

  Result<ScanPage> ScanNow(const ObjectId& object, const ScanOptions& options) override {
    if (Result<Done> failed = Fails(); !failed) return std::move(failed).error();
    return state_->image.Scan(object, options);
  }

  Result<Totals> TotalsNow(const ObjectId& object) override {
    if (Result<Done> failed = Fails(); !failed) return std::move(failed).error();
    return state_->image.Count(object, state_->groups);
  }

  // Looked at at the end of the wait: between two commits of the object.
  void Mark(const ObjectId& object, OnMark done) override {
    if (state_->life != life_) return;
    state_->Later(state_->UpTo(state_->options.read_jitter),
                  [this, link = link_, object, done = std::move(done)](FaultyEngine::State& state) mutable {
                    if (!link->open()) return;
                    if (Result<Done> ready = Ready(); !ready) return done(std::move(ready).error());
                    done(state.image.Mark(object, WallMs(state.loop)));
                  });
  }

  void Commit(const Claim& claim, ObjectBatch batch, OnCommit done) override {
    if (Result<Done> checked = CheckBatch(batch); !checked) return Refuse(std::move(done), std::move(checked).error());
    if (state_->life != life_) return;
    if (!state_->settled || state_->failures != failures_heard_) {
      return Refuse(std::move(done),
                    Error(ErrorCode::kUnavailable, "the store is being reopened after a failed write"));
    }
    state_->Submit({link_, claim, std::move(batch), std::move(done)});
  }

  void HearFailures(uint64_t count) { failures_heard_ = count; }

 private:
  Result<Done> Ready() const {
    if (state_->life != life_) return Error(ErrorCode::kUnavailable, "the power went");
    if (!state_->settled) return Error(ErrorCode::kUnavailable, "the store is being reopened after a failed write");
    return Done{};
  }
  // A read of the disk.
  Result<Done> Fails() {
    if (Result<Done> ready = Ready(); !ready) return ready;
    if (state_->Happens(state_->options.failed_reads_permille))
      return Error(ErrorCode::kUnavailable, "the disk failed a read");
    return Done{};
  }
  bool Cold() { return state_->Happens(state_->options.cold_reads_percent * 10); }

  void Refuse(OnCommit done, Error error) {
    link_->Post([done = std::move(done), error = std::move(error)]() mutable { done(std::move(error)); });
  }

  // Reads at the beginning or at the end of the wait: both are a state no older than at the call.
  template <typename T, typename ReadIt>
  void Read(UniqueFunction<void(Result<T>)> done, ReadIt read) {
    if (state_->life != life_) return;
    using Answer = Result<T>;
    auto attempt = [this, read = std::move(read)]() -> Answer {
      if (Result<Done> failed = Fails(); !failed) return std::move(failed).error();
      return read(*state_);
    };
    std::optional<Answer> early;
    if (state_->random.Below(2) == 0) early = attempt();
    state_->Later(
        state_->UpTo(state_->options.read_jitter),
        [link = link_, attempt = std::move(attempt), early = std::move(early), done = std::move(done)](auto&) mutable {
          if (link->open()) done(early ? std::move(*early) : attempt());
        });
  }

  std::shared_ptr<FaultyEngine::State> state_;
  std::shared_ptr<SessionLink> link_;
  uint64_t number_;
  uint64_t life_;
  uint64_t failures_heard_;
};

uint64_t FaultyEngine::State::Apply(const ObjectBatch& batch, bool recovering) {
  for (const Write& write : batch.writes) {
    if (write.space != Space::kPage || damaged.empty()) continue;
    std::erase_if(damaged, [&](const auto& page) {
      return page.first == batch.object && (write.kind == Write::Kind::kClear || page.second == write.key);
    });
  }
  return image.Apply(batch, WallMs(loop), recovering);
}

void FaultyEngine::State::Submit(Waiting commit) {
  ObjectId object = commit.batch.object;
  waiting[object].push_back(std::move(commit));
  Later(options.commit_delay + UpTo(options.commit_jitter), [object, failure = failures](State& self) {
    if (self.failures == failure) self.ReachDisk(object);
  });
}

// One of the object's commits is due: it is the first that waits, whichever timer it was.
void FaultyEngine::State::ReachDisk(const ObjectId& object) {
  auto found = waiting.find(object);
  LIMPET_CHECK(found != waiting.end() && !found->second.empty());
  if (disk_full) return Fail(std::nullopt);
  if (next_failure && next_failure->after-- == 0)
    return Fail(std::pair(object, std::exchange(next_failure, std::nullopt)->landed));
  if (Happens(options.failed_commits_permille)) return Fail(std::pair(object, random.Below(2) == 0));
  LandSome(found->second, 1);
  if (found->second.empty()) waiting.erase(found);
}

void FaultyEngine::State::LandSome(std::deque<Waiting>& commits, size_t count) {
  for (; count > 0; --count) {
    Waiting commit = std::move(commits.front());
    commits.pop_front();
    Result<uint64_t> result = image.Allows(commit.claim, loop.Now())
                                  ? Result<uint64_t>(Apply(commit.batch))
                                  : Result<uint64_t>(Fenced(commit.claim, image.Epoch(commit.claim.partition)));
    AnswerLater(commit.batch.object, {commit.link, std::move(commit.done), std::move(result)});
  }
}

void FaultyEngine::State::AnswerLater(const ObjectId& object, Answer answer) {
  if (options.answer_jitter <= Duration::zero()) return Tell(std::move(answer));
  answers[object].push_back(std::move(answer));
  Later(UpTo(options.answer_jitter), [object, failure = failures](State& self) {
    if (self.failures == failure) self.AnswerFront(object);
  });
}

void FaultyEngine::State::AnswerFront(const ObjectId& object) {
  auto found = answers.find(object);
  LIMPET_CHECK(found != answers.end() && !found->second.empty());
  Answer answer = std::move(found->second.front());
  found->second.pop_front();
  if (found->second.empty()) answers.erase(found);
  if (answer.link->open()) answer.done(std::move(answer.result));
}

// Every commit that waits fails, with what came before it told first. `first` is the commit that the disk failed, and
// whether it landed; without it nothing lands (there is no room).
void FaultyEngine::State::Fail(std::optional<std::pair<ObjectId, bool>> first) {
  ++failures;
  settled = false;
  for (auto& [object, told] : std::exchange(answers, {})) {
    for (Answer& answer : told) Tell(std::move(answer));
  }
  std::map<ObjectId, std::deque<Waiting>> failed = std::exchange(waiting, {});
  for (auto& [object, commits] : failed) {
    size_t landed = first && first->first != object ? random.Below(commits.size() + 1) : 0;
    if (first && first->first == object && first->second) landed = 1 + random.Below(commits.size());
    for (size_t i = 0; i < commits.size(); ++i) {
      Waiting& commit = commits[i];
      if (i < landed && image.Allows(commit.claim, loop.Now())) (void)Apply(commit.batch);
      Tell({commit.link, std::move(commit.done), Error(ErrorCode::kUnavailable, "the disk failed a write")});
    }
  }
  for (auto& [number, entry] : sessions) {
    entry.first->Post([session = entry.second, count = failures] { session->HearFailures(count); });
  }
  Later(options.settle_delay, [](State& self) { self.Settle(); });
}

// With a full disk the database may open or not; with room it opens.
void FaultyEngine::State::Settle() {
  if (disk_full && random.Below(2) == 0) {
    Later(options.settle_delay + std::chrono::nanoseconds(1), [](State& self) { self.Settle(); });
    return;
  }
  settled = true;
}

FaultyEngine::FaultyEngine(loop::Loop* loop, FaultyOptions options) : state_(std::make_shared<State>(loop, options)) {
  state_->image.SetMiscount(options.miscount);
}
FaultyEngine::~FaultyEngine() = default;

std::unique_ptr<Session> FaultyEngine::Attach(loop::Loop& loop) {
  LIMPET_CHECK(&loop == &state_->loop);
  return std::make_unique<FaultySession>(state_, loop);
}

Result<Claim> FaultyEngine::Acquire(uint32_t partition) { return state_->image.Acquire(partition); }

void FaultyEngine::DropNamespace(NamespaceId ns, loop::Loop& loop, UniqueFunction<void(Result<Done>)> done) {
  LIMPET_CHECK(&loop == &state_->loop);
  state_->Later(state_->options.commit_delay + state_->UpTo(state_->options.commit_jitter),
                [ns, done = std::move(done)](State& state) mutable {
                  if (state.disk_full || !state.settled)
                    return done(Error(ErrorCode::kUnavailable, "the disk failed a write"));
                  state.image.Drop(ns);
                  done(Done{});
                });
}

Result<std::vector<ObjectId>> FaultyEngine::ListObjects(NamespaceId ns, std::optional<ObjectId> after, size_t limit) {
  return state_->image.List(ns, after, limit);
}

std::map<NamespaceId, uint64_t> FaultyEngine::Stored() { return state_->image.stored(); }

void FaultyEngine::CountTogether(const std::vector<NamespaceId>& namespaces) { state_->groups.Put(namespaces); }

const Image& FaultyEngine::durable() const { return state_->image; }
bool FaultyEngine::settled() const { return state_->settled; }

size_t FaultyEngine::InFlight(const std::function<bool(const ObjectId&)>& which) const {
  size_t count = 0;
  for (const auto& [object, commits] : state_->waiting) {
    if (which(object)) count += commits.size();
  }
  return count;
}

void FaultyEngine::CrashAndReopen() {
  State& state = *state_;
  for (auto& [number, entry] : state.sessions) entry.first->Close();
  // What the dead process held goes at the end of this function: it may own sessions.
  std::map<ObjectId, std::deque<State::Waiting>> lost = std::exchange(state.waiting, {});
  std::map<ObjectId, std::deque<State::Answer>> untold = std::exchange(state.answers, {});
  for (auto& [object, commits] : lost) {
    size_t landed = state.disk_full ? 0 : state.random.Below(commits.size() + 1);
    for (size_t i = 0; i < landed; ++i) {
      if (state.image.Allows(commits[i].claim, state.loop.Now()))
        (void)state.Apply(commits[i].batch, /*recovering=*/true);
    }
  }
  ++state.life;
  state.next_failure.reset();
  state.settled = true;
}

void FaultyEngine::FailNextCommit(NextFailure failure) { state_->next_failure = failure; }
void FaultyEngine::DamagePage(const ObjectId& object, uint64_t page) {
  Bytes key;
  AppendBigEndian64(key, page);
  state_->damaged.emplace(object, std::move(key));
}

bool FaultyEngine::IsDamaged(const ObjectId& object, uint64_t page) const {
  Bytes key;
  AppendBigEndian64(key, page);
  return state_->damaged.contains({object, std::move(key)});
}

void FaultyEngine::ExpireHistory() { state_->image.ExpireHistory(WallMs(state_->loop)); }
void FaultyEngine::SetDiskFull(bool full) { state_->disk_full = full; }
void FaultyEngine::SetFailedCommits(uint32_t permille) { state_->options.failed_commits_permille = permille; }

}  // namespace limpet::store
