#include "sim/simulation.h"

#include <chrono>
#include <utility>

namespace limpet::sim {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

template <typename T>
T OneOf(Random& random, std::initializer_list<T> choices) {
  return choices.begin()[random.Below(choices.size())];
}

// "w=12": what left was issued after confirmed write 12.
std::optional<uint64_t> WriteIn(const std::string& text) {
  if (!text.starts_with("w=")) return std::nullopt;
  return std::stoull(text.substr(2));
}

}  // namespace

Simulation::Simulation(uint64_t seed, const OutletMutations& outlets, std::function<void(const std::string&)> violation)
    : loop_(seed), random_(seed * 7919 + 1), model_(std::move(violation)), outlets_(outlets) {
  uint64_t kind = random_.Below(4);
  modes_ = {
      .faults = kind == 1 || kind == 3, .rolls = kind >= 2, .crashes = kind == 2 || kind == 3, .claims = kind == 3};
  model_.quiet = kind == 0;
  options_.idle_evict = OneOf<Duration>(random_, {milliseconds(2), milliseconds(10), seconds(10)});
  options_.idle_evict_pinned = OneOf<Duration>(random_, {milliseconds(20), seconds(70)});
  options_.roll_grace = OneOf<Duration>(random_, {milliseconds(1), milliseconds(10), seconds(30)});
  if (modes_.faults) options_.flush_max = OneOf<Duration>(random_, {milliseconds(5), seconds(30)});
  store::FaultyOptions faults{.seed = seed};
  faults.commit_delay = microseconds(random_.Below(8000));
  faults.commit_jitter = microseconds(random_.Below(4000));
  faults.answer_jitter = microseconds(random_.Below(2000));
  faults.read_jitter = microseconds(random_.Below(6000));
  faults.cold_reads_percent = OneOf<uint32_t>(random_, {0, 30, 100});
  if (modes_.faults) faults.failed_commits_permille = OneOf<uint32_t>(random_, {0, 20, 200});
  if (modes_.faults) faults.failed_reads_permille = OneOf<uint32_t>(random_, {0, 50});
  engine_ = std::make_unique<store::FaultyEngine>(&loop_, faults);
  model_.SetEngine(engine_.get());
  for (uint64_t left = 2 + random_.Below(3); left > 0; --left) {
    ObjectId id{.ns = kSpace};
    random_.Fill(id.base);
    objects_.push_back(id);
  }
  Open();
}

Simulation::~Simulation() {
  model_.quiet = false;
  Close();
}

void Simulation::Open() {
  claim_ = engine_->Acquire(0).value();
  counters_ = std::make_unique<Counters>();
  bool interrupts = random_.Below(2) == 0;
  for (size_t index = 0; index < kShards; ++index) {
    shards_.push_back(object::Shard::Make(loop_, engine_->Attach(loop_), claim_, options_, log_, *counters_));
  }
  std::vector<object::Directory::Peer> peers;
  for (auto& shard : shards_) peers.push_back({&loop_, shard.get()});
  for (size_t index = 0; index < kShards; ++index) {
    directories_.push_back(std::make_unique<object::Directory>(peers, index));
    auto place = std::make_unique<Place>();
    place->loop = &loop_;
    place->model = &model_;
    place->directory = directories_[index].get();
    place->shard = index;
    place->shards = kShards;
    place->outlets = &outlets_;
    place->interrupts = interrupts;
    place->claim_valid = [this] { return ClaimValid(); };
    place->script_of = [this](const std::string& url) { return scripts_[std::stoul(url)]; };
    place->request_of = [this](uint32_t number, ObjectId* callee) {
      *callee = objects_[number % objects_.size()];
      scripts_.push_back(MakeScript(random_, {.calls = false, .aborts = !model_.quiet}));
      HttpRequest request;
      request.url = std::to_string(scripts_.size() - 1);
      return request;
    };
    place->check_reply = [this](const ObjectId& callee, const Result<HttpResponse>& reply) {
      CheckReply(callee, reply);
    };
    places_.push_back(std::move(place));
  }
  Roll();
}

