#include <algorithm>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "api/hooks.h"
#include "api/values.h"
#include "base/trace_json.h"
#include "worker/isolate_stock.h"
#include "worker/runtime.h"
#include "worker/tracing.h"
#include "worker/version.h"

namespace limpet::worker {

namespace {

// What a deploy ends, since two have come after it, had as long to end by itself: deploys may come fast.
constexpr std::chrono::seconds kOlderGrace{2};
constexpr size_t kTailsWaitingMax = 10'000;  // Events that nobody is told of beyond that.

// As `limpet dev` says it, where the other Worker may come later; wrangler's words.
std::string NotRunning(const std::string& script) {
  return "Worker \"" + script + "\" not found. Make sure it is running locally.";
}

// `reply` to a caller inside: what the callee's code threw is remote to it.
object::OnReply FromAfar(object::OnReply reply) {
  return [reply = std::move(reply)](Result<HttpResponse> result) mutable {
    if (result.has_value() || result.error().code() != ErrorCode::kScript) return reply(std::move(result));
    reply(std::move(result).error().With(Error::kRemote));
  };
}

void Dispatch(js::Scope& scope, api::IoContext& context, LoadedScript& loaded, const api::EntrypointCall& call,
              uint64_t event, HttpRequest request) {
  if (loaded.failure()) return context.Answer(event, Error(*loaded.failure()));
  v8::Isolate* isolate = scope.isolate();
  v8::TryCatch caught(isolate);
  v8::Local<v8::Value> target = loaded.DefaultExport(scope);
  v8::Local<v8::Value> props = v8::Undefined(isolate);
  if (call.entrypoint != kDefaultEntrypoint && !loaded.Export(scope, call.entrypoint).ToLocal(&target)) {
    return context.Answer(event, Error::Script("TypeError", "The script does not export " + call.entrypoint + "."));
  }
  if (!call.props.empty() && !api::Deserialize(scope, call.props).ToLocal(&props)) return;
  if (request.rpc) {
    v8::Local<v8::Value> parts[] = {target, loaded.Environment(scope), props};
    return api::DispatchRpc(scope, context, v8::Array::New(isolate, parts, 3), event, std::move(request));
  }
  auto arguments = context.ImportRequest(scope, event, std::move(request));
  if (!arguments) return;
  auto& [method, url, headers, body, cf] = *arguments;
  (void)api::CallHook(scope, api::kDispatchFetch,
                      {target, loaded.Environment(scope), v8::Number::New(isolate, static_cast<double>(event)), method,
                       url, headers, body, cf, props});
}

void DispatchScheduled(js::Scope& scope, api::IoContext& context, LoadedScript& loaded, uint64_t event,
                       const std::string& cron, int64_t scheduled_ms) {
  if (loaded.failure()) return context.Answer(event, Error(*loaded.failure()));
  v8::Isolate* isolate = scope.isolate();
  v8::TryCatch caught(isolate);
  (void)api::CallHook(
      scope, api::kDispatchScheduled,
      {loaded.DefaultExport(scope), loaded.Environment(scope), v8::Number::New(isolate, static_cast<double>(event)),
       js::FromUtf8(isolate, cron), v8::Number::New(isolate, static_cast<double>(scheduled_ms))});
}

void DescribeScheduled(TraceEvent& trace, const std::string& cron, int64_t scheduled_ms) {
  trace.kind = TraceEvent::Kind::kScheduled;
  trace.detail = cron;
  trace.scheduled_ms = scheduled_ms;
}

}  // namespace

class ShardScripts::Event {
 public:
  std::weak_ptr<api::IoContext> context;
};

struct ShardScripts::State : std::enable_shared_from_this<State> {
  explicit State(ShardDeps dependencies)
      : deps(dependencies),
        stock(*deps.js, *deps.loop, {.memory_max = deps.limits.memory_max, .cpu_max = deps.limits.cpu_max}) {
    deps.stock = &stock;
    deps.run_entrypoint = [this](const std::shared_ptr<LoadedScript>& loaded, api::EntrypointCall call,
                                 HttpRequest request, object::OnReply reply) {
      Enter(loaded, std::move(call), std::move(request), std::move(reply));
    };
    deps.call_script = [this](api::EntrypointCall call, HttpRequest request, object::OnReply reply) {
      CallScript(std::move(call), std::move(request), std::move(reply));
    };
  }

