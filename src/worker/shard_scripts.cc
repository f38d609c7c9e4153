#include <optional>
#include <unordered_map>
#include <utility>

#include "api/hooks.h"
#include "api/values.h"
#include "worker/isolate_stock.h"
#include "worker/runtime.h"
#include "worker/version.h"

namespace limpet::worker {

namespace {

// Which entrypoint of a script runs: its default export, or an export with props.
struct Entrypoint {
  std::string name = "default";
  Bytes props = {};  // Serialised; empty: {}.
};

void Dispatch(js::Scope& scope, api::IoContext& context, LoadedScript& loaded, const Entrypoint& entrypoint,
              uint64_t event, HttpRequest request) {
  if (loaded.failure()) return context.Answer(event, Error(*loaded.failure()));
  v8::Isolate* isolate = scope.isolate();
  v8::TryCatch caught(isolate);
  v8::Local<v8::Value> target = loaded.DefaultExport(scope);
  v8::Local<v8::Value> props = v8::Undefined(isolate);
  if (entrypoint.name != "default" && !loaded.Export(scope, entrypoint.name).ToLocal(&target)) {
    return context.Answer(event, Error::Script("TypeError", "The script does not export " + entrypoint.name + "."));
  }
  if (!entrypoint.props.empty() && !api::Deserialize(scope, entrypoint.props).ToLocal(&props)) return;
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
    deps.run_entrypoint = [this](const std::shared_ptr<LoadedScript>& loaded, const std::string& name, Bytes props,
                                 HttpRequest request, object::OnReply reply) {
      Start(loaded, {.name = name, .props = std::move(props)}, std::move(request), std::move(reply));
    };
  }

  ShardDeps deps;
  IsolateStock stock;
  std::unordered_map<std::string, std::shared_ptr<Version>> scripts;
  // Older versions that something still runs on; kept so that their idle isolates are dropped.
  std::vector<std::weak_ptr<Version>> old_versions;
  // Those that have run an event here. The contexts of one hold it, and it them.
  std::vector<std::weak_ptr<LoadedScript>> loaded_scripts;
  size_t contexts = 0;                                // Of all of them.
  std::vector<std::shared_ptr<api::IoContext>> gone;  // Ended; destroyed from the loop.
  bool draining = false;
  UniqueFunction<void()> drained;
  loop::TimerId idle_timer = 0;

  void Sweep() {
    idle_timer = deps.loop->After(deps.limits.isolate_idle, [weak = weak_from_this()] {
      if (std::shared_ptr<State> self = weak.lock()) self->Sweep();
    });
    Instant since = deps.loop->Now() - deps.limits.isolate_idle;
    for (auto& [name, version] : scripts) version->DropIfIdle(since);
    std::erase_if(old_versions, [](const std::weak_ptr<Version>& old) { return old.expired(); });
    for (std::weak_ptr<Version>& old : old_versions) {
      if (std::shared_ptr<Version> version = old.lock()) version->DropIfIdle(since);
    }
  }

  void Ended(size_t place, LoadedScript& loaded) {
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
    if (draining && contexts == 0 && drained) std::exchange(drained, nullptr)();
  }

  // At most two versions of a script live on a shard, `fresh` and the one before: what still runs on older ones ends.
  void EndOlder(const Version& fresh, const Version* previous) {
    const std::string& name = fresh.script().script_name;
    for (const std::weak_ptr<Version>& weak : std::vector<std::weak_ptr<Version>>(old_versions)) {
      std::shared_ptr<Version> old = weak.lock();
      if (old && old.get() != previous && old->script().script_name == name) {
        old->EndObjects();
      }
    }
    // The contexts of stateless events outlive their Version: they hold the loaded script alone.
    for (const std::shared_ptr<LoadedScript>& loaded : Loaded()) {
      const ScriptVersion& runs = loaded->version();
      bool lives = &runs == &fresh.script() || (previous != nullptr && &runs == &previous->script());
      if (lives || runs.script_name != name) continue;
      EndAll(*loaded, Error(ErrorCode::kCanceled, "Worker request ended because its code was updated."));
    }
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
  std::shared_ptr<api::IoContext> Start(const std::shared_ptr<LoadedScript>& loaded, Entrypoint entrypoint,
                                        HttpRequest request, object::OnReply reply) {
    std::shared_ptr<api::IoContext> context = NewContext(loaded);
    uint64_t number = context->AddEvent(std::move(reply));
    context->RunTurn({}, [raw = context.get(), number, script = loaded, entrypoint = std::move(entrypoint),
                          request = std::move(request)](js::Scope& scope) mutable {
      Dispatch(scope, *raw, *script, entrypoint, number, std::move(request));
    });
    return context;
  }
};

ShardScripts::ShardScripts(ShardDeps deps) : state_(std::make_shared<State>(deps)) { state_->Sweep(); }

ShardScripts::~ShardScripts() {
  state_->deps.loop->Cancel(state_->idle_timer);
  for (const std::shared_ptr<LoadedScript>& loaded : state_->Loaded()) {
    State::EndAll(*loaded, Error(ErrorCode::kCanceled, "The server is shutting down."));
  }
}

void ShardScripts::Activate(std::shared_ptr<const ScriptVersion> version, object::CodeUpdate update) {
  auto fresh = std::make_shared<Version>(state_->deps, version);
  std::shared_ptr<Version>& slot = state_->scripts[version->script_name];
  std::shared_ptr<Version> old = std::exchange(slot, fresh);
  for (const ObjectClass& object_class : version->classes) {
    std::shared_ptr<object::ClassCode> code = MakeClassCode(fresh, object_class);
    fresh->classes().push_back(code);
    state_->deps.objects->SetClass(object_class.ns, std::move(code), update);
  }
  state_->EndOlder(*fresh, old.get());
  if (old) state_->old_versions.push_back(old);
}

void ShardScripts::Remove(const std::string& script_name) {
  auto found = state_->scripts.find(script_name);
  if (found == state_->scripts.end()) return;
  state_->old_versions.push_back(found->second);
  state_->scripts.erase(found);
}

bool ShardScripts::Has(const std::string& script_name) const { return state_->scripts.contains(script_name); }

std::shared_ptr<ShardScripts::Event> ShardScripts::Fetch(const std::string& script_name, HttpRequest request,
                                                         object::OnReply reply) {
  auto found = state_->scripts.find(script_name);
  if (found == state_->scripts.end() || state_->draining) {
    reply(state_->draining ? Error(ErrorCode::kOverloaded, "The server is shutting down.")
                           : Error(ErrorCode::kNotFound, "There is no script \"" + script_name + "\"."));
    return nullptr;
  }
  std::shared_ptr<Version> version = found->second;
  Result<std::shared_ptr<LoadedScript>> loaded = version->Use();
  if (!loaded.has_value()) {
    if (state_->deps.observer != nullptr) {
      state_->deps.observer->OnException(script_name, loaded.error().ToString() + "\n" + loaded.error().stack());
    }
    reply(std::move(loaded).error());
    return nullptr;
  }
  auto event = std::make_shared<Event>();
  event->context = state_->Start(loaded.value(), {}, std::move(request), std::move(reply));
  return event;
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
  if (state_->contexts == 0) return then();
  state_->drained = std::move(then);
}

}  // namespace limpet::worker
