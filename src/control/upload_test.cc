#include "control/upload.h"

#include <gtest/gtest.h>

#include "base/multipart.h"

namespace limpet::control {
namespace {

struct Part {
  const char *name, *type, *content;
};

Decision<Upload> Parse(const char* metadata, std::vector<Part> parts) {
  FormWriter writer("b");
  writer.Add("metadata", std::nullopt, "", metadata);
  for (const Part& part : parts) writer.Add(part.name, part.name, part.type, part.content);
  std::string type = writer.content_type();
  return ParseUpload(type, std::move(writer).Finish());
}

constexpr char kEsm[] = "application/javascript+module";

TEST(Upload, ReadsModulesWithTheMainOneFirstAndNamesAsUploaded) {
  auto upload = Parse(R"({"main_module":"a.mjs","bindings":[{"type":"json","name":"N","json":1}],"unknown":{}})",
                      {{"./b.mjs", kEsm, "x"},
                       {"./a.mjs", kEsm, "y"},
                       {"a.mjs.map", "application/source-map", "{}"},
                       {"./t.txt", "text/plain", "t"}});
  ASSERT_TRUE(upload.ok()) << upload.refusal().message;
  ASSERT_EQ(upload->modules.size(), 3u);
  EXPECT_EQ(upload->main_module, "./a.mjs");
  EXPECT_EQ(upload->modules[0].name, "./a.mjs");
  EXPECT_EQ(upload->modules[2].kind, ModuleKind::kText);
}

TEST(Upload, TakesTheFormatsThatCameBeforeEsModules) {
  auto script = Parse(R"({"body_part":"script","bindings":[{"name":"T","type":"text_blob","part":"T"}]})",
                      {{"T", "text/plain", "text"}, {"script", "application/javascript", "addEventListener()"}});
  ASSERT_TRUE(script.ok()) << script.refusal().message;
  EXPECT_EQ(script->main_module, "script");
  ASSERT_EQ(script->modules.size(), 2u);
  EXPECT_EQ(script->modules[0].kind, ModuleKind::kScript);
  auto modules = Parse(R"({"main_module":"a.js"})", {{"a.js", kEsm, ""}, {"b.js", "application/javascript", ""}});
  ASSERT_TRUE(modules.ok()) << modules.refusal().message;
  EXPECT_EQ(modules->modules[1].kind, ModuleKind::kCommonJs);
}

TEST(Upload, RefusesWhatItCannotRunByName) {
  struct {
    const char* metadata;
    std::vector<Part> parts;
    int code;
    const char* text;
  } cases[] = {
      {"[]", {}, 10021, "metadata"},
      {"{", {}, 10021, "line 1"},
      {R"({"main_module":"a.js"})", {}, 10021, "No such module \"a.js\""},
      {R"({"body_part":"script"})", {}, 10021, "No such module \"script\""},
      {R"({"body_part":"script"})", {{"script", "text/plain", ""}}, 10021, "is no script"},
      {R"({"body_part":"script"})",
       {{"script", "application/javascript", ""}, {"a.mjs", kEsm, ""}},
       10021,
       "has no modules"},
      {R"({"body_part":"script","bindings":[{"name":"W","type":"wasm_module","part":"w"}]})",
       {{"script", "application/javascript", ""}, {"w", "text/plain", ""}},
       10021,
       "no part \"w\" of its type"},
      {R"({"main_module":"a.js","bindings":[{"name":"W","type":"text_blob"}]})",
       {{"a.js", kEsm, ""}},
       10021,
       "needs a \"part\""},
      {R"({"main_module":"a.js"})", {{"a.js", kEsm, ""}, {"p.py", "text/x-python", ""}}, 10021, "p.py"},
      {R"({"main_module":"a.js"})", {{"a.js", kEsm, ""}, {"i.png", "image/png", ""}}, 10021, "\"image/png\""},
      {R"({"main_module":"a.js"})", {{"a.js", kEsm, ""}, {"n", "", ""}}, 10021, "Module \"n\" has no type"},
      {R"({"main_module":"a.txt"})", {{"a.txt", "text/plain", ""}}, 10021, "not JavaScript"},
      {R"({"main_module":"a.js"})", {{"a.js", kEsm, ""}, {"metadata", "", "{}"}}, 10021, "two parts \"metadata\""},
      {R"({"main_module":1})", {{"a.js", kEsm, ""}}, 10021, "\"main_module\" is missing"},
      {R"({"main_module":"a.js","bindings":{}})", {{"a.js", kEsm, ""}}, 10021, "\"bindings\" must be an array"},
      {R"({"main_module":"a.js","bindings":["C"]})", {{"a.js", kEsm, ""}}, 10021, "\"name\" and a \"type\""},
      {R"({"main_module":"a.js","migrations":{"renamed_classes":{"from":"A","to":"B"}}})",
       {{"a.js", kEsm, ""}},
       10021,
       "\"renamed_classes\" must be an array"},
      {R"({"main_module":"a.js","migrations":[]})", {{"a.js", kEsm, ""}}, 10021, "migrations"},
      {R"({"main_module":"a.js"})", {{"a.js", kEsm, ""}, {"./a.js", kEsm, ""}}, 10021, "twice"},
      {R"({"main_module":"a.js"})", {{"a.js", kEsm, "\xff"}}, 10021, "UTF-8"},
      {R"({"main_module":"a.js","bindings":[{"name":"Q","type":"queue"}]})", {{"a.js", kEsm, ""}}, 10021, "\"queue\""},
      {R"({"main_module":"a.js","bindings":[{"name":"V","type":"json"},{"name":"Q","type":"queue"},{"name":"X","type":"x"}]})",
       {{"a.js", kEsm, ""}},
       10021,
       "examples/scheduler.\nBinding \"X\" of type \"x\" is not supported."},
      {R"({"main_module":"a.js","bindings":[{"name":"Q","type":"json"},{"name":"Q","type":"json"}]})",
       {{"a.js", kEsm, ""}},
       10053,
       "twice"},
  };
  for (const auto& item : cases) {
    auto upload = Parse(item.metadata, item.parts);
    ASSERT_FALSE(upload.ok()) << item.text;
    EXPECT_EQ(upload.refusal().code, item.code) << item.text;
    EXPECT_NE(upload.refusal().message.find(item.text), std::string::npos) << upload.refusal().message;
  }
}

TEST(Upload, KeepsSecretsAndInheritsFromTheNewestVersion) {
  VersionRecord newest;
  newest.bindings =
      ParseJson(R"([{"name":"S","type":"secret_text","text":"s"},{"name":"V","type":"plain_text","text":"v"},
                                  {"name":"W","type":"plain_text","text":"w"}])")
          .value()
          .items();
  Upload upload;
  upload.bindings = ParseJson(R"([{"name":"V","type":"inherit"}])").value().items();
  auto bindings = ResolveBindings(upload, &newest);
  ASSERT_TRUE(bindings.ok());
  EXPECT_EQ(ToText(*bindings),
            R"([{"name":"V","type":"plain_text","text":"v"},{"name":"S","type":"secret_text","text":"s"}])");
  EXPECT_EQ(ToText(PublicBinding((*bindings)[1])), R"({"name":"S","type":"secret_text"})");
  EXPECT_EQ(ResolveBindings(upload, nullptr).refusal().code, 10057);
  upload.keep_bindings = {"plain_text"};
  EXPECT_EQ((*ResolveBindings(upload, &newest)).size(), 3u);
}

TEST(Upload, NamesAreNormalised) {
  EXPECT_EQ(NormaliseModuleName("./a/../b//c.js"), "b/c.js");
  EXPECT_EQ(NormaliseModuleName("../a.js"), "../a.js");
  EXPECT_TRUE(IsScriptName("counter-example-4"));
  for (const char* name : {"", "-a", "A", "a.b", "a/b", "a b"}) EXPECT_FALSE(IsScriptName(name)) << name;
}

}  // namespace
}  // namespace limpet::control
