#include "js/modules.h"

#include <cstring>

#include "js/isolate_state.h"

namespace limpet::js {
namespace {

ModuleGraph& GraphOf(v8::Isolate* isolate) { return IsolateState::From(isolate).modules; }

// A module of a name with a scheme is nobody's file.
bool HasScheme(std::string_view specifier) {
  size_t colon = specifier.find(':');
  return colon != std::string_view::npos && specifier.find('/') > colon;
}

void CompileWasm(Scope& scope, const Module& module, v8::MaybeLocal<v8::Value>& value) {
  v8::Local<v8::WasmModuleObject> compiled;
  const auto* bytes = reinterpret_cast<const uint8_t*>(module.content.data());
  if (v8::WasmModuleObject::Compile(scope.isolate(), {bytes, module.content.size()}).ToLocal(&compiled)) {
    value = compiled;
  }
}

}  // namespace

Error DescribeCaught(Scope& scope, v8::TryCatch& caught) {
  if (!caught.HasCaught() || caught.HasTerminated()) return Error(ErrorCode::kCanceled, "JavaScript was ended");
  return DescribeException(scope, caught.Exception(), caught.Message());
}

std::string ResolveSpecifier(std::string_view specifier, std::string_view importer) {
  if (HasScheme(specifier)) return std::string(specifier);
  std::vector<std::string_view> parts;
  auto add = [&parts](std::string_view path) {
    while (!path.empty()) {
      size_t slash = path.find('/');
      std::string_view part = path.substr(0, slash);
      path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
      if (part.empty() || part == ".") continue;
      if (part != "..") {
        parts.push_back(part);
      } else if (parts.empty()) {
        return false;
      } else {
        parts.pop_back();
      }
    }
    return true;
  };
  if (!specifier.starts_with('/')) {
    size_t slash = importer.rfind('/');
    if (slash != std::string_view::npos && !add(importer.substr(0, slash))) return "";
  }
  if (!add(specifier)) return "";
  std::string name;
  for (std::string_view part : parts) {
    if (!name.empty()) name += '/';
    name += part;
  }
  return name;
}

void ModuleGraph::Install(v8::Isolate* isolate) {
  isolate->SetHostImportModuleDynamicallyCallback(&ModuleGraph::OnDynamicImport);
}

// -- loading

Result<v8::Local<v8::Object>> ModuleGraph::Load(Scope& scope, const std::string& main,
                                                const std::vector<Module>& modules, Isolate::Synthetic synthetic,
                                                std::vector<std::pair<std::string, Bytes>>* caches) {
  std::vector<Unbound> unbound;
  synthetic_ = std::move(synthetic);
  missing_ = false;
  if (!modules.empty() && modules.front().kind == ModuleKind::kScript) {
    return RunScript(scope, modules.front(), caches);
  }
  for (const Module& module : modules) {
    Result<Done> added = Add(scope, module, caches != nullptr ? &unbound : nullptr);
    if (!added.has_value()) return std::move(added).error();
  }
  auto found = entries_.find(ResolveSpecifier(main, ""));
  if (found == entries_.end()) return Error(ErrorCode::kInvalidArgument, "No such module \"" + main + "\".");
  Result<v8::Local<v8::Object>> result = Evaluate(scope, found->second->module.Get(scope.isolate()));
  if (!result.has_value() && missing_) {
    return Error(ErrorCode::kInvalidArgument, result.error().message()).WithStack(result.error().stack());
  }
  // Now, so that the functions compiled while the modules ran are in it.
  if (result.has_value()) ProduceCaches(unbound, caches);
  return result;
}

Result<Done> ModuleGraph::Add(Scope& scope, const Module& module, std::vector<Unbound>* unbound) {
  v8::Isolate* isolate = scope.isolate();
  std::string name = ResolveSpecifier(module.name, "");
  if (name.empty() || name.size() > kSpecifierBytesMax || entries_.contains(name)) {
    return Error(ErrorCode::kInvalidArgument,
                 "Module name \"" + module.name.substr(0, 100) + "\" is taken or invalid.");
  }
  if (module.kind == ModuleKind::kEsModule) return Compile(scope, name, module, unbound);
  if (module.kind == ModuleKind::kCommonJs) return CompileCommonJs(scope, name, module);
  v8::TryCatch caught(isolate);
  v8::Local<v8::Value> value;
  // No line of a script is at fault: the module's name is the place.
  if (!ValueOf(scope, module, name).ToLocal(&value)) return DescribeCaught(scope, caught).WithStack(name);
  v8::Local<v8::Object> exports = v8::Object::New(isolate);
  if (exports->Set(scope.context(), Literal(isolate, "default"), value).IsNothing())
    return DescribeCaught(scope, caught);
  if (!AddSynthetic(scope.context(), name, exports)) return DescribeCaught(scope, caught);
  entries_.find(name)->second->file = true;
  return Done{};
}

Result<Done> ModuleGraph::Compile(Scope& scope, const std::string& name, const Module& module,
                                  std::vector<Unbound>* unbound) {
  v8::Isolate* isolate = scope.isolate();
  v8::TryCatch caught(isolate);
  v8::ScriptOrigin origin(FromUtf8(isolate, name), 0, 0, false, -1, {}, false, false, true);
  v8::ScriptCompiler::CachedData* cache = nullptr;
  if (!module.code_cache.empty()) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(module.code_cache.data());
    cache = new v8::ScriptCompiler::CachedData(bytes, static_cast<int>(module.code_cache.size()));  // Source owns it.
  }
  v8::ScriptCompiler::Source source(FromUtf8(isolate, module.content), origin, cache);
  v8::Local<v8::Module> compiled;
  if (!v8::ScriptCompiler::CompileModule(
           isolate, &source,
           cache != nullptr ? v8::ScriptCompiler::kConsumeCodeCache : v8::ScriptCompiler::kNoCompileOptions)
           .ToLocal(&compiled)) {
    return DescribeCaught(scope, caught);
  }
  Insert(isolate, name, compiled, {});
  if (unbound != nullptr) unbound->emplace_back(module.name, compiled->GetUnboundModuleScript());
  return Done{};
}

