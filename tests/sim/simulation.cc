#include "sim/simulation.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "object/mutations.h"

namespace limpet::sim {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr uint64_t kSqlSeedsOneIn = 12;  // They take longer.

template <typename T>
T OneOf(Random& random, std::initializer_list<T> choices) {
  return choices.begin()[random.Below(choices.size())];
}

}  // namespace

Simulation::Simulation(uint64_t seed, const OutletMutations& outlets, std::function<void(const std::string&)> violation)
    : loop_(seed),
      random_(seed * 7919 + 1),
      model_(std::move(violation)),
      lines_(loop_, random_, model_,
             [this](const ObjectId& object) { return model_.retired(object.ns) || draining_.has_value(); }),
      outlets_(outlets) {
  uint64_t kind = random_.Below(6);
  bool all = kind == 5;
  // Deploys and the like end instances that are innocent; there only bounds are known.
  if (kind > 1) model_.alarms.Disturbed();
  modes_ = {.faults = kind == 1 || kind == 3 || all,
            .rolls = kind >= 2,
            .crashes = kind == 2 || kind == 3 || all,
            .claims = kind == 3 || all,
            .breaks = kind == 2 || all,
            .removes = kind == 2 || kind == 4 || all,
            .drains = kind == 4 || all,
            .deletes = kind == 2 || all,
            .damage = (kind == 1 || all) && random_.Below(2) == 0,
            .sql = random_.Below(kSqlSeedsOneIn) == 0,
            .sheds = kind > 0 && kind != 4 && seed % 3 == 0};
  model_.quiet = kind == 0 || kind == 4;
  options_.idle_evict = OneOf<Duration>(random_, {milliseconds(2), milliseconds(10), seconds(10)});
  options_.idle_evict_pinned = OneOf<Duration>(random_, {milliseconds(20), seconds(70)});
  options_.roll_grace = OneOf<Duration>(random_, {milliseconds(1), milliseconds(10), seconds(30)});
  options_.settings_kept = std::chrono::minutes(20);
  if (model_.quiet) options_.roll_grace = seconds(30);  // Whatever runs has time to end.
  if (modes_.faults) options_.flush_max = OneOf<Duration>(random_, {milliseconds(5), seconds(30)});
  if (modes_.sheds) {
    options_.inbox_wait_max = OneOf<Duration>(random_, {milliseconds(2), milliseconds(15), seconds(60)});
    options_.inbox_events_max = OneOf<size_t>(random_, {2, 1000});
    options_.window_events_max = OneOf<size_t>(random_, {0, 8});
  }
  store::FaultyOptions faults{.seed = seed};
  faults.miscount = static_cast<store::Miscount>(object::ActiveMutations().miscount);
  faults.commit_delay = microseconds(random_.Below(8000));
  faults.commit_jitter = microseconds(random_.Below(4000));
  faults.answer_jitter = microseconds(random_.Below(2000));
  faults.read_jitter = microseconds(random_.Below(6000));
  faults.cold_reads_percent = OneOf<uint32_t>(random_, {0, 30, 100});
  if (modes_.faults) faults.failed_commits_permille = OneOf<uint32_t>(random_, {0, 20, 200});
  if (modes_.faults) faults.failed_reads_permille = OneOf<uint32_t>(random_, {0, 50});
  bool slow = options_.flush_max < seconds(1);
  if (slow || faults.failed_commits_permille + faults.failed_reads_permille > 0) model_.alarms.Disturbed();
  object::ActiveMutations().sql_cache_bytes = OneOf<size_t>(random_, {4096, 2 * 1024 * 1024});
  engine_ = std::make_unique<store::FaultyEngine>(&loop_, faults);
  model_.SetEngine(engine_.get());
  MakeObjects();
  Open();
}

Simulation::~Simulation() {
  model_.quiet = false;
  Close();
}

void Simulation::MakeObjects() {
  former_ = std::exchange(objects_, {});
  for (uint64_t left = 2 + random_.Below(3); left > 0; --left) {
    ObjectId id{.ns = space_};
    random_.Fill(id.base);
    objects_.push_back(id);
  }
}

// --- The server: up and down

