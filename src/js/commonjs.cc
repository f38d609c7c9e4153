// CommonJS modules and scripts of the service-worker format. To ES modules a CommonJS module is one whose only export
// is `default`, its `module.exports`; it runs when it is first imported or required.
#include <array>
#include <set>

#include "js/isolate_state.h"
#include "js/modules.h"

namespace limpet::js {
namespace {

constexpr std::array kParameters{"require", "module", "exports", "__filename", "__dirname"};

std::string FolderOf(const std::string& name) {
  size_t slash = name.rfind('/');
  return slash == std::string::npos ? "" : name.substr(0, slash);
}

v8::ScriptOrigin OriginOf(v8::Isolate* isolate, const std::string& name) {
  return v8::ScriptOrigin(FromUtf8(isolate, name));
}

}  // namespace

void SetRequiresExports(v8::Isolate* isolate, bool on) { IsolateState::From(isolate).modules.requires_exports = on; }

Result<v8::Local<v8::Object>> ModuleGraph::RunScript(Scope& scope, const Module& module,
                                                     std::vector<std::pair<std::string, Bytes>>* caches) {
  v8::Isolate* isolate = scope.isolate();
  v8::TryCatch caught(isolate);
  v8::ScriptCompiler::CachedData* cache = nullptr;
  if (!module.code_cache.empty()) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(module.code_cache.data());
    cache = new v8::ScriptCompiler::CachedData(bytes, static_cast<int>(module.code_cache.size()));  // Source owns it.
  }
  v8::ScriptCompiler::Source source(FromUtf8(isolate, module.content),
                                    OriginOf(isolate, ResolveSpecifier(module.name, "")), cache);
  v8::Local<v8::Script> script;
  v8::Local<v8::Value> ignored;
  if (!v8::ScriptCompiler::Compile(
           scope.context(), &source,
           cache != nullptr ? v8::ScriptCompiler::kConsumeCodeCache : v8::ScriptCompiler::kNoCompileOptions)
           .ToLocal(&script) ||
      !script->Run(scope.context()).ToLocal(&ignored)) {
    return DescribeCaught(scope, caught);
  }
  if (caches != nullptr) {
    std::unique_ptr<v8::ScriptCompiler::CachedData> data(
        v8::ScriptCompiler::CreateCodeCache(script->GetUnboundScript()));
    if (data != nullptr) {
      caches->emplace_back(module.name,
                           Bytes(reinterpret_cast<const char*>(data->data), static_cast<size_t>(data->length)));
    }
  }
  return v8::Object::New(isolate);
}

Result<Done> ModuleGraph::CompileCommonJs(Scope& scope, const std::string& name, const Module& module) {
  v8::Isolate* isolate = scope.isolate();
  v8::TryCatch caught(isolate);
  v8::ScriptCompiler::Source source(FromUtf8(isolate, module.content), OriginOf(isolate, name));
  std::vector<v8::Local<v8::String>> parameters;
  for (const char* parameter : kParameters) parameters.push_back(Literal(isolate, parameter));
  v8::Local<v8::Function> body;
  v8::Local<v8::Object> exports = v8::Object::New(isolate);
  if (!v8::ScriptCompiler::CompileFunction(scope.context(), &source, parameters.size(), parameters.data())
           .ToLocal(&body) ||
      exports->Set(scope.context(), Literal(isolate, "default"), v8::Undefined(isolate)).IsNothing() ||
      !AddSynthetic(scope.context(), name, exports)) {
    return DescribeCaught(scope, caught);
  }
  entries_.find(name)->second->body.Reset(isolate, body);
  return Done{};
}

v8::MaybeLocal<v8::Value> ModuleGraph::ExportsOf(v8::Local<v8::Context> context, Entry& entry) {
  v8::Isolate* isolate = v8::Isolate::GetCurrent();
  if (entry.common.IsEmpty()) {
    v8::Local<v8::Object> module = v8::Object::New(isolate);
    v8::Local<v8::Object> exports = v8::Object::New(isolate);
    v8::Local<v8::String> name = FromUtf8(isolate, entry.name);
    v8::Local<v8::Function> require;
    if (module->Set(context, Literal(isolate, "exports"), exports).IsNothing() ||
        module->Set(context, Literal(isolate, "path"), name).IsNothing() ||
        !v8::Function::New(context, &ModuleGraph::OnRequire, name).ToLocal(&require)) {
      return {};
    }
    require->SetName(Literal(isolate, "require"));
    v8::Local<v8::Value> arguments[] = {require, module, exports, name, FromUtf8(isolate, FolderOf(entry.name))};
    entry.common.Reset(isolate, module);  // Whoever requires it meanwhile gets what is there by then.
    v8::Local<v8::Value> ignored;
    if (!entry.body.Get(isolate)
             ->Call(context, v8::Undefined(isolate), static_cast<int>(std::size(arguments)), arguments)
             .ToLocal(&ignored)) {
      entry.common.Reset();
      return {};
    }
  }
  return entry.common.Get(isolate)->Get(context, Literal(isolate, "exports"));
}