v8::MaybeLocal<v8::Value> ModuleGraph::ValueOf(Scope& scope, const Module& module, const std::string& name) {
  v8::Isolate* isolate = scope.isolate();
  v8::MaybeLocal<v8::Value> value;
  switch (module.kind) {
    case ModuleKind::kEsModule:
    case ModuleKind::kCommonJs:
    case ModuleKind::kScript: break;
    case ModuleKind::kText: value = FromUtf8(isolate, module.content); break;
    case ModuleKind::kData:
      if (v8::Local<v8::Uint8Array> bytes = ToUint8Array(isolate, module.content); !bytes.IsEmpty()) {
        value = bytes->Buffer();
      }
      break;
    case ModuleKind::kJson: value = v8::JSON::Parse(scope.context(), FromUtf8(isolate, module.content)); break;
    case ModuleKind::kWasm: CompileWasm(scope, module, value); break;
  }
  return value;
}

bool ModuleGraph::AddSynthetic(v8::Local<v8::Context> context, const std::string& name, v8::Local<v8::Object> exports) {
  v8::Isolate* isolate = v8::Isolate::GetCurrent();
  v8::Local<v8::Array> keys;
  if (!exports->GetOwnPropertyNames(context).ToLocal(&keys)) return false;
  std::vector<v8::Local<v8::String>> names;
  for (uint32_t index = 0; index < keys->Length(); ++index) {
    v8::Local<v8::Value> key;
    if (!keys->Get(context, index).ToLocal(&key)) return false;
    if (key->IsString()) names.push_back(key.As<v8::String>());
  }
  Insert(isolate, name,
         v8::Module::CreateSyntheticModule(isolate, FromUtf8(isolate, name), {names.data(), names.size()},
                                           &ModuleGraph::OnEvaluateSynthetic),
         exports);
  return true;
}

void ModuleGraph::Insert(v8::Isolate* isolate, const std::string& name, v8::Local<v8::Module> module,
                         v8::Local<v8::Object> exports) {
  auto entry = std::make_unique<Entry>();
  entry->name = name;
  entry->module.Reset(isolate, module);
  if (!exports.IsEmpty()) entry->exports.Reset(isolate, exports);
  by_hash_.emplace(module->GetIdentityHash(), entry.get());
  entries_.emplace(name, std::move(entry));
}

