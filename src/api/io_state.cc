// Natives of timers, the log, waitUntil and an object's state.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "api/hooks.h"
#include "api/io_natives.h"
#include "api/io_support.h"

namespace limpet::api {
namespace {

// A delay is a 32-bit count of milliseconds, as browsers have it: what does not fit is 1.
constexpr double kDelayMsMax = 2147483647;

void InEvent(const Arguments& args) { args.GetReturnValue().Set(IoContext::Current(args.GetIsolate()) != nullptr); }

void CurrentObject(const Arguments& args) {
  const IoContext* context = IoContext::Current(args.GetIsolate());
  args.GetReturnValue().Set(context == nullptr ? 0.0 : static_cast<double>(context->object_number()));
}

// currentContext(): number
void CurrentContext(const Arguments& args) {
  IoContext* context = IoContext::Current(args.GetIsolate());
  args.GetReturnValue().Set(context == nullptr ? 0.0 : static_cast<double>(context->number()));
}

void SetTimer(const Arguments& args) {
  Call call(args);
  IoContext* context = call.Context();
  if (context == nullptr) return;
  if (!args[0]->IsFunction()) return js::ThrowTypeError(call.scope.isolate(), "The callback is not a function.");
  if (context->timers() >= kTimersMax) {
    return Throw(call.scope, Error::Script("QuotaExceededError",
                                           "You have exceeded the number of active timeouts you may set. "
                                           "max active timeouts: 10000"));
  }
  double ms = args[1]->IsNumber() ? args[1].As<v8::Number>()->Value() : 0;
  if (!(ms >= 0) || ms > kDelayMsMax) ms = ms > kDelayMsMax ? kDelayMsMax : 0;
  bool repeat = args[2]->IsTrue();
  if (repeat) ms = std::max(ms, 1.0);
  auto delay = std::chrono::duration_cast<Duration>(std::chrono::duration<double, std::milli>(ms));
  uint64_t number = context->StartTimer(call.scope, args[0].As<v8::Function>(), delay, repeat);
  args.GetReturnValue().Set(static_cast<double>(number));
}

void ClearTimer(const Arguments& args) {
  Call call(args);
  if (IoContext* context = IoContext::Current(call.scope.isolate())) context->StopTimer(call.Number(0));
}

// log(level, text): an object's line waits for its output gate, like everything that an outsider can see.
void Log(const Arguments& args) {
  Call call(args);
  std::string level = call.Text(0);
  std::string text = call.Text(1);
  IoContext* context = IoContext::Current(call.scope.isolate());
  if (context == nullptr) {
    auto* host = static_cast<IoHost*>(call.scope.host().owner);
    if (host != nullptr) host->OnConsole(level, text);
    return;
  }
  if (context->trace == nullptr || !args[2]->IsString()) return context->Log(std::move(level), std::move(text));
  context->WhenDurable([host = context->shared_host(), traced = context->trace, level = std::move(level),
                        text = std::move(text), values = call.Text(2)](Result<Done> durable) {
    if (!durable.has_value()) return;
    traced->AddLog(level, values, host->loop->WallNow().time_since_epoch().count());
    host->OnConsole(level, text);
  });
}

// traced(): whether somebody is to be told of the event that runs.
void Traced(const Arguments& args) {
  IoContext* context = IoContext::Current(args.GetIsolate());
  args.GetReturnValue().Set(context != nullptr && context->trace != nullptr);
}

// onClientGone(tell, event): when the client of this stateless event goes, or whoever called the object.
void OnClientGone(const Arguments& args) {
  Call call(args);
  IoContext* context = call.Context();
  if (context == nullptr || !args[0]->IsFunction()) return;
  if (context->instance() != nullptr)
    return context->OnCallerGone(call.scope, call.Number(1), args[0].As<v8::Function>());
  context->OnClientGone(call.scope, args[0].As<v8::Function>());
}

void UsesSqlite(const Arguments& args) {
  const IoContext* context = IoContext::Current(args.GetIsolate());
  args.GetReturnValue().Set(context != nullptr && context->sqlite());
}

void WaitUntil(const Arguments& args) {
  Call call(args);
  IoContext* context = call.Context();
  if (context == nullptr || !args[0]->IsPromise()) return;
  context->AddWaitUntil(call.scope, args[0].As<v8::Promise>());
}

void WhenWaited(const Arguments& args) {
  Call call(args);
  IoContext* context = call.Context();
  if (context == nullptr || !args[0]->IsFunction()) return;
  context->WhenWaited(call.scope, args[0].As<v8::Function>());
}

// -- blockConcurrencyWhile

// The section's callback has settled: `number` names the critical section.
void EndSection(const Arguments& args) {
  Call call(args);
  IoContext* context = IoContext::Current(call.scope.isolate());
  if (context == nullptr) return;
  uint64_t section = static_cast<uint64_t>(args.Data().As<v8::Number>()->Value());
  std::optional<IoContext::Critical> taken = context->criticals().Take(section);
  if (!taken) return;
  IoContext::Critical critical = *std::move(taken);
  v8::Local<v8::Promise::Resolver> resolver = critical.resolver.Get(call.scope.isolate());
  if (context->where() == critical.section) {
    context->set_lock(context->instance()->EndCritical(context->take_lock()));
    (void)resolver->Resolve(call.scope.context(), args[0]);
    return;
  }
  // Settled from a turn of an inner section's parent chain that does not hold this section's lock: get one first.
  uint64_t number = context->NextNumber();
  context->HoldResolver(number, resolver);
  auto value = std::make_shared<v8::Global<v8::Value>>(call.scope.isolate(), args[0]);
  context->Continue(critical.section, [context, number, value](js::Scope& scope) {
    context->set_lock(context->instance()->EndCritical(context->take_lock()));
    IoContext::Make make = [value](js::Scope& inner) -> v8::MaybeLocal<v8::Value> {
      return value->Get(inner.isolate());
    };
    context->SettleNow(scope, number, make);
  });
}

void FailSection(IoContext& context, js::Scope& scope, uint64_t number, v8::Local<v8::Value> thrown) {
  std::optional<IoContext::Critical> taken = context.criticals().Take(number);
  if (!taken) return;
  context.instance()->FailCritical(taken->section, ToError(scope, thrown));
  context.StopJavaScript(scope);
}

void OnSectionFailed(const Arguments& args) {
  Call call(args);
  IoContext* context = IoContext::Current(call.scope.isolate());
  if (context == nullptr) return;
  FailSection(*context, call.scope, static_cast<uint64_t>(args.Data().As<v8::Number>()->Value()), args[0]);
}

void RunSection(IoContext& context, js::Scope& scope, uint64_t number) {
  IoContext::Critical* found = context.criticals().Find(number);
  if (found == nullptr) return;
  v8::Isolate* isolate = scope.isolate();
  v8::Local<v8::Context> js = scope.context();
  v8::Local<v8::Function> callback = found->callback.Get(isolate);
  v8::TryCatch caught(isolate);
  v8::Local<v8::Value> result;
  if (!callback->Call(js, v8::Undefined(isolate), 0, nullptr).ToLocal(&result)) {
    if (caught.HasTerminated() || !caught.HasCaught()) return;
    v8::Local<v8::Value> thrown = caught.Exception();
    caught.Reset();
    return FailSection(context, scope, number, thrown);
  }
  v8::Local<v8::Promise::Resolver> settled;
  v8::Local<v8::Function> on_done;
  v8::Local<v8::Function> on_failed;
  v8::Local<v8::Value> data = v8::Number::New(isolate, static_cast<double>(number));
  if (!v8::Promise::Resolver::New(js).ToLocal(&settled)) return;
  if (!v8::Function::New(js, EndSection, data).ToLocal(&on_done)) return;
  if (!v8::Function::New(js, OnSectionFailed, data).ToLocal(&on_failed)) return;
  (void)settled->Resolve(js, result);
  (void)settled->GetPromise()->Then(js, on_done, on_failed);
}

// blockConcurrency(callback)
void BlockConcurrency(const Arguments& args) {
  Call call(args);
  IoContext* context = call.ObjectContext();
  if (context == nullptr) return;
  if (!args[0]->IsFunction()) return js::ThrowTypeError(call.scope.isolate(), "The callback is not a function.");
  Result<object::GateRef> section = context->instance()->BeginCritical(context->lock());
  if (!section.has_value()) return Throw(call.scope, section.error());
  v8::Local<v8::Promise::Resolver> resolver;
  if (!v8::Promise::Resolver::New(call.scope.context()).ToLocal(&resolver)) return;
  args.GetReturnValue().Set(resolver->GetPromise());
  uint64_t number = context->NextNumber();
  IoContext::Critical& critical = context->criticals().Emplace(number);
  critical.section = section.value();
  critical.resolver.Reset(call.scope.isolate(), resolver);
  critical.callback.Reset(call.scope.isolate(), args[0].As<v8::Function>());
  context->Continue(section.value(), [context, number](js::Scope& scope) { RunSection(*context, scope, number); });
}

// abort(reason): never returns to the script.
void Abort(const Arguments& args) {
  Call call(args);
  IoContext* context = call.ObjectContext();
  if (context == nullptr) return;
  context->instance()->Abort(Error::Script("Error", call.Text(0)).With(Error::kRemote).With(Error::kObjectReset));
  context->StopJavaScript(call.scope);
}

}  // namespace

void AddStateNatives(std::vector<js::NativeFunction>& natives) {
  natives.push_back({"inEvent", InEvent});
  natives.push_back({"currentObject", CurrentObject});
  natives.push_back({"currentContext", CurrentContext});
  natives.push_back({"setTimer", SetTimer});
  natives.push_back({"clearTimer", ClearTimer});
  natives.push_back({"log", Log});
  natives.push_back({"traced", Traced});
  natives.push_back({"waitUntil", WaitUntil});
  natives.push_back({"whenWaited", WhenWaited});
  natives.push_back({"onClientGone", OnClientGone});
  natives.push_back({"usesSqlite", UsesSqlite});
  natives.push_back({"blockConcurrency", BlockConcurrency});
  natives.push_back({"abort", Abort});
}

}  // namespace limpet::api