  ShardDeps deps;
  IsolateStock stock;
  // What is live of a script: one version, or several with their shares.
  struct Live {
    std::vector<std::shared_ptr<Version>> versions;
    std::vector<double> shares;
    bool Has(const ScriptVersion& script) const {
      return std::ranges::any_of(versions, [&](auto& version) { return &version->script() == &script; });
    }
  };
  std::unordered_map<std::string, Live> scripts;
  // Older versions that something still runs on; kept so that their idle isolates are dropped.
  std::vector<std::weak_ptr<Version>> old_versions;
  // Those that have run an event here. The contexts of one hold it, and it them.
  std::vector<std::weak_ptr<LoadedScript>> loaded_scripts;
  size_t contexts = 0;                                // Of all of them.
  size_t tails_waiting = 0;                           // Events of tail() that are about to begin.
  std::set<const api::IoContext*> tails;              // Traced events of tail() that run.
  std::vector<std::shared_ptr<api::IoContext>> gone;  // Ended; destroyed from the loop.
  bool draining = false;
  UniqueFunction<void()> drained;
  loop::TimerId idle_timer = 0;

  void Sweep() {
    idle_timer = deps.loop->After(deps.limits.isolate_idle, [weak = weak_from_this()] {
      if (std::shared_ptr<State> self = weak.lock()) self->Sweep();
    });
    Instant since = deps.loop->Now() - deps.limits.isolate_idle;
    for (auto& [name, live] : scripts) {
      for (const std::shared_ptr<Version>& version : live.versions) version->DropIfIdle(since);
    }
    std::erase_if(old_versions, [](const std::weak_ptr<Version>& old) { return old.expired(); });
    for (std::weak_ptr<Version>& old : old_versions) {
      if (std::shared_ptr<Version> version = old.lock()) version->DropIfIdle(since);
    }
  }

  void Ended(size_t place, LoadedScript& loaded) {
    if (const std::shared_ptr<TraceEvent>& trace = loaded.contexts[place]->trace) {
      EmitTrace(deps, loaded.version(), trace,
                tails.erase(loaded.contexts[place].get()) ? TraceOf::kTail : TraceOf::kEvent);
    }
    // The context may be what calls us: it goes when the loop is back.
    gone.push_back(std::exchange(loaded.contexts[place], std::move(loaded.contexts.back())));
    loaded.contexts.pop_back();
    if (place < loaded.contexts.size()) loaded.contexts[place]->place = place;
    --contexts;
    if (gone.size() == 1) {
      deps.loop->Post([weak = weak_from_this()] {
        if (std::shared_ptr<State> self = weak.lock()) std::exchange(self->gone, {});
      });
    }
    MaybeDrained();
  }

  void MaybeDrained() {
    if (draining && contexts == 0 && tails_waiting == 0 && drained) std::exchange(drained, nullptr)();
  }

  // Of a script live on a shard what is deployed, `fresh`, and what was before: what still runs on older versions ends.
  void EndOlder(const std::string& name, const Live& fresh, const Live& previous) {
    for (const std::weak_ptr<Version>& weak : std::vector<std::weak_ptr<Version>>(old_versions)) {
      std::shared_ptr<Version> old = weak.lock();
      if (old == nullptr || old->script().script_name != name) continue;
      bool lives = fresh.Has(old->script()) || previous.Has(old->script());
      if (!lives) old->EndObjects();
    }
    // The contexts of stateless events outlive their Version: they hold the loaded script alone.
    std::vector<std::weak_ptr<LoadedScript>> older;
    for (const std::shared_ptr<LoadedScript>& loaded : Loaded()) {
      const ScriptVersion& runs = loaded->version();
      bool lives = fresh.Has(runs) || previous.Has(runs);
      if (!lives && runs.script_name == name && !loaded->contexts.empty()) older.push_back(loaded);
    }
    if (older.empty()) return;
    deps.loop->After(kOlderGrace, [weak = weak_from_this(), older = std::move(older)] {
      std::shared_ptr<State> self = weak.lock();
      if (self == nullptr) return;
      for (const std::weak_ptr<LoadedScript>& old : older) self->EndIfOld(old.lock());
    });
  }