void Simulation::Open() {
  ++lives_;
  lines_.SetLife(lives_);
  for (size_t index = 0; index < 2 * kShards; ++index) net_.push_back(std::make_unique<Wire>(loop_));
  claim_ = engine_->Acquire(0).value();
  counters_ = std::make_unique<Counters>();
  bool interrupts = random_.Below(2) == 0;
  for (size_t index = 0; index < kShards * kShards; ++index) wires_.push_back(std::make_unique<Wire>(loop_));
  for (size_t index = 0; index < kShards; ++index) {
    control_.push_back(std::make_unique<Wire>(loop_));
    auto place = std::make_unique<Place>();
    place->loop = &loop_;
    place->model = &model_;
    place->lines = &lines_;
    place->shard = index;
    place->shards = kShards;
    place->roll_grace = options_.roll_grace;
    place->shutdown_max = options_.pre_shutdown_max + options_.flush_max;
    place->wait_max = options_.inbox_wait_max;
    place->removed = removed_;
    place->outlets = &outlets_;
    place->interrupts = interrupts;
    place->claim_valid = [this] { return ClaimValid(); };
    place->script_of = [this](const std::string& url) { return scripts_[std::stoul(url)]; };
    place->damaged = [this](const ObjectId& id, uint32_t page) { return engine_->IsDamaged(id, page); };
    place->socket_script = [this] {
      return MakeScript(random_,
                        {.calls = false, .aborts = !model_.quiet, .sql = modes_.sql, .replies = false, .steps_max = 3});
    };
    place->request_of = [this](uint32_t number, const ObjectId& caller, ObjectId* callee) {
      // Calls in a circle, of objects that are being replaced, wait for each other's next instance and so for their own
      // end: they fail at the end of the grace, which is right, but not quiet.
      *callee = objects_[number % objects_.size()];
      if (model_.quiet && !(caller < *callee)) *callee = *std::max_element(objects_.begin(), objects_.end());
      return Request({.calls = false, .aborts = !model_.quiet, .sql = modes_.sql});
    };
    place->call = [this, index](const ObjectId& callee, HttpRequest request, object::OnReply reply) {
      Call(index, callee, std::move(request), std::move(reply));
    };
    auto shard = object::Shard::Make(loop_, engine_->Attach(loop_), claim_, options_, log_, *counters_);
    shards_.push_back(std::make_unique<Watch>(loop_, model_, *place, std::move(shard)));
    places_.push_back(std::move(place));
  }
  for (size_t self = 0; self < kShards; ++self) {
    // What others post to this shard is posted by the one other: its answers come by the wire from there.
    std::vector<object::Directory::Peer> peers;
    for (size_t peer = 0; peer < kShards; ++peer) {
      size_t wire = peer == self ? (1 - self) * kShards + self : self * kShards + peer;
      peers.push_back({wires_[wire].get(), shards_[peer].get()});
    }
    directories_.push_back(std::make_unique<object::Directory>(std::move(peers), self));
  }
  if (objects_.front().ns != space_) MakeObjects();
  ++version_;
  for (size_t index = 0; index < kShards; ++index) SetClass(index, space_, version_);
  StartClock();
  for (NamespaceId ns : dropping_) Drop(ns);
}

void Simulation::StartClock() {
  object::AlarmClockOptions options;
  options.page = OneOf<size_t>(random_, {1, 2, 1024});
  options.ahead_max = 2 * options.page;
  options.fires_max = OneOf<size_t>(random_, {1, 2, 1000});
  options.slow_after = OneOf<Duration>(random_, {milliseconds(3), seconds(5)});
  options.again_first = OneOf<Duration>(random_, {milliseconds(10), seconds(2)});
  options.again_max = OneOf<size_t>(random_, {1, 1000});
  clock_wire_ = std::make_unique<Wire>(loop_);
  std::vector<object::Directory::Peer> peers;
  for (size_t index = 0; index < kShards; ++index) peers.push_back({control_[index].get(), shards_[index].get()});
  clock_ =
      std::make_unique<object::AlarmClock>(*clock_wire_, engine_->Attach(loop_), std::move(peers), options, *counters_);
  for (auto& shard : shards_) shard->SetOnAlarmChange(clock_->Listener());
  clock_->Start();
}

void Simulation::Close() {
  ++lives_;
  clock_.reset();
  clock_wire_->Cut();
  old_wires_.push_back(std::move(clock_wire_));
  draining_.reset();
  for (auto& sent : sent_) sent->lost |= sent->replies == 0;
  bodies_.clear();
  for (auto& wire : wires_) wire->Cut();
  for (auto& wire : control_) wire->Cut();
  for (auto& wire : net_) wire->Cut();
  lines_.SetLife(lives_);
  directories_.clear();
  shards_.clear();
  for (auto& place : places_) old_places_.push_back(std::move(place));
  for (auto& wire : wires_) old_wires_.push_back(std::move(wire));
  places_.clear();
  for (auto& wire : net_) old_wires_.push_back(std::move(wire));
  wires_.clear();
  net_.clear();
  control_.clear();
}

