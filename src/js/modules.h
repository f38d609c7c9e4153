// The graph of an isolate's modules: ES modules, CommonJS modules (commonjs.cc), and synthetic ones for text, data,
// JSON, WebAssembly and the built-in names. All of an upload is compiled at once, so that a mistake in any of them is
// found at the deploy.
#pragma once

#include <v8.h>

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/bundle.h"
#include "base/result.h"
#include "js/isolate.h"

namespace limpet::js {

inline constexpr size_t kSpecifierBytesMax = 4096;

// "a/b.mjs" of ("./b.mjs", "a/c.mjs"). "./", "../" and a leading "/" are resolved; other specifiers stand beside the
// importer as well. Empty if it leads out of the root. Pure.
std::string ResolveSpecifier(std::string_view specifier, std::string_view importer);

// Sets ModuleGraph::requires_exports of an isolate.
void SetRequiresExports(v8::Isolate* isolate, bool on);

// What was caught, as the Error of a script's start.
Error DescribeCaught(Scope& scope, v8::TryCatch& caught);

// Of one isolate; on its thread, entered.
class ModuleGraph {
 public:
  Result<v8::Local<v8::Object>> Load(Scope& scope, const std::string& main, const std::vector<Module>& modules,
                                     Isolate::Synthetic synthetic, std::vector<std::pair<std::string, Bytes>>* caches);
  // Before the isolate is disposed.
  void Clear() { entries_.clear(), by_hash_.clear(); }
  // What `require` gives of a CommonJS module: its `module.exports`; else an object whose `default` that is, as before
  // 2022-10-31 (export_commonjs_default). Set before Load.
  bool requires_exports = true;
  // Makes `import()` work in `isolate`.
  static void Install(v8::Isolate* isolate);

 private:
  struct Entry {
    std::string name;
    v8::Global<v8::Module> module;
    v8::Global<v8::Object> exports;  // Of a synthetic module.
    bool file = false;               // It is of the upload, not of the runtime.
    v8::Global<v8::Function> body;   // Of a CommonJS module.
    v8::Global<v8::Object> common;   // Its `module`, once it runs.
  };

  using Unbound = std::pair<std::string, v8::Local<v8::UnboundModuleScript>>;

  // `unbound`, if given, receives each ES module, to make its code cache later.
  Result<Done> Add(Scope& scope, const Module& module, std::vector<Unbound>* unbound);
  Result<Done> Compile(Scope& scope, const std::string& name, const Module& module, std::vector<Unbound>* unbound);
  Result<v8::Local<v8::Object>> RunScript(Scope& scope, const Module& module,
                                          std::vector<std::pair<std::string, Bytes>>* caches);
  Result<Done> CompileCommonJs(Scope& scope, const std::string& name, const Module& module);
  // `module.exports`; runs the module if it has not begun to.
  v8::MaybeLocal<v8::Value> ExportsOf(v8::Local<v8::Context> context, Entry& entry);
  v8::MaybeLocal<v8::Value> Require(v8::Local<v8::Context> context, const std::string& specifier,
                                    const std::string& importer);
  // Whether a module that is being evaluated is among what `module` imports.
  bool Reaches(v8::Local<v8::Context> context, v8::Local<v8::Module> module, std::set<Entry*>* seen);
  static void OnRequire(const v8::FunctionCallbackInfo<v8::Value>& info);
  v8::MaybeLocal<v8::Value> ValueOf(Scope& scope, const Module& module, const std::string& name);
  bool AddSynthetic(v8::Local<v8::Context> context, const std::string& name, v8::Local<v8::Object> exports);
  void Insert(v8::Isolate* isolate, const std::string& name, v8::Local<v8::Module> module,
              v8::Local<v8::Object> exports);
  Entry* Find(v8::Isolate* isolate, v8::Local<v8::Module> module);
  // Throws 'No such module "x".' and is empty if there is none.
  v8::MaybeLocal<v8::Module> Resolve(v8::Local<v8::Context> context, const std::string& specifier,
                                     const std::string& importer);
  Result<v8::Local<v8::Object>> Evaluate(Scope& scope, v8::Local<v8::Module> main);
  static void ProduceCaches(const std::vector<Unbound>& unbound, std::vector<std::pair<std::string, Bytes>>* caches);

  static v8::MaybeLocal<v8::Module> OnResolve(v8::Local<v8::Context> context, v8::Local<v8::String> specifier,
                                              v8::Local<v8::FixedArray> attributes, v8::Local<v8::Module> referrer);
  static v8::MaybeLocal<v8::Value> OnEvaluateSynthetic(v8::Local<v8::Context> context, v8::Local<v8::Module> module);
  static v8::MaybeLocal<v8::Promise> OnDynamicImport(v8::Local<v8::Context> context, v8::Local<v8::Data> options,
                                                     v8::Local<v8::Value> importer, v8::Local<v8::String> specifier,
                                                     v8::Local<v8::FixedArray> attributes);
  static void RunDynamicImport(const v8::FunctionCallbackInfo<v8::Value>& info);

  std::unordered_map<std::string, std::unique_ptr<Entry>> entries_;  // By resolved name.
  std::unordered_multimap<int, Entry*> by_hash_;                     // By V8's identity hash.
  Isolate::Synthetic synthetic_;
  bool missing_ = false;  // A module was not found, since Load() began.
};

}  // namespace limpet::js
