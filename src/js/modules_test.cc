#include "js/modules.h"

#include "js/js_testing.h"

namespace limpet::js {
namespace {

Module Es(std::string name, std::string content) {
  return {std::move(name), ModuleKind::kEsModule, std::move(content), {}};
}

TEST(ResolveSpecifier, FollowsTheImportersFolder) {
  EXPECT_EQ(ResolveSpecifier("./b.mjs", "a/c.mjs"), "a/b.mjs");
  EXPECT_EQ(ResolveSpecifier("../b.mjs", "a/c.mjs"), "b.mjs");
  EXPECT_EQ(ResolveSpecifier("./x/../y/./b.mjs", ""), "y/b.mjs");
  EXPECT_EQ(ResolveSpecifier("/b.mjs", "a/c.mjs"), "b.mjs");
  EXPECT_EQ(ResolveSpecifier("cloudflare:workers", "a/c.mjs"), "cloudflare:workers");
  EXPECT_EQ(ResolveSpecifier("../../b.mjs", "a/c.mjs"), "");
}

class ModulesTest : public JsTest {
 protected:
  // Loads into a fresh isolate; answers with `text(namespace)` as `expression` says, or the error.
  std::string Load(std::vector<Module> modules, std::string expression = "String(ns.default)",
                   std::vector<std::pair<std::string, Bytes>>* caches = nullptr) {
    isolate_ = Make(options_);
    std::string text;
    isolate_->Run(
        nullptr,
        [&](Scope& scope) {
          Result<v8::Local<v8::Object>> loaded =
              isolate_->LoadModules(scope, modules.front().name, modules, &ModulesTest::Synthetic, caches);
          if (!loaded.has_value()) {
            error_ = loaded.error();
            text = loaded.error().name() + ": " + loaded.error().message();
            return;
          }
          EXPECT_TRUE(scope.context()
                          ->Global()
                          ->Set(scope.context(), Literal(scope.isolate(), "ns"), loaded.value())
                          .FromMaybe(false));
          text = EvalText(scope, expression);
        },
        nullptr);
    return text;
  }
  static v8::MaybeLocal<v8::Object> Synthetic(Scope& scope, std::string_view specifier) {
    if (specifier != "cloudflare:workers") return {};
    v8::Local<v8::Object> exports = v8::Object::New(scope.isolate());
    (void)exports->Set(scope.context(), Literal(scope.isolate(), "env"), v8::Number::New(scope.isolate(), 7));
    return exports;
  }
  IsolateOptions options_;
  Error error_{ErrorCode::kInternal, ""};
  std::unique_ptr<Isolate> isolate_;
};

TEST_F(ModulesTest, ImportEachOtherAndEveryKindOfData) {
  Bytes wasm("\0asm\1\0\0\0", 8);
  EXPECT_EQ(
      Load({Es("./index.mjs",
               "import { one } from './lib/a.mjs'; import text from './t.txt'; import data from "
               "'./d.bin'; import json from './j.json' with { type: 'json' }; import wasm from "
               "'m.wasm'; import { env } from 'cloudflare:workers'; import * as ns from "
               "'cloudflare:workers'; export default [one, text, data instanceof ArrayBuffer && "
               "data.byteLength, json.k[1], wasm instanceof WebAssembly.Module, env, ns.env].join()"),
            Es("lib/a.mjs", "export { one } from '../b.mjs'"), Es("./b.mjs", "export const one = 1"),
            Module{"t.txt", ModuleKind::kText, "téxt", {}}, Module{"d.bin", ModuleKind::kData, "abc", {}},
            Module{"j.json", ModuleKind::kJson, "{\"k\": [1, 2]}", {}}, Module{"m.wasm", ModuleKind::kWasm, wasm, {}}}),
      "1,téxt,3,2,true,7,7");
}

TEST_F(ModulesTest, AMissingModuleIsNamedWithItsImporter) {
  EXPECT_EQ(Load({Es("index.js", "import './x.mjs'")}),
            "Error: No such module \"x.mjs\".\n  imported from \"index.js\"");
  EXPECT_EQ(error_.code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(Load({Es("index.js", "import 'node:nothing'")}),
            "Error: No such module \"node:nothing\".\n  imported from \"index.js\"");
}

TEST_F(ModulesTest, ASyntaxErrorTellsItsPlace) {
  EXPECT_EQ(Load({Es("index.js", "export default 1;\n\n  let let = 5;")}),
            "SyntaxError: Unexpected strict mode reserved word");
  EXPECT_EQ(error_.code(), ErrorCode::kScript);
  EXPECT_NE(error_.stack().find("index.js:3:7"), std::string::npos) << error_.stack();
  EXPECT_EQ(Load({Es("index.js", "import { no } from './a.js'"), Es("a.js", "")}),
            "SyntaxError: The requested module './a.js' does not provide an export named 'no'");
  EXPECT_EQ(Load({Es("index.js", ""), Module{"j.json", ModuleKind::kJson, "{", {}}}).substr(0, 12), "SyntaxError:");
  EXPECT_EQ(error_.stack(), "j.json");
  EXPECT_EQ(Load({Es("index.js", ""), Module{"m.wasm", ModuleKind::kWasm, "no", {}}}).substr(0, 13), "CompileError:");
  EXPECT_EQ(error_.stack(), "m.wasm");
}

TEST_F(ModulesTest, AnErrorAtStartTellsItsPlace) {
  EXPECT_EQ(Load({Es("index.js", "\nfunction f() { throw new TypeError('oh') }\nf()")}), "TypeError: oh");
  EXPECT_NE(error_.stack().find("index.js:2:22"), std::string::npos) << error_.stack();
  EXPECT_EQ(Load({Es("index.js", "throw 'text'")}), "Error: text");
  EXPECT_EQ(Load({Es("index.js", "throw new Proxy({}, { get() { throw 1 } })")}),
            "Error: an error that can't be described");
}

TEST_F(ModulesTest, TopLevelAwaitMustEndWithTheMicrotasks) {
  EXPECT_EQ(Load({Es("index.js", "await 0; await 0; export default 'done'")}), "done");
  EXPECT_EQ(Load({Es("index.js", "await new Promise(() => 0)")}), "Error: Top-level await in module is unsettled.");
  EXPECT_EQ(Load({Es("index.js", "await 0; throw new RangeError('late')")}), "RangeError: late");
}

TEST_F(ModulesTest, AnEndlessStartIsEnded) {
  options_.cpu_max = std::chrono::milliseconds(30);
  EXPECT_EQ(Load({Es("index.js", "for (;;) {}")}), "Error: Script startup exceeded CPU time limit.");
}

TEST_F(ModulesTest, DynamicImportFindsTheUploadedModules) {
  EXPECT_EQ(Load({Es("index.js",
                     "export let got = ''; globalThis.self = import('./index.js'); "
                     "import('./lib/a.js').then((m) => { got += m.default }); "
                     "import('./no.js').catch((e) => { got += e.message.slice(0, 14) }); "
                     "import('./bad.js').catch((e) => { got += e.message })"),
                  Es("lib/a.js", "await 0; const { b } = await import('../b.js'); export default 'a' + b"),
                  Es("b.js", "export const b = 'b'"), Es("bad.js", "throw new Error('bad')")},
                 "ns.got"),
            "");
  std::string got = RunText(*isolate_, "ns.got");
  EXPECT_NE(got.find("ab"), std::string::npos) << got;
  EXPECT_NE(got.find("bad"), std::string::npos) << got;
  EXPECT_NE(got.find("No such module"), std::string::npos) << got;
  RunText(*isolate_, "self.then((m) => { globalThis.same = m === ns })");
  EXPECT_EQ(RunText(*isolate_, "same"), "true");
}

TEST_F(ModulesTest, ACodeCacheIsMadeAndUsedAndABadOneIsIgnored) {
  std::vector<std::pair<std::string, Bytes>> caches;
  std::vector<Module> modules{Es("./index.js", "import { f } from './a.js'; export default f()"),
                              Es("a.js", "export function f() { return 'cached' }")};
  EXPECT_EQ(Load(modules, "ns.default", &caches), "cached");
  ASSERT_EQ(caches.size(), 2u);
  EXPECT_EQ(caches[0].first, "./index.js");
  EXPECT_GT(caches[0].second.size(), 100u);
  modules[0].code_cache = caches[0].second;
  modules[1].code_cache = caches[1].second;
  EXPECT_EQ(Load(modules, "ns.default"), "cached");
  modules[0].code_cache = "rubbish";
  modules[1].code_cache.resize(50);
  EXPECT_EQ(Load(modules, "ns.default"), "cached");
}

TEST_F(ModulesTest, NamesThatClashOrLeadOutAreRefused) {
  EXPECT_EQ(Load({Es("a.js", ""), Es("./a.js", "")}), "Error: Module name \"./a.js\" is taken or invalid.");
  EXPECT_EQ(Load({Es("a.js", ""), Es("../b.js", "")}), "Error: Module name \"../b.js\" is taken or invalid.");
}

}  // namespace
}  // namespace limpet::js
