#include "worker/version.h"

#include <algorithm>
#include <optional>

#include "api/hooks.h"
#include "api/stack_traces.h"
#include "kv/namespaces.h"
#include "worker/isolate_stock.h"

namespace limpet::worker {
namespace {

v8::Local<v8::Value> Row(js::Scope& scope, const char* kind, const std::string& name, v8::Local<v8::Value> value) {
  v8::Local<v8::Value> row[] = {js::Literal(scope.isolate(), kind), js::FromUtf8(scope.isolate(), name), value};
  return v8::Array::New(scope.isolate(), row, 3);
}

// The content of a binding that is a part of the upload.
Result<BytesView> PartOf(const ScriptVersion& version, const Binding& binding) {
  for (const Module& module : version.modules) {
    if (module.name == binding.value) return BytesView(module.content);
  }
  return Error(ErrorCode::kCorrupt, "binding " + binding.name + " has no content");
}

// The rows of Hooks.makeEnv; adds each namespace to `host`. Error: a binding that can't be made.
Result<v8::Local<v8::Array>> BindingRows(js::Scope& scope, const ScriptVersion& version, const kv::Namespaces* kv,
                                         api::IoHost& host) {
  v8::Isolate* isolate = scope.isolate();
  std::vector<v8::Local<v8::Value>> rows;
  for (const Binding& binding : version.bindings) {
    switch (binding.kind) {
      case Binding::Kind::kText: {
        LIMPET_TRY(BytesView text, PartOf(version, binding));
        rows.push_back(Row(scope, "text", binding.name, js::FromUtf8(isolate, text)));
        break;
      }
      case Binding::Kind::kPlainText:
        rows.push_back(Row(scope, "text", binding.name, js::FromUtf8(isolate, binding.value)));
        break;
      case Binding::Kind::kJson:
        rows.push_back(Row(scope, "json", binding.name, js::FromUtf8(isolate, binding.value)));
        break;
      case Binding::Kind::kData: {
        LIMPET_TRY(BytesView content, PartOf(version, binding));
        v8::Local<v8::Uint8Array> bytes = js::ToUint8Array(isolate, content);
        if (bytes.IsEmpty())
          return Error(ErrorCode::kOverloaded, "binding " + binding.name + " is over the memory limit");
        rows.push_back(Row(scope, "data", binding.name, bytes->Buffer()));
        break;
      }
      case Binding::Kind::kWasm: {
        v8::Local<v8::WasmModuleObject> module;
        LIMPET_TRY(BytesView content, PartOf(version, binding));
        v8::MemorySpan<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(content.data()), content.size());
        if (!v8::WasmModuleObject::Compile(isolate, bytes).ToLocal(&module)) {
          return Error::Script("CompileError", "binding " + binding.name + " is not a WebAssembly module");
        }
        rows.push_back(Row(scope, "wasm", binding.name, module));
        break;
      }
      case Binding::Kind::kService: {
        v8::Local<v8::Value> props = v8::Undefined(isolate);
        if (!binding.value.empty()) props = js::FromUtf8(isolate, binding.value);
        v8::Local<v8::Value> callee[] = {
            js::FromUtf8(isolate, binding.script_name),
            js::FromUtf8(isolate, binding.entrypoint.empty() ? "default" : binding.entrypoint), props};
        rows.push_back(Row(scope, "service", binding.name, v8::Array::New(isolate, callee, std::size(callee))));
        break;
      }
      case Binding::Kind::kAssets: rows.push_back(Row(scope, "assets", binding.name, v8::Undefined(isolate))); break;
      case Binding::Kind::kKvNamespace: {
        auto index = static_cast<double>(host.kv_namespaces.size());
        host.kv_namespaces.push_back(kv != nullptr ? kv->Find(binding.ns) : nullptr);
        rows.push_back(Row(scope, "kv", binding.name, v8::Number::New(isolate, index)));
        break;
      }
      case Binding::Kind::kDurableObjectNamespace: {
        auto index = static_cast<double>(host.namespaces.size());
        host.namespaces.push_back({.codec = object::IdCodec(binding.ns, binding.ns_key), .key = binding.ns_key});
        rows.push_back(Row(scope, "namespace", binding.name, v8::Number::New(isolate, index)));
        break;
      }
    }
  }
  return v8::Array::New(isolate, rows.data(), rows.size());
}

}  // namespace