void Simulation::Close() {
  for (auto& sent : sent_) sent->lost |= sent->replies == 0;
  bodies_.clear();
  directories_.clear();
  shards_.clear();
  for (auto& place : places_) old_places_.push_back(std::move(place));
  places_.clear();
}

void Simulation::Roll() {
  for (size_t index = 0; index < kShards; ++index) {
    shards_[index]->SetClass(kSpace, std::make_shared<FakeClass>(places_[index].get()));
  }
}

void Simulation::Send() {
  auto sent = std::make_shared<Sent>();
  sent->object = objects_[random_.Below(objects_.size())];
  scripts_.push_back(MakeScript(random_, {.calls = true, .aborts = !model_.quiet}));
  HttpRequest request;
  request.url = std::to_string(scripts_.size() - 1);
  sent_.push_back(sent);
  directories_[random_.Below(kShards)]->Fetch(
      sent->object, std::nullopt, std::move(request),
      [this, sent](Result<HttpResponse> result) { OnReply(sent, std::move(result)); });
}

void Simulation::CheckReply(const ObjectId& object, const Result<HttpResponse>& result) {
  if (!result.has_value()) {
    auto write = WriteIn(result.error().message());
    if (write) model_.Emitted(object, *write, ClaimValid(), "an error reply");
    if (!write && model_.quiet) model_.Violate("an event failed though nothing was wrong: " + result.error().message());
    return;
  }
  bool stream = result.value().body.stream != nullptr;
  auto write = WriteIn(stream ? result.value().status_text : result.value().body.bytes);
  model_.Emitted(object, write.value_or(0), ClaimValid(), "a response");
}

void Simulation::OnReply(const std::shared_ptr<Sent>& sent, Result<HttpResponse> result) {
  if (++sent->replies > 1) model_.Violate("two replies to one event");
  CheckReply(sent->object, result);
  if (!result.has_value() || result.value().body.stream == nullptr || random_.Below(8) == 0) return;
  ReadBody(sent->object, std::move(result.value().body.stream));
}

void Simulation::ReadBody(const ObjectId& object, std::unique_ptr<BodyStream> body) {
  BodyStream* stream = body.get();
  bodies_.push_back({object, std::move(body)});
  auto reading = std::prev(bodies_.end());
  stream->Read([this, reading](Result<std::optional<Bytes>> chunk) {
    if (!chunk.has_value() || !chunk.value()) return;  // Kept until the end of the run.
    model_.Emitted(reading->object, WriteIn(*chunk.value()).value_or(0), ClaimValid(), "a body chunk");
    loop_.Post([this, object = reading->object, body = reading->body.get()] {
      for (auto next = bodies_.begin(); next != bodies_.end(); ++next) {
        if (next->body.get() != body) continue;
        std::unique_ptr<BodyStream> owned = std::move(next->body);
        bodies_.erase(next);
        return ReadBody(object, std::move(owned));
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
  uint64_t action = random_.Below(24);
  if (action < 12) return Send();
  if (action == 12 && modes_.faults) return engine_->FailNextCommit({.landed = random_.Below(2) == 0});
  if (action == 13 && modes_.faults) return engine_->SetDiskFull(random_.Below(2) == 0);
  if (action == 14 && modes_.rolls) return Roll();
  if (action == 15 && modes_.crashes && random_.Below(3) == 0) {
    Close();
    engine_->CrashAndReopen();
    model_.CheckDisk();
    return Open();
  }
  if (action >= 16 && action < 18 && modes_.claims) {
    claim_.valid_until = loop_.Now() + microseconds(random_.Below(6000));
    for (auto& shard : shards_) shard->SetClaim(claim_);
    return;
  }
  Pass(microseconds(random_.Below(action == 23 ? 30000 : 4000)));
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
  for (auto& sent : sent_) {
    if (sent->replies == 0 && !sent->lost) model_.Violate("an event got no reply");
  }
  for (auto& shard : shards_) {
    if (shard->live_instances() > 0 && bodies_.empty()) model_.Violate("an idle object was not evicted");
  }
}

}  // namespace limpet::sim
