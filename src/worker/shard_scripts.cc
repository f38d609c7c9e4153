#include <optional>
#include <unordered_map>
#include <utility>

#include "api/hooks.h"
#include "worker/runtime.h"
#include "worker/version.h"

namespace limpet::worker {

class ShardScripts::Event {
 public:
  std::weak_ptr<api::IoContext> context;
};

struct ShardScripts::State : std::enable_shared_from_this<State> {
  explicit State(ShardDeps dependencies) : deps(dependencies) {}

  ShardDeps deps;
  std::unordered_map<std::string, std::shared_ptr<Version>> scripts;
  // Older versions that something still runs on; kept so that their idle isolates are dropped.
  std::vector<std::weak_ptr<Version>> old_versions;
  std::unordered_map<api::IoContext*, std::shared_ptr<api::IoContext>> contexts;
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

  void Ended(api::IoContext* context, LoadedScript& loaded) {
    loaded.contexts.erase(context);
    auto found = contexts.find(context);
    if (found == contexts.end()) return;
    // The context may be what calls us: it goes when the loop is back.
    deps.loop->Post([gone = std::move(found->second)]() mutable { gone.reset(); });
    contexts.erase(found);
    if (draining && contexts.empty() && drained) std::exchange(drained, nullptr)();
  }

  std::shared_ptr<api::IoContext> NewContext(const std::shared_ptr<LoadedScript>& loaded) {
    auto slot = std::make_shared<api::IoContext*>(nullptr);
    auto context = std::make_shared<api::IoContext>(
        loaded, nullptr, false, [weak = weak_from_this(), slot, script = std::weak_ptr<LoadedScript>(loaded)] {
          std::shared_ptr<State> self = weak.lock();
          std::shared_ptr<LoadedScript> alive = script.lock();
          if (self && alive) self->Ended(*slot, *alive);
        });
    *slot = context.get();
    contexts.emplace(context.get(), context);
    loaded->contexts.insert(context.get());
    return context;
  }
};

namespace {

void Dispatch(js::Scope& scope, api::IoContext& context, LoadedScript& loaded, uint64_t event, Body body,
              const std::string& method, const std::string& url, const std::shared_ptr<const std::string>& cf) {
  if (loaded.failure()) return context.Answer(event, Error(*loaded.failure()));
  v8::Isolate* isolate = scope.isolate();
  v8::TryCatch caught(isolate);
  v8::Local<v8::Value> in_body = context.ImportBody(scope, std::move(body));
  if (in_body.IsEmpty()) {
    return context.Answer(event, Error(ErrorCode::kOverloaded, "The request body is over the memory limit."));
  }
  v8::Local<v8::Value> cf_text = v8::Undefined(isolate);
  if (cf) cf_text = js::FromUtf8(isolate, *cf);
  (void)api::CallHook(
      scope, api::kDispatchFetch,
      {loaded.DefaultExport(scope), loaded.Environment(scope), v8::Number::New(isolate, static_cast<double>(event)),
       js::FromUtf8(isolate, method), js::FromUtf8(isolate, url), in_body, cf_text});
}

}  // namespace

ShardScripts::ShardScripts(ShardDeps deps) : state_(std::make_shared<State>(deps)) { state_->Sweep(); }

ShardScripts::~ShardScripts() {
  state_->deps.loop->Cancel(state_->idle_timer);
  auto contexts = std::exchange(state_->contexts, {});
  for (auto& [raw, context] : contexts) context->End(Error(ErrorCode::kCanceled, "The server is shutting down."));
}

void ShardScripts::Activate(std::shared_ptr<const ScriptVersion> version) {
  auto fresh = std::make_shared<Version>(state_->deps, version);
  std::shared_ptr<Version>& slot = state_->scripts[version->script_name];
  std::shared_ptr<Version> old = std::exchange(slot, fresh);
  for (const ObjectClass& object_class : version->classes) {
    std::shared_ptr<object::ClassCode> code = MakeClassCode(fresh, object_class);
    fresh->classes().push_back(code);
    state_->deps.objects->SetClass(object_class.ns, std::move(code));
  }
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
  std::shared_ptr<api::IoContext> context = state_->NewContext(loaded.value());
  auto event = std::make_shared<Event>();
  event->context = context;
  Body body = std::move(request.body);
  std::string method = request.method;
  std::string url = request.url;
  std::shared_ptr<const std::string> cf = request.cf;
  uint64_t number = context->AddEvent(std::move(request), std::move(reply));
  context->RunTurn(
      {}, [raw = context.get(), number, script = loaded.value(), body = std::move(body), method = std::move(method),
           url = std::move(url), cf = std::move(cf)](js::Scope& scope) mutable {
        Dispatch(scope, *raw, *script, number, std::move(body), method, url, cf);
      });
  return event;
}

void ShardScripts::ClientGone(const std::shared_ptr<Event>& event) {
  if (!event) return;
  if (std::shared_ptr<api::IoContext> context = event->context.lock()) context->ClientGone();
}

void ShardScripts::Drain(UniqueFunction<void()> then) {
  state_->draining = true;
  if (state_->contexts.empty()) return then();
  state_->drained = std::move(then);
}

}  // namespace limpet::worker