Result<v8::Local<v8::Object>> MakeEnvironment(js::Scope& scope, const ScriptVersion& version, const kv::Namespaces* kv,
                                              api::IoHost& host) {
  v8::TryCatch caught(scope.isolate());
  LIMPET_TRY(v8::Local<v8::Array> rows, BindingRows(scope, version, kv, host));
  v8::Local<v8::Value> made;
  if (!api::CallHook(scope, api::kMakeEnv, {rows}).ToLocal(&made) || !made->IsObject()) {
    return caught.HasCaught() ? api::ToError(scope, caught.Exception()) : Error(ErrorCode::kInternal, "no env");
  }
  v8::Local<v8::Object> environment = made.As<v8::Object>();
  if (version.modules.empty() || version.modules.front().kind != ModuleKind::kScript) return environment;
  v8::Local<v8::Context> context = scope.context();
  v8::Local<v8::Array> names;
  if (!environment->GetOwnPropertyNames(context).ToLocal(&names)) return Error(ErrorCode::kInternal, "no env");
  for (uint32_t i = 0; i < names->Length(); ++i) {
    v8::Local<v8::Value> name, value;
    if (!names->Get(context, i).ToLocal(&name) || !environment->Get(context, name).ToLocal(&value) ||
        context->Global()->CreateDataProperty(context, name.As<v8::Name>(), value).IsNothing()) {
      return Error(ErrorCode::kInternal, "a binding can't be a global");
    }
  }
  return environment;
}

v8::MaybeLocal<v8::Object> SyntheticModule(js::Scope& scope, std::string_view specifier,
                                           v8::Local<v8::Object> environment) {
  v8::Local<v8::Value> module;
  v8::Local<v8::Value> name = js::FromUtf8(scope.isolate(), specifier);
  if (!api::CallHook(scope, api::kBuiltinModule, {name, environment}).ToLocal(&module) || !module->IsObject())
    return {};
  return module.As<v8::Object>();
}

LoadedScript::LoadedScript(const ShardDeps& deps, std::shared_ptr<const ScriptVersion> version)
    : deps_(deps), version_(std::move(version)) {
  loop = deps.loop;
  directory = deps.directory;
  client = deps.client;
  random = deps.random;
  compute = deps.compute;
  kv = deps.kv;
  cpu_max = deps.limits.cpu_max;
  wait_until_max = deps.limits.wait_until_max;
}

LoadedScript::~LoadedScript() {
  default_export_.Reset();
  environment_.Reset();
  namespace_.Reset();
}

void LoadedScript::CallEntrypoint(api::EntrypointCall call, HttpRequest request, object::OnReply reply) {
  if (call.depth.workers > api::kCallDepthMax) return reply(api::TooDeep());
  if (!call.script.empty()) return deps_.call_script(std::move(call), std::move(request), std::move(reply));
  std::shared_ptr<LoadedScript> holder = self.lock();
  if (holder == nullptr || !deps_.run_entrypoint) {
    return reply(Error(ErrorCode::kUnavailable, "The Worker is no longer available.").With(Error::kRetryable));
  }
  deps_.run_entrypoint(std::move(holder), std::move(call), std::move(request), std::move(reply));
}

void LoadedScript::OnConsole(std::string_view level, std::string_view text) {
  if (deps_.observer != nullptr) deps_.observer->OnConsole(version_->script_name, level, text);
}

void LoadedScript::OnException(std::string_view text) {
  if (deps_.observer != nullptr) deps_.observer->OnException(version_->script_name, text);
}