  void EndIfOld(const std::shared_ptr<LoadedScript>& loaded) {
    if (loaded == nullptr) return;
    auto live = scripts.find(loaded->version().script_name);
    if (live != scripts.end() && live->second.Has(loaded->version())) return;  // It came back.
    EndAll(*loaded, Error(ErrorCode::kCanceled, "Worker request ended because its code was updated."));
  }

  std::vector<std::shared_ptr<LoadedScript>> Loaded() const {
    std::vector<std::shared_ptr<LoadedScript>> alive;
    for (const std::weak_ptr<LoadedScript>& weak : loaded_scripts) {
      if (std::shared_ptr<LoadedScript> loaded = weak.lock()) alive.push_back(std::move(loaded));
    }
    return alive;
  }

  // The end of one takes it off the list.
  static void EndAll(LoadedScript& loaded, const Error& why) {
    auto ending = loaded.contexts;
    for (const std::shared_ptr<api::IoContext>& context : ending) context->End(why);
  }

  std::shared_ptr<api::IoContext> NewContext(const std::shared_ptr<LoadedScript>& loaded) {
    if (!std::exchange(loaded->listed, true)) {
      std::erase_if(loaded_scripts, [](const std::weak_ptr<LoadedScript>& script) { return script.expired(); });
      loaded_scripts.push_back(loaded);
    }
    auto context = std::make_shared<api::IoContext>(
        loaded, nullptr, false, [this, script = loaded.get()](size_t place) { Ended(place, *script); });
    context->place = loaded->contexts.size();
    loaded->contexts.push_back(context);
    ++contexts;
    return context;
  }

  // Runs one event in a context of its own.
  std::shared_ptr<api::IoContext> Start(const std::shared_ptr<LoadedScript>& loaded, api::EntrypointCall call,
                                        HttpRequest request, object::OnReply reply) {
    std::shared_ptr<api::IoContext> context = NewContext(loaded);
    context->depth = call.depth;
    if (call.callee != nullptr) {
      // Not inside the caller's turn, nor in its end.
      call.callee->leave = [loop = deps.loop, weak = std::weak_ptr<api::IoContext>(context)] {
        loop->Post([weak] {
          if (std::shared_ptr<api::IoContext> left = weak.lock()) left->ClientGone();
        });
      };
    }
    context->trace = BeginTrace(deps, loaded->version());
    if (context->trace != nullptr) {
      if (call.entrypoint != kDefaultEntrypoint) context->trace->entrypoint = call.entrypoint;
      DescribeRequest(*context->trace, request);
      reply = Noting(context->trace, std::move(reply));
    }
    uint64_t number = context->AddEvent(std::move(reply));
    context->RunTurn(
        {}, [raw = context.get(), number, script = loaded, call = std::move(call), request = std::move(request)](
                js::Scope& scope) mutable { Dispatch(scope, *raw, *script, call, number, std::move(request)); });
    return context;
  }

  void Refuse(const std::string& name, object::OnReply reply) const {
    reply(draining ? Error(ErrorCode::kOverloaded, "The server is shutting down.")
                   : Error(ErrorCode::kNotFound, "There is no script \"" + name + "\"."));
  }

  // An event could not begin; `trace` may be null.
  void NotLoaded(const ScriptVersion& script, const std::shared_ptr<TraceEvent>& trace, Error error,
                 object::OnReply reply) const {
    if (trace != nullptr) {
      trace->SetOutcome(error);
      trace->AddException(error, trace->time_ms);
      EmitTrace(deps, script, trace);
    }
    if (deps.observer != nullptr)
      deps.observer->OnException(script.script_name, error.ToString() + "\n" + error.stack());
    reply(std::move(error));
  }