ModuleGraph::Entry* ModuleGraph::Find(v8::Isolate* isolate, v8::Local<v8::Module> module) {
  auto [first, last] = by_hash_.equal_range(module->GetIdentityHash());
  for (; first != last; ++first) {
    if (first->second->module.Get(isolate) == module) return first->second;
  }
  return nullptr;
}

Result<v8::Local<v8::Object>> ModuleGraph::Evaluate(Scope& scope, v8::Local<v8::Module> main) {
  v8::Isolate* isolate = scope.isolate();
  v8::TryCatch caught(isolate);
  v8::Local<v8::Value> value;
  if (!main->InstantiateModule(scope.context(), &ModuleGraph::OnResolve).FromMaybe(false) ||
      !main->Evaluate(scope.context()).ToLocal(&value)) {
    return DescribeCaught(scope, caught);
  }
  v8::Local<v8::Promise> done = value.As<v8::Promise>();
  done->MarkAsHandled();
  if (done->State() == v8::Promise::kPending) scope.context()->GetMicrotaskQueue()->PerformCheckpoint(isolate);
  if (done->State() == v8::Promise::kRejected) {
    v8::Local<v8::Value> reason = done->Result();
    return DescribeException(scope, reason, v8::Exception::CreateMessage(isolate, reason));
  }
  if (done->State() == v8::Promise::kPending) {
    return Error::Script("Error", "Top-level await in module is unsettled.");
  }
  return main->GetModuleNamespace().As<v8::Object>();
}

void ModuleGraph::ProduceCaches(const std::vector<Unbound>& unbound,
                                std::vector<std::pair<std::string, Bytes>>* caches) {
  for (const auto& [name, script] : unbound) {
    std::unique_ptr<v8::ScriptCompiler::CachedData> data(v8::ScriptCompiler::CreateCodeCache(script));
    if (data == nullptr) continue;
    caches->emplace_back(name, Bytes(reinterpret_cast<const char*>(data->data), static_cast<size_t>(data->length)));
  }
}

// -- V8's questions

v8::MaybeLocal<v8::Module> ModuleGraph::Resolve(v8::Local<v8::Context> context, const std::string& specifier,
                                                const std::string& importer) {
  v8::Isolate* isolate = v8::Isolate::GetCurrent();
  std::string beside = ResolveSpecifier(specifier, importer);
  auto found = entries_.find(beside);
  bool bare = !specifier.starts_with('.') && !specifier.starts_with('/');
  if (found == entries_.end() && bare) found = entries_.find(ResolveSpecifier(specifier, ""));
  if (found == entries_.end() && bare && synthetic_ && specifier.size() <= kSpecifierBytesMax) {
    v8::Local<v8::Object> exports;
    Scope scope(Isolate::From(isolate), isolate, context);
    std::string name = ResolveSpecifier(specifier, "");
    if (synthetic_(scope, specifier).ToLocal(&exports) && !entries_.contains(name) &&
        AddSynthetic(context, name, exports)) {
      found = entries_.find(name);
    }
  }
  if (found != entries_.end()) return found->second->module.Get(isolate);
  missing_ = true;
  ThrowError(isolate,
             "No such module \"" + (beside.empty() ? specifier : beside) + "\".\n  imported from \"" + importer + "\"");
  return {};
}

v8::MaybeLocal<v8::Module> ModuleGraph::OnResolve(v8::Local<v8::Context> context, v8::Local<v8::String> specifier,
                                                  v8::Local<v8::FixedArray>, v8::Local<v8::Module> referrer) {
  v8::Isolate* isolate = v8::Isolate::GetCurrent();
  ModuleGraph& graph = GraphOf(isolate);
  Entry* importer = graph.Find(isolate, referrer);
  return graph.Resolve(context, ToUtf8(isolate, specifier), importer != nullptr ? importer->name : "");
}