void Simulation::Drain() {
  if (draining_) return;
  draining_ = kShards;
  clock_.reset();
  for (size_t index = 0; index < kShards; ++index) {
    OnShard(index, [this](size_t index) { shards_[index]->Drain([this] { --*draining_; }); });
  }
}

bool Simulation::RestartIfDrained() {
  if (draining_ != 0u) return false;
  Close();
  Open();
  return true;
}

// --- Code that changes

void Simulation::OnShard(size_t index, std::function<void(size_t index)> work) {
  control_[index]->Post([index, work = std::move(work)] { work(index); });
}

void Simulation::SetClass(size_t index, NamespaceId ns, uint64_t version) {
  using Mode = object::CodeUpdate::Mode;
  object::CodeUpdate update;
  if (random_.Below(model_.quiet ? 4 : 2) == 0)
    update = {Mode::kDeferred, OneOf<Duration>(random_, {milliseconds(10), seconds(20)})};
  // Whatever runs has time to end, where nothing may fail.
  if (model_.quiet && update.mode == Mode::kDeferred) update.max_delay = seconds(600);
  if (!model_.quiet && random_.Below(4) == 0) update = {Mode::kImmediate, {}};
  shards_[index]->SetClass(ns, std::make_shared<FakeClass>(places_[index].get(), version), update);
}

void Simulation::Roll() {
  ++version_;
  for (size_t index = 0; index < kShards; ++index) {
    OnShard(index, [this, ns = space_, version = version_](size_t index) { SetClass(index, ns, version); });
  }
}

void Simulation::BreakAll() {
  OnShard(random_.Below(kShards), [this](size_t index) {
    const auto& classes = shards_[index]->classes();
    FakeClass& broken = *classes[random_.Below(classes.size())];
    if (random_.Below(2) == 0) return shards_[index]->EndAll(&broken);
    broken.dead_up_to = places_[index]->instances;
    shards_[index]->BreakAll(&broken, Error(ErrorCode::kOverloaded, "the isolate ran out of memory"));
  });
}

void Simulation::Remove() {
  NamespaceId old = space_;
  model_.Retired(old);
  dropping_.insert(old);
  removed_.insert(old);
  ++space_.value;
  ++version_;
  auto left = std::make_shared<size_t>(kShards), unaware = std::make_shared<size_t>(kShards);
  for (size_t index = 0; index < kShards; ++index) {
    OnShard(index, [this, old, ns = space_, left, unaware, version = version_](size_t index) {
      shards_[index]->RemoveClass(old, Error(ErrorCode::kUnavailable, "the class was deleted"), [this, old, left] {
        if (--*left == 0) Drop(old);
      });
      SetClass(index, ns, version);
      if (--*unaware == 0) MakeObjects();
    });
  }
}

void Simulation::Delete() {
  ObjectId id = objects_[random_.Below(objects_.size())];
  OnShard(object::ShardOf(id, kShards), [this, id](size_t index) {
    model_.DeleteBegins(id);
    shards_[index]->Delete(id, [this, id](Result<Done> done) { model_.Deleted(id, done.has_value()); });
  });
}

void Simulation::Damage() {
  ObjectId id = objects_[random_.Below(objects_.size())];
  store::ScanPage pages = engine_->durable().Scan(id, {.space = store::Space::kPage, .start = {}, .end = {}});
  if (pages.pairs.empty()) return;
  engine_->DamagePage(id, ReadBigEndian64(pages.pairs[random_.Below(pages.pairs.size())].first));
}

void Simulation::Drop(NamespaceId ns) {
  engine_->DropNamespace(ns, loop_, [this, ns, life = lives_](Result<Done> gone) {
    if (gone.has_value()) {
      model_.Dropped(ns);
      dropping_.erase(ns);
    } else if (life == lives_) {
      loop_.After(milliseconds(5), [this, ns, life] {
        if (life == lives_) Drop(ns);
      });
    }
  });
}

// --- Events

HttpRequest Simulation::Request(ScriptKinds kinds) {
  scripts_.push_back(MakeScript(random_, kinds));
  HttpRequest request;
  request.url = std::to_string(scripts_.size() - 1);
  return request;
}

void Simulation::Call(size_t from, const ObjectId& id, HttpRequest request, object::OnReply reply) {
  request.method = std::to_string(from) + ":" + std::to_string(++calls_);
  directories_[from]->Fetch(id, std::nullopt, std::move(request), std::move(reply));
}