v8::MaybeLocal<v8::Value> LoadedScript::Export(js::Scope& scope, const std::string& name) const {
  v8::Local<v8::Value> value;
  v8::Local<v8::Object> exports = namespace_.Get(scope.isolate());
  if (!exports->Get(scope.context(), js::FromUtf8(scope.isolate(), name)).ToLocal(&value)) return {};
  if (value->IsUndefined()) return {};
  return value;
}

Result<Done> LoadedScript::EvaluateIn(js::Scope& scope) {
  v8::Isolate* raw = scope.isolate();
  v8::TryCatch caught(raw);
  std::vector<v8::Local<v8::Value>> flags;
  for (const std::string& flag : version_->compatibility_flags) flags.push_back(js::FromUtf8(raw, flag));
  v8::Local<v8::Value> ignored;
  api::HideBuiltinFrames(raw);
  if (!api::CallHook(scope, api::kConfigure,
                     {js::FromUtf8(raw, version_->compatibility_date), v8::Array::New(raw, flags.data(), flags.size())})
           .ToLocal(&ignored)) {
    return api::ToError(scope, caught.Exception());
  }
  LIMPET_TRY(v8::Local<v8::Object> environment, MakeEnvironment(scope, *version_, deps_.kv_namespaces, *this));
  environment_.Reset(raw, environment);
  LIMPET_TRY(v8::Local<v8::Object> exports,
             isolate->LoadModules(scope, version_->main_module, version_->modules,
                                  [environment](js::Scope& inner, std::string_view name) {
                                    return SyntheticModule(inner, name, environment);
                                  }));
  scope.context()->AllowCodeGenerationFromStrings(false);  // It may have been allowed until here.
  namespace_.Reset(raw, exports);
  v8::Local<v8::Value> default_export;
  if (!exports->Get(scope.context(), js::Literal(raw, "default")).ToLocal(&default_export)) {
    default_export = v8::Undefined(raw);
  }
  default_export_.Reset(raw, default_export);
  // What `ctx.exports` is made of.
  std::vector<v8::Local<v8::Value>> classes;
  for (const ObjectClass& each : version_->classes) {
    v8::Local<v8::Value> row[] = {js::FromUtf8(raw, each.class_name),
                                  v8::Number::New(raw, static_cast<double>(NamespaceIndex(each.ns, each.ns_key)))};
    classes.push_back(v8::Array::New(raw, row, 2));
  }
  if (!api::CallHook(
           scope, api::kSetExports,
           {exports, v8::Array::New(raw, classes.data(), classes.size()), js::FromUtf8(raw, version_->script_name)})
           .ToLocal(&ignored)) {
    return caught.HasCaught() ? api::ToError(scope, caught.Exception()) : Error(ErrorCode::kInternal, "no exports");
  }
  return Done{};
}

Result<std::shared_ptr<LoadedScript>> LoadedScript::Make(const ShardDeps& deps,
                                                         std::shared_ptr<const ScriptVersion> version,
                                                         const std::weak_ptr<Version>& owner) {
  // The last holder may let go inside a turn of this very isolate: it is destroyed from the loop.
  std::shared_ptr<LoadedScript> loaded(
      new LoadedScript(deps, std::move(version)), [loop = deps.loop](LoadedScript* old) {
        loop->Post([holder = std::unique_ptr<LoadedScript>(old)]() mutable { holder.reset(); });
      });
  LIMPET_TRY(loaded->isolate, deps.stock->Take([owner](Error error) {
    if (std::shared_ptr<Version> version = owner.lock()) version->OnDead(std::move(error));
  }));
  loaded->self = loaded;
  loaded->isolate->owner = static_cast<api::IoHost*>(loaded.get());
  loaded->isolate->on_rejection = [raw = loaded.get()](js::Scope& scope, const js::Isolate::Rejection& rejection) {
    v8::Isolate* inside = scope.isolate();
    v8::Local<v8::Value> promise = v8::Undefined(inside);
    if (!rejection.promise.IsEmpty()) promise = rejection.promise;
    v8::Local<v8::Value> report;
    v8::Local<v8::Value> handled = v8::Boolean::New(inside, rejection.handled);
    // The script's listeners may say that it is none of our business.
    if (api::CallHook(scope, api::kRejected, {promise, rejection.reason, handled}).ToLocal(&report) &&
        report->IsFalse()) {
      return;
    }
    if (rejection.handled) return;
    Error error = api::ToError(scope, rejection.reason);
    api::IoContext* context = api::IoContext::Current(scope.isolate());
    if (context != nullptr) return context->ReportUncaught(error, "(in promise) ");
    raw->ReportUncaught(error, "(in promise) ");
  };
  return loaded;
}

