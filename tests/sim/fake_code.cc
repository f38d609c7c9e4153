#include "sim/fake_code.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "loop/websocket_pipe.h"

namespace limpet::sim {

using object::InputLock;
using object::Instance;
using std::chrono::microseconds;
using std::chrono::seconds;

std::unique_ptr<object::Code> FakeClass::Instantiate(Instance& instance) {
  if (version_ != place_->version) place_->model->Violate("an instance was made of code that had been replaced");
  if (place_->removed.contains(instance.id().ns)) place_->model->Violate("an instance was made of a deleted class");
  return std::make_unique<FakeCode>(place_, this, instance);
}

FakeCode::FakeCode(Place* place, FakeClass* made_by, Instance& instance)
    : place_(place),
      made_by_(made_by),
      instance_(instance),
      number_(++place->instances),
      wants_pre_shutdown_(place->loop->random().Below(4) == 0) {
  place_->model->InstanceMade(instance_.id());
}

FakeCode::~FakeCode() {
  life_.reset();
  Model& model = *place_->model;
  model.InstanceGone(instance_.id());
  if (!model.quiet || model.retired(instance_.id().ns)) return;
  if (owed_outputs_ > 0) model.Violate("an instance was evicted while outputs waited");
  if (WriteOf(model.Durable(instance_.id())) != WriteOf(shadow_))
    model.Violate("an instance was evicted with a write pending");
}

// --- Turns

void FakeCode::Turn(std::function<void()> body) {
  if (in_turn_) return waiting_turns_.push_back(std::move(body));
  in_turn_ = true;
  CheckMayRun();
  body();
  if (!instance_.broken()) {
    bool doomed = Doomed();
    if (doomed) WillReset();
    if (before_.empty() && !doomed) Completed();
    instance_.TurnEnded();
    if (doomed && !instance_.broken())
      place_->model->Violate("a burst that can't be committed did not reset its object");
  }
  in_turn_ = false;
  if (waiting_turns_.empty()) return;
  std::function<void()> next = std::move(waiting_turns_.front());
  waiting_turns_.pop_front();
  Turn(std::move(next));
}

void FakeCode::TurnUnder(Lock lock, std::function<void(Lock&)> body) {
  auto held = std::make_shared<Lock>(std::move(lock));
  Turn([held, body = std::move(body)] { body(*held); });
}

void FakeCode::CheckMayRun() {
  if (instance_.broken()) return;
  if (number_ <= made_by_->dead_up_to) place_->model->Violate("code ran in an isolate that is gone");
  Instant until = made_by_->runs_until;
  if (until == Instant::max()) return;
  if (wants_pre_shutdown_) until += place_->shutdown_max;
  if (place_->loop->Now() > until) place_->model->Violate("replaced code ran after its grace");
}

void FakeCode::CheckEntry(const char* what) {
  Model& model = *place_->model;
  if (in_turn_) model.Violate(std::string(what) + " came in during a turn");
  if (holding_ > 0) model.Violate(std::string(what) + " came in while a storage operation held the gate");
  if (critical_ > 0) model.Violate(std::string(what) + " came in during a critical section");
}

void FakeCode::CheckDelivery(const char* what) {
  CheckEntry(what);
  if (shutting_down_) place_->model->Violate(std::string(what) + " came in after preShutdown");
}

void FakeCode::Start(InputLock lock, UniqueFunction<void(Result<Done>)> done) {
  shadow_ = place_->model->Durable(instance_.id());
  Random& random = place_->loop->random();
  if (random.Below(2) == 0) {
    place_->lines->CheckAll(instance_.sockets(), instance_.id());
    bool has = auto_responses().contains(instance_.id()) && !place_->lines->may_cut(instance_.id());
    if (has && !instance_.sockets().auto_response()) {
      place_->model->Violate("an automatic response was forgotten");
    }
  }
  if (!place_->model->quiet && random.Below(16) == 0) {
    place_->model->alarms.ConstructorFailed(instance_.id());
    return done(Error::Script("Error", "the constructor failed"));
  }
  if (random.Below(3) == 0) {
    // A constructor that calls blockConcurrencyWhile: no event comes in before its end.
    auto run = std::make_shared<Run>();
    run->script = {{Op::kEnter}, {random.Below(2) == 0 ? Op::kSleep : Op::kGet, 2000}, {Op::kPut, 1}, {Op::kLeave}};
    TurnUnder(std::move(lock), [this, run](Lock& lock) { Go(run, lock); });
  }
  if (!Busy()) return done(Done{});
  auto held = std::make_shared<Lock>(std::move(lock));
  auto owed = std::make_shared<UniqueFunction<void(Result<Done>)>>(std::move(done));
  WhenFree([this, held, owed] {
    Turn([owed] { (*owed)(Done{}); });
    *held = {};
  });
}

bool FakeCode::Busy() { return place_->interrupts && place_->loop->random().Below(6) == 0; }

void FakeCode::WhenFree(std::function<void()> then) {
  place_->loop->After(microseconds(place_->loop->random().Below(4000)),
                      [life = std::weak_ptr<int>(life_), &instance = instance_, then = std::move(then)] {
                        if (life.expired() || instance.broken()) return;
                        instance.EnterCode();
                        then();
                        instance.LeaveCode();
                      });
}

void FakeCode::Fetch(InputLock lock, HttpRequest request, object::OnReply reply) {
  CheckDelivery("an event");
  uint64_t arrival = std::stoull(request.method);
  if (arrival <= last_arrival_) place_->model->Violate("events were delivered in another order than they came");
  last_arrival_ = arrival;
  place_->Delivered(arrival);
  auto run = std::make_shared<Run>();
  run->script = place_->script_of(request.url);
  run->reply = std::move(reply);
  if (!Busy()) return TurnUnder(std::move(lock), [this, run](Lock& lock) { Go(run, lock); });
  auto held = std::make_shared<Lock>(std::move(lock));
  WhenFree([this, held, run] { TurnUnder(std::move(*held), [this, run](Lock& lock) { Go(run, lock); }); });
}

void FakeCode::WebSocket(InputLock lock, object::SocketEvent event, object::OnReply done) {
  CheckDelivery("what came in at a socket");
  Line* line = place_->lines->Of(instance_.sockets(), instance_.id(), event.socket);
  if (line == nullptr) return done(HttpResponse());
  place_->lines->Delivered(*line, event);
  auto run = std::make_shared<Run>();
  run->script = place_->socket_script();
  run->reply = std::move(done);
  if (auto ms = instance_.sockets().event_timeout_ms) {
    run->due = place_->loop->Now() + std::chrono::milliseconds(*ms);
  }
  if (!Busy()) return TurnUnder(std::move(lock), [this, run](Lock& lock) { Go(run, lock); });
  auto held = std::make_shared<Lock>(std::move(lock));
  WhenFree([this, held, run] { TurnUnder(std::move(*held), [this, run](Lock& lock) { Go(run, lock); }); });
}

void FakeCode::Accept(const RunRef& run) {
  if (run->websocket != nullptr) return;
  Line& line = place_->lines->Make(instance_.id());
  loop::WebSocketPipe pipe = loop::MakeWebSocketPipe(*place_->loop, *place_->loop);
  object::ObjectSockets& sockets = instance_.sockets();
  if (!sockets.Accept(std::move(pipe.first), line.tags).has_value()) return;
  line.automatic = sockets.auto_response().has_value();
  run->websocket = std::move(pipe.second);
  run->line = line.number;
}

void FakeCode::DoSocket(Step step) {
  object::ObjectSockets& sockets = instance_.sockets();
  std::vector<uint64_t> all = sockets.List({});
  if (step.op == Op::kEventTimeout) {
    // A handler that is ended by it is a failure.
    if (!place_->model->quiet) {
      sockets.event_timeout_ms = step.number % 3 == 0 ? std::nullopt : std::optional<uint32_t>(1 + step.number % 4);
    }
    return;
  }
  if (step.op == Op::kAutoResponse) {
    sockets.SetAutoResponse(object::ObjectSockets::AutoResponse{"ping", "pong"});
    if (place_->model->quiet) auto_responses().insert(instance_.id());
    for (uint64_t socket : all) {
      if (Line* line = place_->lines->Of(sockets, instance_.id(), socket)) line->automatic = true;
    }
    return;
  }
  if (all.empty()) return;
  uint64_t socket = all[step.number % all.size()];
  Line* line = place_->lines->Of(sockets, instance_.id(), socket);
  if (line == nullptr) return;
  if (step.op == Op::kAttach) {
    line->attachment = "a:" + std::to_string(step.number);
    return sockets.SetAttachment(socket, line->attachment);
  }
  const OutletMutations& outlets = *place_->outlets;
  if (step.op == Op::kSocketSend) {
    return Emit(!outlets.socket_message, "a WebSocket message",
                [this, socket, line, number = ++line->issued, write = confirmed_] {
                  if (!instance_.broken()) place_->lines->Send(instance_.sockets(), socket, *line, number, write);
                });
  }
  if (step.number / 8 % 4 != 0) return;  // Most stay.
  Emit(!outlets.socket_close, "a WebSocket's Close", [this, socket, line] {
    if (!instance_.broken()) place_->lines->Close(instance_.sockets(), socket, *line);
  });
}

void FakeCode::Go(const RunRef& run, Lock& lock) {
  while (run->next < run->script.size()) {
    if (instance_.broken()) return;
    if (place_->interrupts && place_->depth < 3 && place_->loop->random().Below(8) == 0) {
      ++place_->depth;
      place_->loop->RunReady();
      --place_->depth;
      if (instance_.broken()) return;
    }
    if (place_->loop->Now() > run->due) place_->model->Violate("a handler ran for longer than its object allows");
    Step step = run->script[run->next++];
    if (!Do(run, step, lock)) return;
  }
  Reply(run, false);
}

void FakeCode::Reply(const RunRef& run, bool thrown) {
  if (!run->reply) return;
  std::string text = "w=" + std::to_string(confirmed_);
  object::OnReply reply = std::exchange(run->reply, {});
  if (run->alarm) {
    place_->model->alarms.Ends(*run->alarm, thrown, NowMs());
    running_alarm_.reset();
    run->alarm.reset();
  }
  run->due = Instant::max();
  if (thrown) return reply(Error::Script("Error", text));
  HttpResponse response;
  response.body = Body::Of(std::move(text));
  if (run->websocket != nullptr) {
    response.websocket = std::move(run->websocket);
    response.headers.Append("Line", std::to_string(run->line));
  }
  reply(std::move(response));
}

bool FakeCode::Do(const RunRef& run, Step step, Lock& lock) {
  switch (step.op) {
    case Op::kGet:
    case Op::kGetOpen:
    case Op::kGetMany:
    case Op::kReadThenWrite: return DoRead(run, step, lock);
    case Op::kSetAlarm:
    case Op::kGetAlarm:
    case Op::kDeleteAlarm: return DoAlarm(run, step, lock);
    case Op::kSqlPut:
    case Op::kSqlPair:
    case Op::kSqlMany:
    case Op::kSqlDelete:
    case Op::kSqlRead:
    case Op::kSqlRefused:
    case Op::kSqlMixed:
    case Op::kSqlLong:
    case Op::kSqlSync:
    case Op::kSqlViolate: return DoSql(run, step, lock);
    case Op::kDelete: return DoDelete(run, step, lock);
    case Op::kList: return DoList(run, step, lock);
    case Op::kPut:
    case Op::kPutUnconfirmed:
    case Op::kPair:
    case Op::kDeleteAll: return DoWrite(run, step, lock);
    case Op::kBegin: return BeginSection(run, true, lock);
    case Op::kEnter: return BeginSection(run, false, lock);
    case Op::kCommit:
    case Op::kRollback:
      EndTransaction(step.op == Op::kCommit);
      EndSection(run, lock);
      return true;
    case Op::kLeave: EndSection(run, lock); return true;
    default: return DoOutside(run, step, lock);
  }
}

// --- Storage

void FakeCode::Fail(const RunRef& run, Lock& lock) {
  if (instance_.broken()) return;
  if (place_->model->quiet) place_->model->Violate("a read failed though nothing was wrong");
  for (; !run->sections.empty(); EndSection(run, lock)) {
    if (run->transactions.back()) EndTransaction(false);
  }
  Reply(run, true);
}

bool FakeCode::DoRead(const RunRef& run, Step step, Lock& lock) {
  std::string key = "k" + std::to_string(step.number % 4);
  Model* model = place_->model;
  object::Storage& storage = instance_.storage();
  if (step.op == Op::kGetMany) {
    std::vector<Bytes> keys{"k2", "p1", key, "nothing", "k2"};
    object::Pairs want;
    for (auto& [name, value] : shadow_) {
      if (std::find(keys.begin(), keys.end(), name) != keys.end()) want.emplace_back(name, value);
    }
    auto check = [model, want](const object::Pairs& got) {
      if (got != want) model->Violate("get(keys) answered something else than was written");
    };
    return Settle(storage.GetMany(lock, keys, {}, Then<object::Pairs>(run, true, check)), run, true, lock, check);
  }
  auto found = shadow_.find(key);
  std::optional<Bytes> want = found == shadow_.end() ? std::nullopt : std::optional<Bytes>(found->second);
  auto check = [model, want, key](const std::optional<Bytes>& got) {
    if (got != want) {
      model->Violate("get(" + key + ") answered " + got.value_or("nothing") + " where " + want.value_or("nothing") +
                     " was right");
    }
  };
  // Sometimes the alarm changes behind a read that lets other events in: that write is held back for a while.
  bool alarm = step.op == Op::kReadThenWrite && step.number / 4 % 2 == 0;
  bool holds = step.op != Op::kGetOpen && !alarm;
  auto now = storage.Get(lock, key, {.allow_concurrency = !holds}, Then<std::optional<Bytes>>(run, holds, check));
  if (step.op == Op::kReadThenWrite) Write(lock, key, "later");
  if (alarm) DoAlarm(run, {step.number / 8 % 2 == 0 ? Op::kSetAlarm : Op::kDeleteAlarm, step.number}, lock);
  return Settle(std::move(now), run, holds, lock, check);
}

bool FakeCode::DoList(const RunRef& run, Step step, Lock& lock) {
  object::ListOptions list;
  static const std::string kStarts[] = {"", "k1", "p", "k"};
  list.start = kStarts[step.number % 4];
  if (step.number / 4 % 3 > 0) list.end = step.number / 4 % 3 == 1 ? "k3" : "q";
  list.reverse = step.number / 12 % 2 == 1;
  if (step.number / 24 % 4 > 0) list.limit = step.number / 24 % 4;
  object::Pairs want;
  for (auto& [key, value] : shadow_) {
    if (IsPair(key) && key >= list.start && (!list.end || key < *list.end)) want.emplace_back(key, value);
  }
  if (list.reverse) std::reverse(want.begin(), want.end());
  if (list.limit && want.size() > *list.limit) want.resize(*list.limit);
  auto check = [model = place_->model, want](const object::Pairs& got) {
    if (got != want) model->Violate("list() answered something else than was written");
  };
  auto now = instance_.storage().List(lock, list, {}, Then<object::Pairs>(run, true, check));
  return Settle(std::move(now), run, true, lock, check);
}

bool FakeCode::DoDelete(const RunRef& run, Step step, Lock& lock) {
  std::vector<Bytes> keys{"k" + std::to_string(step.number % 4), "k3", "nothing"};
  uint64_t want = 0;
  for (const Bytes& key : {keys[0], keys[0] == "k3" ? Bytes("nothing") : Bytes("k3")}) want += shadow_.erase(key);
  NumberWrite(lock, true);
  auto check = [model = place_->model, want](uint64_t got) {
    if (got != want) model->Violate("delete() counted " + std::to_string(got) + " instead of " + std::to_string(want));
  };
  auto now = instance_.storage().Delete(lock, keys, {}, Then<uint64_t>(run, true, check));
  return Settle(std::move(now), run, true, lock, check);
}

void FakeCode::NumberWrite(const Lock& lock, bool confirmed) {
  uint64_t number = place_->model->NextWrite();
  shadow_[kWriteKey] = std::to_string(number);
  dirty_ = true;
  if (confirmed) (before_.empty() ? confirmed_ : transaction_confirmed_) = number;
  auto put = instance_.storage().Put(lock, {{kWriteKey, std::to_string(number)}}, {.allow_unconfirmed = !confirmed},
                                     [](Result<Done>, Lock) {});
}

void FakeCode::Write(const Lock& lock, const std::string& key, std::string value, bool confirmed) {
  NumberWrite(lock, confirmed);
  value += shadow_[kWriteKey];
  shadow_[key] = value;
  auto put =
      instance_.storage().Put(lock, {{key, value}}, {.allow_unconfirmed = !confirmed}, [](Result<Done>, Lock) {});
}

bool FakeCode::DoWrite(const RunRef& run, Step step, Lock& lock) {
  if (step.op == Op::kDeleteAll) {
    bool alarm = step.number % 2 == 0;
    auto now = instance_.storage().DeleteAll(lock, {.alarm = alarm}, [](Result<Done>, Lock) {});
    if (alarm) place_->model->alarms.Overridden(instance_.id());
    lost_sql_ = false;
    if (step.number / 2 % 4 == 0) (void)instance_.storage().DeleteAll(lock, {}, [](Result<Done>, Lock) {});
    std::erase_if(shadow_, [alarm](const auto& pair) { return alarm || pair.first != kAlarmKey; });
    Write(lock, "k0", "after");
  } else if (step.op == Op::kPair) {
    Write(lock, "p0", "pair");
    Write(lock, "p1", "pair");
  } else {
    Write(lock, "k" + std::to_string(step.number % 4), "value", step.op == Op::kPut);
  }
  return true;
}

void FakeCode::Completed() {
  if (std::exchange(dirty_, false)) place_->model->Completed(instance_.id(), shadow_);
}

void FakeCode::WillReset() {
  place_->model->alarms.Aborted(instance_.id());
  for (uint64_t socket : instance_.sockets().List({})) {
    if (Line* line = place_->lines->Of(instance_.sockets(), instance_.id(), socket)) line->must_end = true;
  }
}

// --- Critical sections and transactions

bool FakeCode::BeginSection(const RunRef& run, bool transaction, Lock& lock) {
  Result<object::GateRef> section = instance_.BeginCritical(lock);
  if (!section.has_value()) return false;
  run->sections.push_back(section.value());
  run->transactions.push_back(transaction);
  lock = {};
  instance_.Enter(section.value(), [this, run, transaction](Result<Lock> inside) {
    if (!inside.has_value()) return;
    TurnUnder(std::move(inside).value(), [this, run, transaction](Lock& lock) {
      if (instance_.broken()) return;
      ++critical_;
      if (transaction) {
        if (before_.empty()) EndBurst();
        before_.push_back(shadow_);
        instance_.storage().BeginTransaction();
        if (instance_.broken()) return;
      }
      Go(run, lock);
    });
  });
  return false;
}

void FakeCode::EndTransaction(bool commit) {
  Pairs before = std::move(before_.back());
  before_.pop_back();
  if (!commit) {
    instance_.storage().RollbackTransaction();
    shadow_ = std::move(before);
    if (before_.empty()) lost_sql_ = false;
  } else if (instance_.storage().CommitTransaction().has_value() && before_.empty()) {
    uint64_t now = WriteOf(shadow_);
    if (now != WriteOf(before)) {
      if (transaction_confirmed_ > 0) confirmed_ = now;
      place_->model->Completed(instance_.id(), shadow_);
    }
  }
  if (before_.empty()) {
    transaction_confirmed_ = 0;
    dirty_ = false;
  }
}

void FakeCode::EndSection(const RunRef& run, Lock& lock) {
  run->sections.pop_back();
  run->transactions.pop_back();
  --critical_;
  lock = instance_.EndCritical(std::move(lock));
}

// --- Everything that is not storage

void FakeCode::Emit(bool gated, const char* what, std::function<void()> then) {
  uint64_t index = ++issued_;
  ++owed_outputs_;
  auto out = [this, index, gated, what, write = confirmed_, then = std::move(then)](Result<Done> durable) {
    --owed_outputs_;
    if (!durable.has_value()) return;
    if (gated && index < emitted_) place_->model->Violate("outputs left in another order than they were made");
    if (gated) emitted_ = index;
    place_->model->Emitted(instance_.id(), write, place_->claim_valid(), what);
    if (then) then();
  };
  if (gated) return instance_.WhenDurable(std::move(out));
  out(Done{});
}

void FakeCode::After(Duration delay, std::function<void()> then) {
  instance_.Pin();
  place_->loop->After(delay, [this, life = std::weak_ptr<int>(life_), then = std::move(then)] {
    if (life.expired()) return;
    instance_.Unpin();
    then();
  });
}

void FakeCode::Reenter(const RunRef& run) {
  instance_.Enter(run->Where(), [this, run](Result<Lock> lock) {
    if (!lock.has_value()) return;
    if (run->sections.empty()) CheckEntry("a continuation");
    TurnUnder(std::move(lock).value(), [this, run](Lock& lock) { Go(run, lock); });
  });
}

void FakeCode::Background(Duration delay, bool gated, const char* what) {
  After(delay, [this, gated, what] {
    instance_.Enter(nullptr, [this, gated, what](Result<Lock> lock) {
      if (!lock.has_value()) return;
      CheckEntry(what);
      TurnUnder(std::move(lock).value(), [this, gated, what](Lock& lock) {
        if (instance_.broken()) return;
        Write(lock, "k1", "background");
        Emit(gated, what, {});
      });
    });
  });
}

void FakeCode::Call(const RunRef& run, uint32_t number) {
  ObjectId callee;
  auto request = std::make_shared<HttpRequest>(place_->request_of(number, instance_.id(), &callee));
  if (callee == instance_.id() && place_->model->quiet) return After(seconds(0), [this, run] { Reenter(run); });
  bool same = place_->Owns(callee);
  bool gated = same ? !place_->outlets->call_same_shard : !place_->outlets->call_other_shard;
  Emit(gated, same ? "a call on the same shard" : "a call to another shard", [this, run, callee, request] {
    place_->call(callee, std::move(*request), [this, run, life = std::weak_ptr<int>(life_)](Result<HttpResponse>) {
      if (!life.expired()) Reenter(run);
    });
  });
}

bool FakeCode::DoOutside(const RunRef& run, Step step, Lock& lock) {
  Duration delay = microseconds(step.number % 5000);
  const OutletMutations& outlets = *place_->outlets;
  switch (step.op) {
    case Op::kSleep:
      lock = {};
      After(delay, [this, run] { Reenter(run); });
      return false;
    case Op::kHang:
      lock = {};
      After(seconds(40), [this, run] { Reenter(run); });
      return false;
    case Op::kFetch:
      lock = {};
      Emit(!outlets.subrequest, "a subrequest", [this, run, delay] { After(delay, [this, run] { Reenter(run); }); });
      return false;
    case Op::kCall:
      lock = {};
      Call(run, step.number);
      return false;
    case Op::kTimerFetch: Background(delay, !outlets.timer_fetch, "a fetch from a timer"); return true;
    case Op::kWaitUntil: Background(delay, !outlets.wait_until, "work of waitUntil"); return true;
    case Op::kLog: Emit(!outlets.log, "a log line", {}); return true;
    case Op::kReplyEarly: Reply(run, false); return true;
    case Op::kAccept: Accept(run); return true;
    case Op::kSocketSend:
    case Op::kSocketClose:
    case Op::kAttach:
    case Op::kAutoResponse:
    case Op::kEventTimeout: DoSocket(step); return true;
    case Op::kSync: {
      auto check = [this, write = WriteOf(shadow_)](Done) {
        place_->model->Emitted(instance_.id(), write, true, "the answer of sync()");
      };
      return Settle(instance_.storage().Sync(lock, Then<Done>(run, false, check)), run, false, lock, check);
    }
    case Op::kStream: ReplyStream(run); return true;
    case Op::kThrow: Reply(run, true); return true;
    case Op::kAbort:
      if (run->alarm) place_->model->alarms.Ends(*run->alarm, true, NowMs());
      Write(lock, "k0", "aborted");
      WillReset();
      instance_.Abort(Error::Script("Error", "aborted"));
      return false;
    default: LIMPET_CHECK(false); return false;
  }
}

// A body whose chunks each follow a write.
class FakeCode::Stream final : public BodyStream {
 public:
  explicit Stream(FakeCode* code) : code_(code) {}
  void Read(OnChunk on_chunk) override {
    if (left_-- == 0) return on_chunk(std::optional<Bytes>());
    auto owed = std::make_shared<OnChunk>(std::move(on_chunk));
    code_->instance_.Enter(nullptr, [this, owed, life = std::weak_ptr<int>(life_)](Result<Lock> lock) {
      if (life.expired() || !lock.has_value()) return;
      code_->CheckEntry("a read of a body");
      code_->TurnUnder(std::move(lock).value(), [this, owed, life](Lock& lock) {
        if (life.expired() || code_->instance_.broken()) return;
        code_->Write(lock, "k2", "chunk");
        (*owed)(std::optional<Bytes>("w=" + std::to_string(code_->confirmed_)));
      });
    });
  }

 private:
  FakeCode* code_;
  int left_ = 2;
  std::shared_ptr<int> life_ = std::make_shared<int>(0);
};

void FakeCode::ReplyStream(const RunRef& run) {
  if (!run->reply) return;
  HttpResponse response;
  response.status_text = "w=" + std::to_string(confirmed_);
  response.body = Body::Of(std::make_unique<Stream>(this));
  std::exchange(run->reply, {})(std::move(response));
}

}  // namespace limpet::sim