  // The same for a call from inside, which may be one to the static files.
  void Enter(const std::shared_ptr<LoadedScript>& loaded, api::EntrypointCall call, HttpRequest request,
             object::OnReply reply) {
    if (call.entrypoint == kAssetsEntrypoint) {
      return FetchAssets(loaded->version(), std::move(request), std::move(reply));
    }
    Start(loaded, std::move(call), std::move(request), FromAfar(std::move(reply)));
  }

  void FetchAssets(const ScriptVersion& version, HttpRequest request, object::OnReply reply) {
    if (request.rpc) {
      return reply(Error::Script("TypeError", "The binding to static files has no methods but fetch()."));
    }
    if (version.site == nullptr) return reply(Error(ErrorCode::kInternal, "no static files"));
    // From the loop: the script that asks is in the midst of its turn.
    deps.loop->Post([response = *deps.from_files(version, request, FileReader::kBinding),
                     reply = std::move(reply)]() mutable { reply(std::move(response)); });
  }

  // Runs a call from another script on what is live of this one. Also while the server drains: it is a part of an event
  // that is to be finished.
  void CallScript(api::EntrypointCall call, HttpRequest request, object::OnReply reply) {
    auto found = scripts.find(call.script);
    if (found == scripts.end()) {
      if (!deps.local_services) return reply(Error::Script("Error", "Worker not found."));
      if (request.rpc) return reply(Error::Script("Error", NotRunning(call.script)));
      HttpResponse response;
      response.status = 503;
      response.body = Body::Of(NotRunning(call.script));
      return reply(std::move(response));
    }
    std::shared_ptr<Version> version = Pick(found->second, call.script, request);
    const ScriptVersion& script = version->script();
    if (script.main_module.empty() || call.entrypoint == kAssetsEntrypoint) {
      return FetchAssets(script, std::move(request), std::move(reply));
    }
    if (script.site != nullptr && !request.rpc && call.entrypoint == kDefaultEntrypoint) {
      std::optional<HttpResponse> file = deps.from_files(script, request, FileReader::kScript);
      if (file) return reply(*std::move(file));
    }
    if (std::shared_ptr<LoadedScript> loaded = Load(*version, request, reply)) {
      Start(loaded, std::move(call), std::move(request), FromAfar(std::move(reply)));
    }
  }

  // Runs the tail() of a script, from the loop. One that is not there, or does not start, hears nothing.
  void TellTail(const std::string& consumer, std::shared_ptr<const TraceEvent> told) {
    if (tails_waiting >= kTailsWaitingMax) return;
    ++tails_waiting;
    deps.loop->Post([weak = weak_from_this(), consumer, told = std::move(told)] {
      std::shared_ptr<State> self = weak.lock();
      if (self == nullptr) return;
      --self->tails_waiting;
      self->RunTail(consumer, *told);
      self->MaybeDrained();
    });
  }

  void RunTail(const std::string& consumer, const TraceEvent& told) {
    auto found = scripts.find(consumer);
    if (found == scripts.end()) return;
    HttpRequest none;
    object::OnReply ignore = [](Result<HttpResponse>) {};
    std::shared_ptr<Version> version = Pick(found->second, consumer, none);
    if (version->script().main_module.empty()) return;
    Result<std::shared_ptr<LoadedScript>> used = version->Use();
    if (!used.has_value()) {  // Told to nobody, since that might fail the same way without end.
      if (deps.observer != nullptr) deps.observer->OnException(consumer, used.error().ToString());
      return;
    }
    const std::shared_ptr<LoadedScript>& loaded = used.value();
    std::shared_ptr<api::IoContext> context = NewContext(loaded);
    context->trace = BeginTrace(deps, loaded->version(), TraceOf::kTail);
    if (context->trace != nullptr) {
      tails.insert(context.get());
      ignore = Noting(context->trace, std::move(ignore));
    }
    uint64_t number = context->AddEvent(std::move(ignore));
    context->RunTurn({}, [raw = context.get(), number, loaded, item = ToText(TailItemJson(told))](js::Scope& scope) {
      if (loaded->failure()) return raw->Answer(number, Error(*loaded->failure()));
      v8::Isolate* isolate = scope.isolate();
      v8::TryCatch caught(isolate);
      (void)api::CallHook(scope, api::kDispatchTail,
                          {loaded->DefaultExport(scope), loaded->Environment(scope),
                           v8::Number::New(isolate, static_cast<double>(number)), js::FromUtf8(isolate, item)});
    });
  }