Result<Done> LoadedScript::Evaluate() {
  std::optional<Result<Done>> evaluated;
  auto ended = js::Ended::kNo;
  isolate->Run(nullptr, [&](js::Scope& scope) { evaluated = EvaluateIn(scope); }, [&](js::Ended how) { ended = how; });
  if (ended != js::Ended::kNo || !evaluated) {
    const char* text =
        ended == js::Ended::kMemory ? "Worker exceeded memory limit." : "Worker exceeded CPU time limit.";
    failure_ = Error(ErrorCode::kOverloaded, text).With(Error::kOverloaded);
  } else if (!evaluated->has_value()) {
    failure_ = std::move(*evaluated).error();
  }
  if (failure_) return *failure_;
  return Done{};
}

Result<std::shared_ptr<LoadedScript>> Version::Use() {
  last_used_ = deps_.loop->Now();
  if (loaded_ && !loaded_->isolate->dead()) return loaded_;
  LIMPET_TRY(std::shared_ptr<LoadedScript> fresh, LoadedScript::Make(deps_, version_, weak_from_this()));
  loaded_ = fresh;
  Result<Done> evaluated = fresh->Evaluate();
  deps_.stock->Refill();
  if (!evaluated.has_value()) {
    if (loaded_ == fresh) loaded_ = nullptr;
    return std::move(evaluated).error();
  }
  return fresh;
}

std::shared_ptr<object::ClassCode> Version::ClassOf(const ObjectClass& object_class) {
  auto found =
      std::find_if(classes_.begin(), classes_.end(), [&](auto& each) { return each.first == object_class.ns; });
  if (found == classes_.end()) found = classes_.insert(classes_.end(), {object_class.ns, {}});
  std::shared_ptr<object::ClassCode> code = found->second.lock();
  if (code == nullptr) found->second = code = MakeClassCode(shared_from_this(), object_class);
  return code;
}

bool Version::Runs(const ScriptVersion& other) const {
  auto same = [](const ObjectClass& a, const ObjectClass& b) {
    return a.class_name == b.class_name && a.ns == b.ns && a.sqlite == b.sqlite;
  };
  return version_->version_id == other.version_id && std::ranges::equal(version_->classes, other.classes, same);
}

void Version::BreakObjects(const Error& error) {
  for (auto& [ns, weak] : classes_) {
    if (std::shared_ptr<object::ClassCode> code = weak.lock()) deps_.objects->BreakAll(code.get(), error);
  }
}

void Version::EndObjects() {
  for (auto& [ns, weak] : classes_) {
    if (std::shared_ptr<object::ClassCode> code = weak.lock()) deps_.objects->EndAll(code.get());
  }
}

void Version::OnDead(Error error) {
  std::shared_ptr<LoadedScript> dead = std::move(loaded_);
  loaded_ = nullptr;
  if (!dead) return;
  BreakObjects(Error(error).With(Error::kRemote).With(Error::kObjectReset));
  std::vector<std::shared_ptr<api::IoContext>> contexts = dead->contexts;  // The end of one takes it off the list.
  for (const std::shared_ptr<api::IoContext>& context : contexts) context->End(error);
}

void Version::DropIfIdle(Instant since) {
  if (loaded_ && loaded_.use_count() == 1 && last_used_ < since) loaded_ = nullptr;
}

}  // namespace limpet::worker
