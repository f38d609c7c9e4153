#include "cli/config/project_config.h"

#include <gtest/gtest.h>

namespace limpet::cli {
namespace {

ConfigResult Toml(std::string text, std::string environment = {}) {
  return ReadConfig({"p/wrangler.toml", std::move(text), std::move(environment)});
}

std::string Texts(const ConfigResult& result) {
  std::string text;
  for (const Diagnostic& item : result.diagnostics) text += item.ToString() + "\n";
  return text;
}

TEST(ProjectConfig, ReadsTheTalksDialect) {
  ConfigResult result = Toml(
      "name = \"counter\"\ntype = \"javascript\"\nworkers_dev = true\naccount_id = \"\"\nroute = \"\"\nzone_id = \"\"\n"
      "[build]\nupload.dir = \"src\"\nupload.format = \"modules\"\nupload.main = \"./index.mjs\"\n"
      "[durable_objects]\nbindings = [{name = \"COUNTER\", class_name = \"Counter\"}]\n");
  ASSERT_TRUE(result.config) << Texts(result);
  EXPECT_EQ(Texts(result), "");
  EXPECT_TRUE(result.config->upload_folder);
  EXPECT_EQ(result.config->upload_dir, "src");
  EXPECT_EQ(result.config->main, "./index.mjs");
  EXPECT_EQ(result.config->dir, "p");
  EXPECT_TRUE(result.config->routes.is_null());
  EXPECT_EQ(ToText(result.config->bindings),
            R"([{"name":"COUNTER","type":"durable_object_namespace","class_name":"Counter"}])");
}

TEST(ProjectConfig, ReadsTheFirstReleaseCandidates) {
  ConfigResult result = Toml(
      "name = \"c\"\n[build]\nupload_dir = \"src\"\nupload_format = \"modules\"\n"
      "[durable_objects]\nclasses = [{binding = \"Counter\", class_name = \"Counter\"}]\n");
  ASSERT_TRUE(result.config) << Texts(result);
  EXPECT_EQ(Texts(result), "");
  EXPECT_EQ(result.config->upload_dir, "src");
  EXPECT_EQ(result.config->bindings[0]["name"].AsString(), "Counter");
}

TEST(ProjectConfig, ReadsMigrationsInOrder) {
  ConfigResult result = Toml(
      "main = \"a.js\"\n[[migrations]]\ntag = \"v1\"\nnew_classes = [\"A\"]\n[[migrations]]\ntag = \"v2\"\n"
      "renamed_classes = [{from = \"A\", to = \"B\"}]\n");
  ASSERT_TRUE(result.config) << Texts(result);
  ASSERT_EQ(result.config->migrations.size(), 2u);
  EXPECT_EQ(result.config->migrations[1].tag, "v2");
  EXPECT_EQ(ToText(result.config->migrations[1].step), R"({"renamed_classes":[{"from":"A","to":"B"}]})");
}

TEST(ProjectConfig, AControlCharacterIsRefusedByLineAndColumn) {
  ConfigResult result = Toml(std::string("name = \"a\"\n[\0\0]", 15));
  EXPECT_FALSE(result.config);
  EXPECT_NE(Texts(result).find("wrangler.toml:2:2: a control character"), std::string::npos) << Texts(result);
}

TEST(ProjectConfig, TomlThatTheLibraryDoesNotExpectIsRefusedOrRead) {
  EXPECT_FALSE(Toml("name = \"a\"\n[\nb]").config);  // Failed an assertion of toml++.
  EXPECT_FALSE(Toml("\u038A = 1").config);           // Came to its unreachable code.
}

TEST(ProjectConfig, UnknownKeysWarnAndWrongTypesFailByNameAndLine) {
  ConfigResult unknown = Toml("name = \"a\"\nnmae = \"b\"\n[durable_objects]\nbindngs = []\n");
  EXPECT_TRUE(unknown.config);
  EXPECT_EQ(Texts(unknown),
            "p/wrangler.toml:2: unknown key \"nmae\" is ignored; did you mean \"name\"?\n"
            "p/wrangler.toml:4: unknown key \"durable_objects.bindngs\" is ignored; did you mean \"bindings\"?\n");
  ConfigResult wrong = Toml("name = \"a\"\n\nworkers_dev = \"yes\"\n");
  EXPECT_FALSE(wrong.config);
  EXPECT_EQ(Texts(wrong), "p/wrangler.toml:3: \"workers_dev\" must be a boolean, not string\n");
  ConfigResult build = Toml("name = \"a\"\n[build]\nuplaod = {}\n");
  EXPECT_FALSE(build.config);
  EXPECT_EQ(Texts(build), "p/wrangler.toml:3: unknown key \"build.uplaod\"\n");
  EXPECT_NE(Texts(Toml("name = \n")).find("wrangler.toml:1:"), std::string::npos);
  EXPECT_FALSE(Toml("[[migrations]]\ntag=\"v1\"\n[[migrations]]\ntag=\"v1\"\n").config);
  EXPECT_FALSE(Toml("[[migrations]]\nnew_classes=[\"A\"]\n").config);
}

TEST(ProjectConfig, EnvironmentsInheritWhatTheyShould) {
  std::string text =
      "name = \"a\"\nmain = \"x.js\"\n[vars]\nV = \"1\"\n[env.staging]\nvars = {W = 2}\n[env.other]\nname = \"own\"\n";
  ConfigResult staging = Toml(text, "staging");
  ASSERT_TRUE(staging.config) << Texts(staging);
  EXPECT_EQ(staging.config->name, "a-staging");
  EXPECT_EQ(staging.config->main, "x.js");
  EXPECT_EQ(ToText(staging.config->bindings), R"([{"name":"W","type":"json","json":2}])");
  ConfigResult other = Toml(text, "other");
  EXPECT_EQ(other.config->name, "own");
  EXPECT_TRUE(other.config->bindings.empty());
  EXPECT_EQ(Texts(staging),
            "p/wrangler.toml:4: \"vars.V\" exists at the top level, but not on \"env.staging\": environments do not "
            "inherit it. Please add it to \"env.staging\".\n");
  EXPECT_EQ(
      Texts(other),
      "p/wrangler.toml:3: \"vars\" exists at the top level, but not on \"env.other\": environments do not inherit "
      "it. Please add it to \"env.other\".\n");
  EXPECT_FALSE(Toml(text, "none").config);
}

TEST(ProjectConfig, DeclaredClassesAreTakenAsTheyAre) {
  ConfigResult result = Toml(
      "name = \"a\"\n[durable_objects.code_update_strategy]\nmode = \"deferred\"\nmax_delay = 60\n"
      "[exports.A]\ntype = \"durable-object\"\nstorage = \"sqlite\"\nstorrage = 1\n"
      "[exports.B]\ntype = \"durable-object\"\nstate = \"renamed\"\nrenamed_to = \"A\"\n");
  ASSERT_TRUE(result.config) << Texts(result);
  EXPECT_EQ(Texts(result),
            "p/wrangler.toml:8: unknown key \"exports.A.storrage\" is ignored; did you mean \"storage\"?\n");
  EXPECT_EQ(
      ToText(result.config->exports),
      R"({"A":{"type":"durable-object","storage":"sqlite"},"B":{"type":"durable-object","state":"renamed","renamed_to":"A"}})");
  EXPECT_EQ(ToText(result.config->code_update_strategy), R"({"mode":"deferred","max_delay":60})");
  EXPECT_TRUE(Toml("name=\"a\"\n").config->exports.is_null());
  EXPECT_EQ(Texts(Toml("[[migrations]]\ntag=\"v1\"\n[exports.A]\ntype=\"durable-object\"\n")),
            "p/wrangler.toml:3: \"exports\" and \"migrations\" exclude each other: keep one of them\n");
  EXPECT_FALSE(Toml("[exports]\nA = 1\n").config);
  EXPECT_FALSE(Toml("[exports.A]\ntype = 1\n").config);
  EXPECT_FALSE(Toml("[durable_objects.code_update_strategy]\nmode = \"later\"\n").config);
}

TEST(ProjectConfig, ReadsJsonWithCommentsAndKnowsItsLines) {
  ConfigResult result =
      ReadConfig({"wrangler.jsonc",
                  "{ // c\n \"name\": \"a\",\n \"main\": \"a.ts\",\n \"vars\": {\"A\": \"x\"},\n \"oops\": 1,\n"
                  " \"triggers\": {\"crons\": [\"* * * * *\"]},\n}\n",
                  ""});
  ASSERT_TRUE(result.config) << Texts(result);
  EXPECT_EQ(Texts(result), "wrangler.jsonc:5: unknown key \"oops\" is ignored\n");
  EXPECT_EQ(ToText(result.config->crons), R"([{"cron":"* * * * *"}])");
  EXPECT_EQ(result.config->dir, ".");
}

TEST(ProjectConfig, ServiceWorkersAreRecognised) {
  EXPECT_TRUE(Toml("name=\"a\"\ntype=\"webpack\"\n").config->service_worker);
  EXPECT_TRUE(Toml("name=\"a\"\n[build.upload]\nformat=\"service-worker\"\n").config->service_worker);
  EXPECT_FALSE(Toml("name=\"a\"\n[build.upload]\nformat=\"banana\"\n").config);
}

}  // namespace
}  // namespace limpet::cli