v8::MaybeLocal<v8::Value> ModuleGraph::OnEvaluateSynthetic(v8::Local<v8::Context> context,
                                                           v8::Local<v8::Module> module) {
  v8::Isolate* isolate = v8::Isolate::GetCurrent();
  Entry* entry = GraphOf(isolate).Find(isolate, module);
  LIMPET_CHECK(entry != nullptr);
  v8::Local<v8::Object> exports = entry->exports.Get(isolate);
  v8::Local<v8::Value> common;
  if (!entry->body.IsEmpty() && (!GraphOf(isolate).ExportsOf(context, *entry).ToLocal(&common) ||
                                 exports->Set(context, Literal(isolate, "default"), common).IsNothing())) {
    return {};
  }
  v8::Local<v8::Array> keys;
  if (!exports->GetOwnPropertyNames(context).ToLocal(&keys)) return {};
  for (uint32_t index = 0; index < keys->Length(); ++index) {
    v8::Local<v8::Value> key;
    v8::Local<v8::Value> value;
    if (!keys->Get(context, index).ToLocal(&key)) return {};
    if (!key->IsString()) continue;
    if (!exports->Get(context, key).ToLocal(&value)) return {};
    if (module->SetSyntheticModuleExport(isolate, key.As<v8::String>(), value).IsNothing()) return {};
  }
  v8::Local<v8::Promise::Resolver> resolver;
  if (!v8::Promise::Resolver::New(context).ToLocal(&resolver)) return {};
  if (resolver->Resolve(context, v8::Undefined(isolate)).IsNothing()) return {};
  return resolver->GetPromise();
}

// Answered from a microtask: then no module is in the middle of its synchronous evaluation, which V8 would not bear.
v8::MaybeLocal<v8::Promise> ModuleGraph::OnDynamicImport(v8::Local<v8::Context> context, v8::Local<v8::Data>,
                                                         v8::Local<v8::Value> importer, v8::Local<v8::String> specifier,
                                                         v8::Local<v8::FixedArray>) {
  v8::Isolate* isolate = v8::Isolate::GetCurrent();
  v8::Local<v8::Promise::Resolver> resolver;
  v8::Local<v8::Function> run;
  if (!v8::Promise::Resolver::New(context).ToLocal(&resolver)) return {};
  v8::Local<v8::Value> items[] = {resolver, specifier, importer};
  v8::Local<v8::Array> data = v8::Array::New(isolate, items, std::size(items));
  if (!v8::Function::New(context, &ModuleGraph::RunDynamicImport, data).ToLocal(&run)) return {};
  context->GetMicrotaskQueue()->EnqueueMicrotask(isolate, run);
  return resolver->GetPromise();
}

void ModuleGraph::RunDynamicImport(const v8::FunctionCallbackInfo<v8::Value>& info) {
  v8::Isolate* isolate = info.GetIsolate();
  v8::Local<v8::Context> context = isolate->GetCurrentContext();
  v8::Local<v8::Array> data = info.Data().As<v8::Array>();
  v8::Local<v8::Value> items[3];
  for (uint32_t index = 0; index < std::size(items); ++index) {
    if (!data->Get(context, index).ToLocal(&items[index])) return;
  }
  v8::Local<v8::Promise::Resolver> resolver = items[0].As<v8::Promise::Resolver>();
  v8::TryCatch caught(isolate);
  v8::Local<v8::Module> module;
  v8::Local<v8::Value> evaluated;
  std::string importer = items[2]->IsString() ? ToUtf8(isolate, items[2]) : "";
  if (GraphOf(isolate).Resolve(context, ToUtf8(isolate, items[1]), importer).ToLocal(&module) &&
      module->InstantiateModule(context, &ModuleGraph::OnResolve).FromMaybe(false) &&
      module->Evaluate(context).ToLocal(&evaluated)) {
    // The namespace when the evaluation is done, or its error.
    auto give = [](const v8::FunctionCallbackInfo<v8::Value>& call) { call.GetReturnValue().Set(call.Data()); };
    v8::Local<v8::Function> answer;
    v8::Local<v8::Promise> promise;
    if (v8::Function::New(context, give, module->GetModuleNamespace()).ToLocal(&answer) &&
        evaluated.As<v8::Promise>()->Then(context, answer).ToLocal(&promise)) {
      (void)resolver->Resolve(context, promise);
      return;
    }
  }
  if (caught.HasCaught() && !caught.HasTerminated()) (void)resolver->Reject(context, caught.Exception());
}

}  // namespace limpet::js
