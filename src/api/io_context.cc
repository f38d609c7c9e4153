#include "api/io_context.h"

#include <algorithm>
#include <optional>

#include "api/hooks.h"
#include "api/io_natives.h"
#include "api/rpc_plain.h"
#include "api/script_sockets.h"
#include "base/trace_json.h"

namespace limpet::api {

namespace {

// A body of at most so many bytes, all of them ASCII, is a string in JavaScript: that is what most are read as.
constexpr size_t kTextBodyMax = 64 * 1024;

}  // namespace

// NOLINTNEXTLINE(performance-unnecessary-value-param): those that override it keep the call.
void IoHost::CallEntrypoint(EntrypointCall call, HttpRequest, object::OnReply reply) {
  reply(Error(ErrorCode::kUnavailable, "Entrypoint " + call.entrypoint + " can't be called here."));
}

uint64_t IoHost::NamespaceIndex(NamespaceId ns, std::string_view key) {
  for (size_t i = 0; i < namespaces.size(); ++i) {
    if (namespaces[i].codec.ns() == ns && namespaces[i].key == key) return i;
  }
  namespaces.push_back({.codec = object::IdCodec(ns, key), .key = std::string(key)});
  return namespaces.size() - 1;
}

IoContext::IoContext(std::shared_ptr<IoHost> host, object::Instance* instance, bool sqlite, OnEnd on_end)
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
  std::shared_ptr<IoContext> self = shared_from_this();
  auto run = [&](js::Scope& scope) { RunInTurn(scope, lock, turn); };
  auto after = [&](js::Ended ended) {
    --turns_waiting_;
    TurnOver(ended);
  };
  if (host_->isolate->TryRun(budget_, run, after)) return;
  std::shared_ptr<js::Budget> budget(self, &budget_);
  auto entered = std::make_shared<object::Instance*>(nullptr);
  host_->isolate->Run(
      std::move(budget),
      [self, entered, lock = std::move(lock), turn = std::move(turn)](js::Scope& scope) mutable {
        // The turn may give way to others, in SQL too, which may end the instance.
        if (!self->ended_ && self->instance_ != nullptr) (*entered = self->instance_)->EnterCode();
        self->RunInTurn(scope, lock, turn);
      },
      [self, entered](js::Ended ended) {
        --self->turns_waiting_;
        self->TurnOver(ended);
        if (*entered != nullptr) (*entered)->LeaveCode();
      });
}

void IoContext::RunInTurn(js::Scope& scope, object::InputLock& lock, Turn& turn) {
  if (ended_ || stopped_) return;
  in_turn_ = true;
  lock_ = std::move(lock);
  scope.host().current = this;
  turn(scope);
}

