#include "api/io_context.h"

#include <algorithm>
#include <optional>

#include "api/hooks.h"

namespace limpet::api {

IoContext::IoContext(std::shared_ptr<IoHost> host, object::Instance* instance, bool sqlite,
                     UniqueFunction<void()> on_end)
    : host_(std::move(host)),
      instance_(instance),
      object_number_(instance == nullptr ? 0 : host_->next_number++),
      sqlite_(sqlite),
      on_end_(std::move(on_end)) {
  RefillCpu();
}

IoContext::~IoContext() {
  if (!ended_) End(Error(ErrorCode::kCanceled, "The script was stopped.").With(Error::kRetryable));
}

void IoContext::RunTurn(object::InputLock lock, Turn turn) {
  if (ended_ || stopped_) return;
  ++turns_waiting_;
  host_->isolate->Run(
      budget_,
      [self = shared_from_this(), lock = std::move(lock), turn = std::move(turn)](js::Scope& scope) mutable {
        if (self->ended_ || self->stopped_) return;
        self->in_turn_ = true;
        self->lock_ = std::move(lock);
        scope.host().current = self.get();
        turn(scope);
      },
      [self = shared_from_this()](js::Ended ended) {
        --self->turns_waiting_;
        self->TurnOver(ended);
      });
}

void IoContext::TurnOver(js::Ended ended) {
  in_turn_ = false;
  host_->isolate->current = nullptr;
  if (ended == js::Ended::kCpu || ended == js::Ended::kMemory) {
    bool object = instance_ != nullptr;
    Error why(ErrorCode::kOverloaded,
              ended == js::Ended::kMemory
                  ? (object ? "Durable Object's isolate exceeded its memory limit and was reset."
                            : "Worker exceeded memory limit.")
                  : (object ? "Durable Object exceeded its CPU time limit and was reset."
                            : "Worker exceeded CPU time limit."));
    why = std::move(why).With(Error::kRemote).With(Error::kOverloaded);
    stopped_ = true;
    if (on_forced_end) std::exchange(on_forced_end, nullptr)(why);
    if (instance_ != nullptr && !ended_) {
      instance_->Abort(std::move(why).With(Error::kObjectReset));
    } else {
      End(std::move(why));
    }
  }
  if (instance_ != nullptr && !ended_) instance_->TurnEnded();
  lock_ = object::InputLock();
  MaybeFinish();
}

void IoContext::Continue(object::GateRef where, Turn turn) {
  if (ended_ || stopped_) return;
  if (instance_ == nullptr) return RunTurn({}, std::move(turn));
  instance_->Enter(where, [weak = weak_from_this(), turn = std::move(turn)](Result<object::InputLock> lock) mutable {
    std::shared_ptr<IoContext> self = weak.lock();
    if (self && lock.has_value()) self->RunTurn(std::move(lock).value(), std::move(turn));
  });
}

void IoContext::WhenDurable(UniqueFunction<void(Result<Done>)> then) {
  if (instance_ == nullptr) return then(Done{});
  instance_->WhenDurable(std::move(then));
}

void IoContext::StopJavaScript(js::Scope& scope) {
  stopped_ = true;
  host_->isolate->TerminateTurn();
  // V8 looks at the request at its next check, which may be statements away: entering a function is one.
  (void)CallHook(scope, kInspect, {v8::Undefined(scope.isolate())});
}

void IoContext::End(Error why) {
  if (ended_) return;
  ended_ = true;
  std::shared_ptr<IoContext> keep = weak_from_this().lock();
  if (grace_timer_ != 0) host_->loop->Cancel(grace_timer_);
  for (auto& [number, timer] : timers_) host_->loop->Cancel(timer.timer);
  timers_.clear();
  auto events = std::exchange(events_, {});
  auto reads = std::exchange(pump_reads_, {});
  resolvers_.clear();
  criticals_.clear();
  fetches_.clear();
  pumps_.clear();
  bodies_.clear();
  for (auto& [number, read] : reads) read(Error(why));
  // An object's callers hear from the object layer, which knows what broke.
  if (instance_ == nullptr) {
    for (auto& [number, event] : events) event.reply(Error(why));
  }
  if (on_end_) std::exchange(on_end_, nullptr)();
}

bool IoContext::HasPendingIo() const {
  return turns_waiting_ > 0 || !resolvers_.empty() || !timers_.empty() || !fetches_.empty() || !pump_reads_.empty();
}

void IoContext::MaybeFinish() {
  if (instance_ != nullptr || ended_ || in_turn_ || turns_waiting_ > 0) return;
  bool streaming = !pumps_.empty();
  if (!events_.empty()) {
    if (HasPendingIo() || streaming) return;
    // Nothing is under way that could ever settle what the handler waits for (spec/api.md section 12).
    return End(Error::Script("Error",
                             "The Workers runtime canceled this request because it detected that your Worker's code "
                             "had hung and would never generate a response. Refer to: "
                             "https://developers.cloudflare.com/workers/observability/errors/"));
  }
  if (streaming && !client_gone_) return;
  if (wait_untils_ > 0 && HasPendingIo()) {
    if (grace_timer_ != 0) return;
    grace_timer_ = host_->loop->After(host_->wait_until_max, [weak = weak_from_this()] {
      std::shared_ptr<IoContext> self = weak.lock();
      if (!self || self->ended_) return;
      self->host_->OnConsole(
          "warn",
          "waitUntil() tasks did not complete within the allowed time after invocation end and have "
          "been cancelled. See: https://developers.cloudflare.com/workers/runtime-apis/context/#waituntil");
      self->End(Error(ErrorCode::kCanceled, "waitUntil() took too long."));
    });
    return;
  }
  End(Error(ErrorCode::kCanceled, "The event has ended."));
}

void IoContext::ClientGone() {
  if (ended_ || instance_ != nullptr) return;
  client_gone_ = true;
  Error gone(ErrorCode::kCanceled, "The client has disconnected.");
  if (wait_untils_ == 0) return End(std::move(gone));
  for (auto& [number, event] : std::exchange(events_, {})) event.reply(Error(gone));
  MaybeFinish();
}

void IoContext::HoldResolver(uint64_t number, v8::Local<v8::Promise::Resolver> resolver) {
  resolvers_.emplace(number, v8::Global<v8::Promise::Resolver>(host_->isolate->raw(), resolver));
}

void IoContext::SettleNow(js::Scope& scope, uint64_t number, Make& make) {
  auto found = resolvers_.find(number);
  if (found == resolvers_.end()) return;
  v8::Local<v8::Promise::Resolver> resolver = found->second.Get(scope.isolate());
  resolvers_.erase(found);
  v8::TryCatch caught(scope.isolate());
  v8::Local<v8::Value> value;
  if (make(scope).ToLocal(&value)) {
    (void)resolver->Resolve(scope.context(), value);
  } else if (caught.HasCaught() && !caught.HasTerminated()) {
    v8::Local<v8::Value> thrown = caught.Exception();
    caught.Reset();
    (void)resolver->Reject(scope.context(), thrown);
  }
}

void IoContext::Settle(uint64_t number, object::GateRef where, Make make) {
  if (!resolvers_.contains(number)) return;
  Continue(std::move(where),
           [this, number, make = std::move(make)](js::Scope& scope) mutable { SettleNow(scope, number, make); });
}

void IoContext::SettleUnder(uint64_t number, object::InputLock lock, Make make) {
  RunTurn(std::move(lock),
          [this, number, make = std::move(make)](js::Scope& scope) mutable { SettleNow(scope, number, make); });
}

uint64_t IoContext::AddEvent(HttpRequest request, object::OnReply reply) {
  uint64_t number = NextNumber();
  events_.emplace(number, Event{std::move(request), std::move(reply)});
  return number;
}

const HttpRequest* IoContext::FindRequest(uint64_t event) const {
  auto found = events_.find(event);
  return found == events_.end() ? nullptr : &found->second.request;
}

void IoContext::Answer(uint64_t event, Result<HttpResponse> response) {
  auto found = events_.find(event);
  if (found == events_.end()) return;
  object::OnReply reply = std::move(found->second.reply);
  events_.erase(found);
  reply(std::move(response));
}

IoContext::InBody* IoContext::FindBody(uint64_t number) {
  auto found = bodies_.find(number);
  return found == bodies_.end() ? nullptr : &found->second;
}

v8::Local<v8::Value> IoContext::ImportBody(js::Scope& scope, Body body) {
  if (!body.present) return v8::Null(scope.isolate());
  if (!body.stream) return js::ToUint8Array(scope.isolate(), body.bytes);
  uint64_t number = NextNumber();
  bodies_.emplace(number, InBody{std::move(body)});
  return v8::Number::New(scope.isolate(), static_cast<double>(number));
}

// -- timers

uint64_t IoContext::StartTimer(js::Scope& scope, v8::Local<v8::Function> callback, Duration delay, bool repeat) {
  uint64_t number = NextNumber();
  Timer& timer = timers_[number];
  timer.callback.Reset(scope.isolate(), callback);
  timer.delay = delay;
  timer.repeat = repeat;
  timer.where = where();
  if (instance_ != nullptr) instance_->Pin();
  Arm(number, timer);
  return number;
}

void IoContext::Arm(uint64_t number, Timer& timer) {
  timer.timer = host_->loop->After(timer.delay, [weak = weak_from_this(), number] {
    if (std::shared_ptr<IoContext> self = weak.lock()) self->Fire(number);
  });
}

void IoContext::Fire(uint64_t number) {
  auto found = timers_.find(number);
  if (found == timers_.end()) return;
  Continue(found->second.where, [this, number](js::Scope& scope) {
    auto timer = timers_.find(number);
    if (timer == timers_.end()) return;
    v8::Local<v8::Function> callback = timer->second.callback.Get(scope.isolate());
    if (timer->second.repeat) {
      Arm(number, timer->second);
    } else {
      timers_.erase(timer);
      if (instance_ != nullptr) instance_->Unpin();
    }
    v8::TryCatch caught(scope.isolate());
    v8::Local<v8::Value> result;
    if (callback->Call(scope.context(), v8::Undefined(scope.isolate()), 0, nullptr).ToLocal(&result)) return;
    if (caught.HasCaught() && !caught.HasTerminated()) {
      Error error = ToError(scope, caught.Exception());
      host_->ReportUncaught(error);
    }
  });
}

void IoContext::StopTimer(uint64_t number) {
  auto found = timers_.find(number);
  if (found == timers_.end()) return;
  host_->loop->Cancel(found->second.timer);
  timers_.erase(found);
  if (instance_ != nullptr) instance_->Unpin();
}

// -- fetches

void IoContext::HoldFetch(uint64_t number, net::FetchHandle handle) {
  if (ended_) return;
  auto [entry, fresh] = fetches_.insert_or_assign(number, std::move(handle));
  if (fresh && instance_ != nullptr) instance_->Pin();
}

void IoContext::DropFetch(uint64_t number) {
  if (fetches_.erase(number) > 0 && instance_ != nullptr && !ended_) instance_->Unpin();
}

void IoContext::FetchAnswered(uint64_t number) {
  auto found = fetches_.find(number);
  if (found == fetches_.end()) return;
  found->second.Detach();
  DropFetch(number);
}

// -- waitUntil

void IoContext::AddWaitUntil(js::Scope& scope, v8::Local<v8::Promise> promise) {
  ++wait_untils_;
  if (instance_ != nullptr) instance_->Pin();
  auto settled = [](const v8::FunctionCallbackInfo<v8::Value>& args) {
    if (IoContext* self = Current(args.GetIsolate())) self->WaitUntilDone();
  };
  auto failed = [](const v8::FunctionCallbackInfo<v8::Value>& args) {
    IoContext* self = Current(args.GetIsolate());
    if (self == nullptr) return;
    js::Scope inner(js::Isolate::From(args.GetIsolate()), args.GetIsolate(), args.GetIsolate()->GetCurrentContext());
    Error error = ToError(inner, args[0]);
    self->host_->ReportUncaught(error, "(in promise) ");
    self->WaitUntilDone();
  };
  v8::Local<v8::Function> on_settled;
  v8::Local<v8::Function> on_failed;
  if (!v8::Function::New(scope.context(), settled).ToLocal(&on_settled)) return;
  if (!v8::Function::New(scope.context(), failed).ToLocal(&on_failed)) return;
  (void)promise->Then(scope.context(), on_settled, on_failed);
}

void IoContext::WaitUntilDone() {
  if (wait_untils_ == 0) return;
  --wait_untils_;
  if (instance_ != nullptr && !ended_) instance_->Unpin();
}

void IoContext::PumpGone(uint64_t number) {
  auto found = pumps_.find(number);
  if (found == pumps_.end()) return;
  v8::Global<v8::Object> pump = std::move(found->second);
  pumps_.erase(found);
  if (!client_gone_) MaybeFinish();
}

}  // namespace limpet::api