void Simulation::Send() {
  auto sent = std::make_shared<Sent>();
  bool former = !former_.empty() && random_.Below(8) == 0;
  const std::vector<ObjectId>& objects = former ? former_ : objects_;
  sent_.push_back(sent);
  size_t from = random_.Below(kShards);
  Call(from, objects[random_.Below(objects.size())],
       Request({.calls = true, .aborts = !model_.quiet, .accepts = !former, .sql = modes_.sql}),
       [this, sent, from](Result<HttpResponse> result) { OnReply(sent, from, std::move(result)); });
}

void Simulation::OnReply(const std::shared_ptr<Sent>& sent, size_t from, Result<HttpResponse> result) {
  if (++sent->replies > 1) model_.Violate("two replies to one event");
  if (result.has_value() && result.value().websocket != nullptr && !sent->lost && random_.Below(16) > 0) {
    uint64_t line = std::stoull(std::string(*result.value().headers.Get("Line")));
    lines_.Attach(line,
                  object::BridgeWebSocket(std::move(result.value().websocket), *net_[from], *net_[kShards + from]));
  }
  if (!result.has_value() || result.value().body.stream == nullptr || random_.Below(8) == 0) return;
  ReadBody(std::move(result.value().body.stream));
}

void Simulation::ReadBody(std::unique_ptr<BodyStream> body) {
  BodyStream* stream = body.get();
  bodies_.push_back(std::move(body));
  stream->Read([this, stream](Result<std::optional<Bytes>> chunk) {
    if (!chunk.has_value() || !chunk.value()) return;  // Kept until the end of the run.
    loop_.Post([this, stream] {
      for (auto next = bodies_.begin(); next != bodies_.end(); ++next) {
        if (next->get() != stream) continue;
        std::unique_ptr<BodyStream> owned = std::move(*next);
        bodies_.erase(next);
        return ReadBody(std::move(owned));
      }
    });
  });
}

void Simulation::Pass(Duration duration) {
  for (Duration left = duration; left > Duration::zero(); left -= microseconds(400)) {
    loop_.Advance(std::min<Duration>(left, microseconds(400)));
    model_.CheckDisk();
  }
}

void Simulation::Act() {
  if (RestartIfDrained()) return;
  uint64_t action = random_.Below(36);
  if (action < 12) return Send();
  if (action >= 28) return lines_.Talk();
  if (action == 12 || action == 13) model_.alarms.Disturbed();  // And from then on: the failure may come later.
  if (action == 12 && modes_.faults) return engine_->FailNextCommit({.landed = random_.Below(2) == 0});
  if (action == 13 && modes_.faults) return engine_->SetDiskFull(random_.Below(2) == 0);
  if (action == 14 && modes_.rolls) return Roll();
  if (action == 21 && modes_.deletes && random_.Below(2) == 0) return Delete();
  if (action == 22 && modes_.damage && random_.Below(2) == 0) return Damage();
  if (action == 15 && modes_.crashes && random_.Below(3) == 0) {
    Close();
    engine_->CrashAndReopen();
    model_.CheckDisk();
    model_.CheckCounts();
    return Open();
  }
  if (action >= 16 && action < 18 && modes_.claims) {
    claim_.valid_until = loop_.Now() + microseconds(random_.Below(6000));
    for (auto& shard : shards_) shard->SetClaim(claim_);
    return;
  }
  if (action == 18 && modes_.breaks) return BreakAll();
  if (action == 19 && modes_.removes && objects_.front().ns == space_ && random_.Below(3) == 0) return Remove();
  if (action == 20 && modes_.drains && random_.Below(2) == 0) return Drain();
  Pass(microseconds(random_.Below(action == 27 ? 30000 : 4000)));
}

void Simulation::Heal() {
  engine_->SetDiskFull(false);
  engine_->SetFailedCommits(0);
  claim_.valid_until = Instant::max();
  for (auto& shard : shards_) shard->SetClaim(claim_);
}

void Simulation::Run() {
  for (uint64_t left = 20 + random_.Below(50); left > 0; --left) Act();
  Heal();
  Pass(milliseconds(60));
  if (!loop_.RunUntilIdle(std::chrono::minutes(30))) model_.Violate("it never came to rest");
  model_.CheckDisk();
  if (draining_.value_or(0) > 0) model_.Violate("a drain never ended");
  if (!dropping_.empty()) model_.Violate("the storage of a deleted class was never destroyed");
  for (auto& sent : sent_) {
    if (sent->replies == 0 && !sent->lost) model_.Violate("an event got no reply");
  }
  lines_.CheckEnd();
  model_.CheckDatabases();
  model_.CheckCounts();
  if (!draining_) model_.CheckNoAlarms();
  for (auto& shard : shards_) {
    if (shard->live_instances() > 0 && bodies_.empty()) model_.Violate("an idle object was not evicted");
  }
}

}  // namespace limpet::sim