bool ModuleGraph::Reaches(v8::Local<v8::Context> context, v8::Local<v8::Module> module, std::set<Entry*>* seen) {
  v8::Isolate* isolate = v8::Isolate::GetCurrent();
  Entry* entry = Find(isolate, module);
  if (entry == nullptr || !seen->insert(entry).second) return false;
  if (module->GetStatus() == v8::Module::kEvaluating) return true;
  if (!module->IsSourceTextModule()) return false;
  v8::Local<v8::FixedArray> requests = module->GetModuleRequests();
  for (int i = 0; i < requests->Length(); ++i) {
    auto request = requests->Get(i).As<v8::ModuleRequest>();
    v8::Local<v8::Module> next;
    v8::TryCatch ignored(isolate);  // What is missing is told when it is instantiated.
    if (Resolve(context, ToUtf8(isolate, request->GetSpecifier()), entry->name).ToLocal(&next) &&
        Reaches(context, next, seen)) {
      return true;
    }
  }
  return false;
}

v8::MaybeLocal<v8::Value> ModuleGraph::Require(v8::Local<v8::Context> context, const std::string& specifier,
                                               const std::string& importer) {
  v8::Isolate* isolate = v8::Isolate::GetCurrent();
  v8::Local<v8::Module> module;
  if (!Resolve(context, specifier, importer).ToLocal(&module)) return {};
  Entry* entry = Find(isolate, module);
  LIMPET_CHECK(entry != nullptr);
  v8::Local<v8::String> key = Literal(isolate, "default");
  if (!entry->body.IsEmpty()) {
    v8::Local<v8::Value> exports;
    if (!ExportsOf(context, *entry).ToLocal(&exports)) return {};
    if (requires_exports) return exports;
    v8::Local<v8::Object> holder = v8::Object::New(isolate);
    return holder->Set(context, key, exports).IsNothing() ? v8::MaybeLocal<v8::Value>() : holder;
  }
  if (entry->file && !entry->exports.IsEmpty()) return entry->exports.Get(isolate)->Get(context, key);
  if (module->GetStatus() == v8::Module::kErrored) {
    isolate->ThrowException(module->GetException());
    return {};
  }
  if (module->GetStatus() == v8::Module::kUninstantiated &&
      !module->InstantiateModule(context, &ModuleGraph::OnResolve).FromMaybe(false)) {
    return {};
  }
  if (module->GetStatus() == v8::Module::kInstantiated) {
    std::set<Entry*> seen;
    if (Reaches(context, module, &seen)) {  // V8 can't begin such an evaluation within another one.
      ThrowError(isolate,
                 "The module \"" + entry->name + "\" imports one that is being loaded, and can't be required.");
      return {};
    }
    v8::Local<v8::Value> evaluated;
    if (!module->Evaluate(context).ToLocal(&evaluated)) return {};
    auto done = evaluated.As<v8::Promise>();
    done->MarkAsHandled();
    if (done->State() == v8::Promise::kRejected) {
      isolate->ThrowException(done->Result());
      return {};
    }
    if (done->State() == v8::Promise::kPending) {
      ThrowError(isolate, "Top-level await in module is not permitted at this time.");
      return {};
    }
  }
  v8::Local<v8::Object> exports = module->GetModuleNamespace().As<v8::Object>();
  return exports->Get(context, key);
}

void ModuleGraph::OnRequire(const v8::FunctionCallbackInfo<v8::Value>& info) {
  v8::Isolate* isolate = info.GetIsolate();
  v8::Local<v8::Value> found;
  v8::Local<v8::String> specifier;
  if (!info[0]->ToString(isolate->GetCurrentContext()).ToLocal(&specifier)) return;
  if (IsolateState::From(isolate)
          .modules.Require(isolate->GetCurrentContext(), ToUtf8(isolate, specifier), ToUtf8(isolate, info.Data()))
          .ToLocal(&found)) {
    info.GetReturnValue().Set(found);
  }
}

}  // namespace limpet::js