  // The loaded script; null: `reply` has got the reason, and who listens has, too.
  std::shared_ptr<LoadedScript> Load(Version& version, const HttpRequest& request, object::OnReply& reply) {
    Result<std::shared_ptr<LoadedScript>> loaded = version.Use();
    if (loaded.has_value()) return std::move(loaded).value();
    std::shared_ptr<TraceEvent> trace = BeginTrace(deps, version.script());
    if (trace != nullptr) DescribeRequest(*trace, request);
    NotLoaded(version.script(), trace, std::move(loaded).error(), std::move(reply));
    return nullptr;
  }

  // Whose turn it is: the one that the request asks for, that of the client's key, or any, by their shares.
  const std::shared_ptr<Version>& Pick(const Live& live, const std::string& name, const HttpRequest& request) const {
    if (live.versions.size() == 1) return live.versions.front();
    if (auto overrides = request.headers.Get("Cloudflare-Workers-Version-Overrides")) {
      std::string_view wanted = VersionOverride(*overrides, name);
      for (const std::shared_ptr<Version>& version : live.versions) {
        if (version->script().version_id == wanted) return version;
      }
    }
    auto key = request.headers.Get("Cloudflare-Workers-Version-Key");
    double point = key ? SharePoint(*key) : static_cast<double>(deps.random->Below(1 << 20)) * 0x1p-20 * 100;
    return live.versions[PickShare(live.shares, point)];
  }
};

ShardScripts::ShardScripts(ShardDeps deps) : state_(std::make_shared<State>(deps)) {
  // Events of objects may outlive this.
  state_->deps.tell_consumers = [weak = std::weak_ptr<State>(state_)](const std::vector<std::string>& consumers,
                                                                      std::shared_ptr<const TraceEvent> trace) {
    std::shared_ptr<State> state = weak.lock();
    if (state == nullptr) return;
    for (const std::string& consumer : consumers) state->TellTail(consumer, trace);
  };
  state_->Sweep();
}

ShardScripts::~ShardScripts() {
  state_->deps.loop->Cancel(state_->idle_timer);
  for (const std::shared_ptr<LoadedScript>& loaded : state_->Loaded()) {
    State::EndAll(*loaded, Error(ErrorCode::kCanceled, "The server is shutting down."));
  }
}

void ShardScripts::Activate(LiveVersions versions, object::CodeUpdate update) {
  const std::string name = versions.front().version->script_name;
  const std::vector<ObjectClass> classes = versions.front().version->classes;
  State::Live old = state_->scripts[name];
  State::Live fresh;
  for (LiveVersion& live : versions) {
    // What stays goes on undisturbed.
    auto kept = std::ranges::find_if(old.versions, [&](auto& version) { return version->Runs(*live.version); });
    fresh.versions.push_back(kept != old.versions.end() ? *kept
                                                        : std::make_shared<Version>(state_->deps, live.version));
    fresh.shares.push_back(live.percentage);
  }
  state_->scripts[name] = fresh;
  state_->deps.consumers.erase(name);
  const std::vector<std::string>& consumers = versions.front().version->tail_consumers;
  if (!consumers.empty()) state_->deps.consumers[name] = consumers;
  for (const ObjectClass& object_class : classes) {
    std::vector<std::shared_ptr<object::ClassCode>> codes;
    for (const std::shared_ptr<Version>& version : fresh.versions) codes.push_back(version->ClassOf(object_class));
    std::shared_ptr<object::ClassCode> code =
        codes.size() == 1 ? codes.front() : MakeSplitClass(std::move(codes), fresh.shares);
    state_->deps.objects->SetClass(object_class.ns, std::move(code), update);
  }
  state_->EndOlder(name, fresh, old);
  for (const std::shared_ptr<Version>& version : old.versions) {
    if (!fresh.Has(version->script())) state_->old_versions.push_back(version);
  }
}

void ShardScripts::SetTraced(std::set<std::string, std::less<>> scripts) { state_->deps.traced = std::move(scripts); }

void ShardScripts::Remove(const std::string& script_name) {
  auto found = state_->scripts.find(script_name);
  if (found == state_->scripts.end()) return;
  for (const std::shared_ptr<Version>& version : found->second.versions) state_->old_versions.push_back(version);
  state_->scripts.erase(found);
  state_->deps.consumers.erase(script_name);
}

bool ShardScripts::Has(const std::string& script_name) const { return state_->scripts.contains(script_name); }

std::shared_ptr<ShardScripts::Event> ShardScripts::Fetch(const std::string& script_name, HttpRequest request,
                                                         object::OnReply reply) {
  auto found = state_->scripts.find(script_name);
  if (found == state_->scripts.end() || state_->draining) {
    state_->Refuse(script_name, std::move(reply));
    return nullptr;
  }
  std::shared_ptr<Version> version = state_->Pick(found->second, script_name, request);
  if (version->script().site != nullptr) {
    std::optional<HttpResponse> file = state_->deps.from_files(version->script(), request, FileReader::kClient);
    if (file) return reply(*std::move(file)), nullptr;
  }
  std::shared_ptr<LoadedScript> loaded = state_->Load(*version, request, reply);
  if (loaded == nullptr) return nullptr;
  auto event = std::make_shared<Event>();
  event->context = state_->Start(loaded, {.script = {}, .entrypoint = std::string(kDefaultEntrypoint), .props = {}},
                                 std::move(request), std::move(reply));
  return event;
}

void ShardScripts::RunScheduled(const std::string& script_name, std::string cron, int64_t scheduled_ms,
                                object::OnReply reply) {
  auto found = state_->scripts.find(script_name);
  if (found == state_->scripts.end() || state_->draining) return state_->Refuse(script_name, std::move(reply));
  std::shared_ptr<Version> version = state_->Pick(found->second, script_name, HttpRequest());
  std::shared_ptr<TraceEvent> trace = BeginTrace(state_->deps, version->script());
  if (trace != nullptr) DescribeScheduled(*trace, cron, scheduled_ms);
  Result<std::shared_ptr<LoadedScript>> loaded = version->Use();
  if (!loaded.has_value())
    return state_->NotLoaded(version->script(), trace, std::move(loaded).error(), std::move(reply));
  std::shared_ptr<api::IoContext> context = state_->NewContext(loaded.value());
  context->trace = trace;
  loop::AsioLoop* loop = state_->deps.loop;
  loop::TimerId limit = loop->After(kScheduledMax, [weak = std::weak_ptr<api::IoContext>(context)] {
    if (std::shared_ptr<api::IoContext> slow = weak.lock()) {
      slow->End(Error(ErrorCode::kCanceled, "A scheduled event may take 15 minutes."));
    }
  });
  uint64_t number =
      context->AddEvent([loop, limit, trace, reply = std::move(reply)](Result<HttpResponse> result) mutable {
        loop->Cancel(limit);
        if (trace != nullptr && !result.has_value()) trace->SetOutcome(result.error());
        if (trace != nullptr && result.has_value() && result->status != 200) trace->outcome = "exception";
        reply(std::move(result));
      });
  context->RunTurn(
      {}, [raw = context.get(), number, script = std::move(loaded).value(), cron = std::move(cron),
           scheduled_ms](js::Scope& scope) { DispatchScheduled(scope, *raw, *script, number, cron, scheduled_ms); });
}

void ShardScripts::ClientGone(const std::shared_ptr<Event>& event, bool answered) {
  if (!event) return;
  std::shared_ptr<api::IoContext> context = event->context.lock();
  if (!context) return;
  if (answered) return context->TellClientGone();
  context->ClientGone();
}

void ShardScripts::Drain(UniqueFunction<void()> then) {
  state_->draining = true;
  state_->drained = std::move(then);
  state_->MaybeDrained();
}

}  // namespace limpet::worker