void IoContext::TurnOver(js::Ended ended) {
  in_turn_ = false;
  host_->isolate->current = nullptr;
  if (host_->last_sent.message != nullptr) host_->last_sent = {};
  if (ended == js::Ended::kCpu || ended == js::Ended::kMemory) {
    bool object = instance_ != nullptr;
    const char* text = ended == js::Ended::kMemory
                           ? (object ? "Durable Object's isolate exceeded its memory limit and was reset."
                                     : "Worker exceeded memory limit.")
                           : (object ? "Durable Object exceeded its CPU time limit and was reset."
                                     : "Worker exceeded CPU time limit.");
    Error why = Error(ErrorCode::kOverloaded, text).With(Error::kRemote).With(Error::kOverloaded);
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

void IoContext::Continue(const object::GateRef& where, Turn turn) {
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

void IoContext::ReportUncaught(const Error& error, std::string_view where) {
  WhenDurable([host = host_, traced = trace, error, where = std::string(where)](Result<Done> durable) {
    if (!durable.has_value()) return;
    if (traced != nullptr) traced->AddException(error, host->loop->WallNow().time_since_epoch().count());
    host->ReportUncaught(error, where);
  });
}

void IoContext::Log(std::string level, std::string text) {
  WhenDurable([host = host_, traced = trace, level = std::move(level), text = std::move(text)](Result<Done> durable) {
    if (!durable.has_value()) return;
    if (traced != nullptr) traced->AddLog(level, LogArguments(text), host->loop->WallNow().time_since_epoch().count());
    host->OnConsole(level, text);
  });
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
  timers_.Each([this](uint64_t, Timer& timer) { host_->loop->Cancel(timer.timer); });
  timers_.Clear();
  auto events = std::exchange(events_, {});
  auto reads = std::exchange(pump_reads_, {});
  resolvers_.Clear();
  criticals_.Clear();
  callers_.Clear();
  fetches_.Clear();
  on_client_gone_.Reset();
  when_waited_.Reset();
  pumps_.Clear();
  bodies_.Clear();
  connections_.Clear();
  cursors_.Clear();
  if (sockets_ != nullptr) {
    // Other ends (an eviction, the end of a request) look like one of the line.
    const Error* told = instance_ != nullptr ? instance_->failure() : &why;
    if (told != nullptr && (told->Has(Error::kObjectReset) || told->Has(Error::kOverloaded))) {
      sockets_->AbortSessions(*told);
    }
    sockets_.reset();
  }
  reads.Each([&](uint64_t, OnPumped& read) { read(Error(why)); });
  // An object's callers hear from the object layer, which knows what broke.
  if (instance_ == nullptr) events.Each([&](uint64_t, object::OnReply& reply) { reply(Error(why)); });
  if (on_end_) std::exchange(on_end_, nullptr)(place);
}

bool IoContext::HasPendingIo() const {
  return turns_waiting_ > 0 || !resolvers_.Empty() || !timers_.Empty() || !fetches_.Empty() || !pump_reads_.Empty() ||
         (sockets_ != nullptr && sockets_->holding() + sockets_->pending() > 0);
}

void IoContext::MaybeFinish() {
  if (instance_ != nullptr || ended_ || in_turn_ || turns_waiting_ > 0) return;
  bool streaming = !pumps_.Empty() || streams_ > 0;
  if (!events_.Empty()) {
    if (HasPendingIo() || streaming) return;
    // Nothing is under way that could ever settle what the handler waits for (spec/api.md section 12).
    return End(Error::Script("Error",
                             "The Workers runtime canceled this request because it detected that your Worker's code "
                             "had hung and would never generate a response. Refer to: "
                             "https://developers.cloudflare.com/workers/observability/errors/"));
  }
  if (streaming && !client_gone_) return;
  if (sockets_ != nullptr && sockets_->holding() > 0) return;
  if (wait_untils_ > 0 && HasPendingIo()) {
    if (grace_timer_ != 0) return;
    grace_timer_ = host_->loop->After(host_->wait_until_max, [weak = weak_from_this()] {
      std::shared_ptr<IoContext> self = weak.lock();
      if (!self || self->ended_) return;
      self->Log("warn",
                "waitUntil() tasks did not complete within the allowed time after invocation end and have "
                "been cancelled. See: https://developers.cloudflare.com/workers/runtime-apis/context/#waituntil");
      self->End(Error(ErrorCode::kCanceled, "waitUntil() took too long."));
    });
    return;
  }
  End(Error(ErrorCode::kCanceled, "The event has ended."));
}

void IoContext::TellClientGone() {
  if (ended_ || on_client_gone_.IsEmpty()) return;
  RunTurn({}, [this](js::Scope& scope) {
    v8::Local<v8::Function> tell = on_client_gone_.Get(scope.isolate());
    on_client_gone_.Reset();
    v8::TryCatch caught(scope.isolate());
    (void)tell->Call(scope.context(), v8::Undefined(scope.isolate()), 0, nullptr);
  });
}

void IoContext::ClientGone() {
  if (ended_ || instance_ != nullptr || client_gone_) return;
  client_gone_ = true;
  TellClientGone();
  if (ended_) return;
  Error gone(ErrorCode::kCanceled, "The client has disconnected.");
  if (wait_untils_ == 0) return End(std::move(gone));
  std::exchange(events_, {}).Each([&](uint64_t, object::OnReply& reply) { reply(Error(gone)); });
  MaybeFinish();
}

void IoContext::HoldResolver(uint64_t number, v8::Local<v8::Promise::Resolver> resolver) {
  resolvers_.Emplace(number, host_->isolate->raw(), resolver);
}

void IoContext::SettleNow(js::Scope& scope, uint64_t number, Make& make) {
  v8::Global<v8::Promise::Resolver>* found = resolvers_.Find(number);
  if (found == nullptr) return;
  v8::Local<v8::Promise::Resolver> resolver = found->Get(scope.isolate());
  resolvers_.Erase(number);
  SettleWith(scope, resolver, make);
}

void SettleWith(js::Scope& scope, v8::Local<v8::Promise::Resolver> resolver,
                FunctionRef<v8::MaybeLocal<v8::Value>(js::Scope&)> make) {
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

void IoContext::Settle(uint64_t number, const object::GateRef& where, Make make) {
  if (!resolvers_.Contains(number)) return;
  Continue(where, [this, number, make = std::move(make)](js::Scope& scope) mutable { SettleNow(scope, number, make); });
}

void IoContext::SettleUnder(uint64_t number, object::InputLock lock, Make make) {
  RunTurn(std::move(lock),
          [this, number, make = std::move(make)](js::Scope& scope) mutable { SettleNow(scope, number, make); });
}

uint64_t IoContext::AddEvent(object::OnReply reply) {
  uint64_t number = NextNumber();
  events_.Emplace(number, std::move(reply));
  return number;
}

std::optional<IoContext::RequestArguments> IoContext::ImportRequest(js::Scope& scope, uint64_t event,
                                                                    HttpRequest request) {
  if (request.session != nullptr) AddCaller(event, std::move(request.session));
  v8::Isolate* isolate = scope.isolate();
  v8::Local<v8::Value> body = ImportBody(scope, std::move(request.body));
  if (body.IsEmpty()) {
    Answer(event, Error(ErrorCode::kOverloaded, "The request body is over the memory limit."));
    return std::nullopt;
  }
  v8::Local<v8::Value> cf = v8::Undefined(isolate);
  if (request.cf) cf = js::FromUtf8(isolate, *request.cf);
  return RequestArguments{js::FromUtf8(isolate, request.method), js::FromUtf8(isolate, request.url),
                          ToPacked(scope, request.headers), body, cf};
}

void IoContext::Answer(uint64_t event, Result<HttpResponse> response) {
  DropCaller(event);
  if (std::optional<object::OnReply> reply = events_.Take(event)) (*reply)(std::move(response));
}

IoContext::InBody* IoContext::FindBody(uint64_t number) { return bodies_.Find(number); }

v8::Local<v8::Value> IoContext::ImportBody(js::Scope& scope, Body body, net::ContentCoding coding) {
  if (!body.present) return v8::Null(scope.isolate());
  if (!body.stream && coding == net::ContentCoding::kIdentity) {
    bool text = body.bytes.size() <= kTextBodyMax && js::IsAscii(body.bytes);
    if (text) return js::FromLatin1(scope.isolate(), body.bytes);
    return js::ToUint8Array(scope.isolate(), body.bytes);
  }
  uint64_t number = NextNumber();
  InBody& kept = bodies_.Emplace(number);
  kept.body = std::move(body);
  kept.coding = coding;
  return v8::Number::New(scope.isolate(), static_cast<double>(number));
}

// -- timers

uint64_t IoContext::StartTimer(js::Scope& scope, v8::Local<v8::Function> callback, Duration delay, bool repeat) {
  uint64_t number = NextNumber();
  Timer& timer = timers_.Emplace(number);
  timer.callback.Reset(scope.isolate(), callback);
  v8::Local<v8::Value> frame = js::Isolate::AsyncFrame(scope.isolate());
  if (!frame->IsUndefined()) timer.frame.Reset(scope.isolate(), frame);
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
  Timer* found = timers_.Find(number);
  if (found == nullptr) return;
  object::GateRef where = found->where;  // The turn may be now, and the timer gone in it.
  Continue(where, [this, number](js::Scope& scope) {
    Timer* timer = timers_.Find(number);
    if (timer == nullptr) return;
    v8::Local<v8::Function> callback = timer->callback.Get(scope.isolate());
    v8::Local<v8::Value> frame = timer->frame.Get(scope.isolate());
    if (timer->repeat) {
      Arm(number, *timer);
    } else {
      timers_.Erase(number);
      if (instance_ != nullptr) instance_->Unpin();
    }
    v8::TryCatch caught(scope.isolate());
    v8::Local<v8::Value> result;
    if (!frame.IsEmpty()) js::Isolate::SetAsyncFrame(scope.isolate(), frame);
    bool done = callback->Call(scope.context(), v8::Undefined(scope.isolate()), 0, nullptr).ToLocal(&result);
    if (!frame.IsEmpty()) js::Isolate::SetAsyncFrame(scope.isolate(), v8::Undefined(scope.isolate()));
    if (done) return;
    if (caught.HasCaught() && !caught.HasTerminated()) {
      Error error = ToError(scope, caught.Exception());
      ReportUncaught(error);
    }
  });
}

void IoContext::StopTimer(uint64_t number) {
  Timer* found = timers_.Find(number);
  if (found == nullptr) return;
  host_->loop->Cancel(found->timer);
  timers_.Erase(number);
  if (instance_ != nullptr) instance_->Unpin();
}

// -- fetches

uint64_t IoContext::AddFetch(v8::Local<v8::Promise::Resolver> resolver, v8::Local<v8::Value> state,
                             net::ContentCodings codings) {
  last_fetch_ = NextNumber();
  Fetch& fetch = fetches_.Emplace(last_fetch_);
  fetch.resolver.Reset(host_->isolate->raw(), resolver);
  fetch.state.Reset(host_->isolate->raw(), state);
  fetch.codings = codings;
  if (instance_ != nullptr) instance_->Pin();
  return last_fetch_;
}

void IoContext::HoldFetch(uint64_t number, net::FetchHandle handle) {
  if (Fetch* fetch = fetches_.Find(number)) fetch->handle = std::move(handle);
}

void IoContext::CancelFetch(uint64_t number) {
  if (fetches_.Erase(number) && instance_ != nullptr && !ended_) instance_->Unpin();
}

void IoContext::FetchAnswered(uint64_t number, const object::GateRef& where, Result<HttpResponse> response) {
  Fetch* fetch = fetches_.Find(number);
  if (fetch == nullptr) return;
  fetch->handle.Detach();  // The response's body goes on by itself.
  if (fetch->watch != nullptr) fetch->watch->Close(kCloseNoCode, {});
  if (fetch->callee != nullptr) fetch->callee->leave = nullptr;
  Continue(where, [this, number, response = std::move(response)](js::Scope& scope) mutable {
    SettleFetch(scope, number, response);
  });
}

void IoContext::SettleFetch(js::Scope& scope, uint64_t number, Result<HttpResponse>& response) {
  Fetch* fetch = fetches_.Find(number);
  if (fetch == nullptr) return;
  v8::Local<v8::Promise::Resolver> resolver = fetch->resolver.Get(scope.isolate());
  v8::Local<v8::Value> state = fetch->state.Get(scope.isolate());
  net::ContentCodings codings = fetch->codings;
  CancelFetch(number);
  auto make = [&](js::Scope& inner) -> v8::MaybeLocal<v8::Value> {
    if (resolver.IsEmpty() && response.has_value() && IsPlain(response.value().body.bytes))
      return ReturnPlainCall(inner, state, response.value().body.bytes);
    if (response.has_value()) return ImportResponse(inner, state, std::move(response).value(), codings);
    v8::Isolate* isolate = inner.isolate();
    const Error& error = response.error();
    v8::Local<v8::Value> failure;
    v8::Local<v8::Value> details = v8::Undefined(isolate);
    if (error.code() == ErrorCode::kScript &&
        error.stack().starts_with('\xFF')) {  // Of a serialised value: see Reject.
      details = js::ToUint8Array(isolate, error.stack());
    }
    if (details.IsEmpty()) return {};
    if (CallHook(inner, kFetchFailed,
                 {state, js::FromUtf8(isolate, error.name()), js::FromUtf8(isolate, error.message()),
                  v8::Integer::New(isolate, ErrorFlags(error)), details})
            .ToLocal(&failure)) {
      isolate->ThrowException(failure);
    }
    return {};
  };
  if (!resolver.IsEmpty()) return SettleWith(scope, resolver, make);
  v8::TryCatch caught(scope.isolate());
  (void)make(scope);
}

v8::MaybeLocal<v8::Value> IoContext::ImportResponse(js::Scope& scope, v8::Local<v8::Value> state, HttpResponse response,
                                                    net::ContentCodings codings) {
  v8::Isolate* isolate = scope.isolate();
  v8::Local<v8::Value> body =
      ImportBody(scope, std::move(response.body), net::ContentCodingOf(response.headers, codings));
  if (body.IsEmpty()) return {};
  v8::Local<v8::Value> socket = v8::Undefined(isolate);
  if (response.websocket != nullptr) {
    socket = v8::Number::New(isolate, static_cast<double>(sockets().Add(std::move(response.websocket))));
  }
  std::string_view text = response.status_text;
  return CallHook(scope, kFetched,
                  {state, v8::Integer::New(isolate, response.status),
                   js::FromUtf8(isolate, text.empty() ? StandardReason(response.status) : text),
                   ToPacked(scope, response.headers), body, socket});
}

// -- WebSockets

ScriptSockets& IoContext::sockets() {
  if (sockets_ == nullptr) sockets_ = std::make_unique<ScriptSockets>(*this);
  return *sockets_;
}

void IoContext::CloseSockets(uint16_t code, std::string_view reason) {
  if (sockets_ != nullptr) sockets_->CloseAll(code, reason);
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
    self->ReportUncaught(error, "(in promise) ");
    self->wait_until_failed_ = true;
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
  if (wait_untils_ > 0 || when_waited_.IsEmpty()) return;
  v8::Isolate* isolate = host_->isolate->raw();
  v8::Local<v8::Function> tell = when_waited_.Get(isolate);
  when_waited_.Reset();
  v8::TryCatch caught(isolate);
  v8::Local<v8::Value> failed = v8::Boolean::New(isolate, wait_until_failed_);
  (void)tell->Call(isolate->GetCurrentContext(), v8::Undefined(isolate), 1, &failed);
}

void IoContext::PumpGone(uint64_t number) {
  if (!pumps_.Erase(number)) return;
  if (!client_gone_) MaybeFinish();
}

void IoContext::StreamEnds() {
  --streams_;
  if (!client_gone_) MaybeFinish();
}

}  // namespace limpet::api
