// Arguments, migrations, modules, templates and the upload, against a scripted server.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/multipart.h"
#include "cli/args.h"
#include "cli/dot_env.h"
#include "cli/exports_text.h"
#include "cli/generate.h"
#include "cli/modules.h"
#include "cli/publish.h"

namespace limpet::cli {
namespace {

namespace fs = std::filesystem;

class Folder {
 public:
  Folder() {
    std::string pattern = testing::TempDir() + "limpet-cli-XXXXXX";
    path_ = mkdtemp(pattern.data());
  }
  ~Folder() { fs::remove_all(path_); }
  void Write(const std::string& name, std::string_view text) const {
    fs::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary) << text;
  }
  std::string Read(const std::string& name) const {
    std::ifstream file(path_ / name, std::ios::binary);
    return std::string((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  }
  std::string path() const { return path_.string(); }

 private:
  fs::path path_;
};

TEST(Modules, ExportsAreSeenInSourceAndInBundles) {
  for (const char* source : {"export default {}", "const a = 1;\nexport { a };", "var a;export{a as default};",
                             "// a comment\n  export async function f() {}", "export * from './a.mjs'"}) {
    EXPECT_TRUE(HasExports(source)) << source;
  }
  for (const char* source : {"", "addEventListener('fetch', () => {})", "module.exports = {};", "exports.a = 1;",
                             "const text = 'export default';", "const exported = 1;", "a.export = {};"}) {
    EXPECT_FALSE(HasExports(source)) << source;
  }
}

TEST(Arguments, EveryMigrationFlagRepeatsWithOneSetOfValues) {
  ParsedArguments parsed = ParseArguments({"publish",
                                           "--new-class",
                                           "A",
                                           "--new-class",
                                           "B",
                                           "--rename-class",
                                           "C",
                                           "D",
                                           "main.js",
                                           "--rename-class",
                                           "E",
                                           "F",
                                           "--transfer-class",
                                           "s",
                                           "X",
                                           "Y",
                                           "--new-tag",
                                           "v2",
                                           "--delete-class",
                                           "G",
                                           "--dry-run",
                                           "-e",
                                           "staging"},
                                          "0");
  ASSERT_TRUE(parsed.arguments) << parsed.exit.text;
  const Arguments& got = *parsed.arguments;
  EXPECT_EQ(got.command, Command::kPublish);
  EXPECT_EQ(got.entry, "main.js");
  EXPECT_EQ(got.environment, "staging");
  EXPECT_TRUE(got.dry_run);
  Result<MigrationPlan> plan = PlanMigrations(got.migrations, {}, {});
  ASSERT_TRUE(plan.has_value());
  EXPECT_EQ(
      ToText(plan->migrations),
      R"({"new_tag":"v2","steps":[{"new_classes":["A","B"],"deleted_classes":["G"],"renamed_classes":[{"from":"C","to":"D"},)"
      R"({"from":"E","to":"F"}],"transferred_classes":[{"from":"X","from_script":"s","to":"Y"}]}]})");
  EXPECT_FALSE(got.migrations.old_tag);
}

TEST(Arguments, MistypedCommandsGetASuggestionAndCodeTwo) {
  ParsedArguments parsed = ParseArguments({"pubish"}, "0");
  EXPECT_EQ(parsed.exit.code, kExitUsage);
  EXPECT_NE(parsed.exit.text.find("limpet publish"), std::string::npos) << parsed.exit.text;
  EXPECT_EQ(ParseArguments({"objects", "lst"}, "0").exit.text,
            "There is no command \"objects lst\". Did you mean \"limpet objects list\"? Try: limpet objects --help");
  EXPECT_EQ(ParseArguments({"objects", "list", "--scrpt=x", "C"}, "0").exit.text,
            "limpet objects list has no flag --scrpt; did you mean --script? Try: limpet objects list --help");
  EXPECT_EQ(ParseArguments({"objects"}, "0").exit.code, kExitUsage);
  ParsedArguments flag = ParseArguments({"publish", "--new-clas", "A"}, "0");
  EXPECT_EQ(flag.exit.code, kExitUsage);
  EXPECT_EQ(flag.exit.text,
            "limpet publish has no flag --new-clas; did you mean --new-class? Try: limpet publish --help");
  EXPECT_EQ(ParseArguments({"deploy", "--xyzzy=1"}, "0").exit.text,
            "limpet deploy has no flag --xyzzy. Try: limpet deploy --help");
  ParsedArguments half = ParseArguments({"publish", "--rename-class", "A"}, "0");
  EXPECT_EQ(half.exit.code, kExitUsage);
  EXPECT_EQ(half.exit.text, "--rename-class needs FROM TO. Try: limpet publish --help");
  EXPECT_EQ(ParseArguments({"kv"}, "0").exit.text,
            "limpet kv needs one of: namespace, key, bulk. Try: limpet kv --help");
  EXPECT_EQ(ParseArguments({"token", "create"}, "0").exit.text,
            "limpet token create needs name. Try: limpet token create --help");
  EXPECT_EQ(ParseArguments({"--version"}, "1.2").exit.text, "limpet 1.2");
  EXPECT_EQ(ParseArguments({"--help"}, "0").exit.code, kExitOk);
  EXPECT_EQ(ParseArguments({"publish", "--help"}, "0").exit.code, kExitOk);
  EXPECT_EQ(ParseArguments({"deploy"}, "0").arguments->command, Command::kPublish);
  EXPECT_EQ(ParseArguments({"serve", "--shards", "2"}, "0").arguments->serve.size(), 2u);
}

TEST(Migrations, StepsAreTakenFromTheListByTheScriptsTag) {
  std::vector<Migration> list{{"v1", ParseJson(R"({"new_classes":["A"]})").value()},
                              {"v2", ParseJson(R"({"deleted_classes":["A"]})").value()}};
  auto plan = [&](ScriptState state) {
    Result<MigrationPlan> planned = PlanMigrations({}, list, state);
    return planned.has_value() ? ToText(planned->migrations) : planned.error().message();
  };
  EXPECT_EQ(plan({}), R"({"new_tag":"v2","steps":[{"new_classes":["A"]},{"deleted_classes":["A"]}]})");
  EXPECT_EQ(plan({true, "v1"}), R"({"old_tag":"v1","new_tag":"v2","steps":[{"deleted_classes":["A"]}]})");
  EXPECT_EQ(plan({true, "v2"}), "null");
  EXPECT_EQ(plan({true, "v9"}),
            "The script's current migration tag of \"v9\" was not found in the list of migrations in wrangler.toml");
  MigrationFlags flags;
  flags.old_tag = "v1";
  EXPECT_FALSE(PlanMigrations(flags, list, {true, "v1"}).has_value());
  flags.new_tag = "v3";
  EXPECT_TRUE(PlanMigrations(flags, list, {true, "v1"}).has_value());
  EXPECT_FALSE(PlanMigrations(flags, list, {true, "v2"}).has_value());
  EXPECT_FALSE(PlanMigrations(flags, list, {}).has_value());
}

TEST(Modules, PlainModulesGoAsTheyAreWithWhatTheyImport) {
  Folder folder;
  folder.Write("src/index.mjs", "import text from './page.html'\nimport {a} from \"./lib/a.mjs\";\nexport default {}");
  folder.Write("src/lib/a.mjs", "import b from '../b.bin'; export let a = 1");
  folder.Write("src/b.bin", "x");
  folder.Write("src/page.html", "<p>");
  folder.Write("src/unused.mjs", "");
  ProjectConfig config;
  config.dir = folder.path();
  config.main = "./src/index.mjs";
  Result<UploadModules> modules = CollectModules(config, {"/none", ""});
  ASSERT_TRUE(modules.has_value()) << modules.error().ToString();
  std::string names;
  for (const UploadModule& module : modules->modules) names += module.name + " " + module.content_type + "\n";
  EXPECT_EQ(names,
            "index.mjs application/javascript+module\npage.html text/plain\nlib/a.mjs application/javascript+module\n"
            "b.bin application/octet-stream\n");
  config.main = "./src/missing.mjs";
  EXPECT_EQ(CollectModules(config, {"/none", ""}).error().code(), ErrorCode::kNotFound);
}

TEST(Modules, TheFolderOfTheTalksDialectGoesWhole) {
  Folder folder;
  folder.Write("src/index.mjs", "export default {}");
  folder.Write("src/a/note.txt", "t");
  folder.Write("src/ignored.md", "");
  ProjectConfig config;
  config.dir = folder.path();
  config.upload_folder = true;
  config.upload_dir = "src";
  config.main = "./index.mjs";
  Result<UploadModules> modules = CollectModules(config, {"/none", ""});
  ASSERT_TRUE(modules.has_value()) << modules.error().ToString();
  ASSERT_EQ(modules->modules.size(), 2u);
  EXPECT_EQ(modules->main_module, "./index.mjs");
  EXPECT_EQ(modules->modules[1].name, "./a/note.txt");
  folder.Write("src/common.js", "");
  modules = CollectModules(config, {"/none", ""});
  ASSERT_TRUE(modules.has_value()) << modules.error().ToString();
  EXPECT_EQ(modules->modules[2].content_type, "application/javascript");
}

TEST(Modules, TypeScriptAndBareImportsAreBundledByEsbuild) {
  fs::path esbuild = fs::absolute("node_modules/@esbuild/linux-x64/bin/esbuild");
  if (!fs::exists(esbuild)) GTEST_SKIP() << "run from the repository";
  Folder folder;
  folder.Write("src/index.ts",
               "import {n} from 'dep'; import t from './t.txt'; const x: number = n; export default {x, t}");
  folder.Write("src/t.txt", "hello");
  folder.Write("node_modules/dep/package.json", R"({"name":"dep","main":"index.js"})");
  folder.Write("node_modules/dep/index.js", "export const n = 41 + 1");
  ProjectConfig config;
  config.dir = folder.path();
  config.main = "src/index.ts";
  Result<UploadModules> modules = CollectModules(config, {esbuild.string(), ""});
  ASSERT_TRUE(modules.has_value()) << modules.error().ToString();
  ASSERT_EQ(modules->modules.size(), 2u);
  EXPECT_EQ(modules->main_module, "index.js");
  EXPECT_NE(modules->modules[0].content.find("41 + 1"), std::string::npos);
  EXPECT_NE(modules->modules[0].content.find(modules->modules[1].name), std::string::npos);
  EXPECT_EQ(modules->modules[1].content, "hello");
}

TEST(Modules, ImportsAndGlobsAreFound) {
  EXPECT_EQ(
      FindImports("import a from 'x'; import \"y\"; export * from './z'; await import( 'w' ); x.from 'no'; fromm 'no'"),
      (std::vector<std::string>{"x", "./z", "y", "w"}));
  EXPECT_TRUE(MatchesGlob("**/*.txt", "a/b/c.txt"));
  EXPECT_TRUE(MatchesGlob("**/*.txt", "c.txt"));
  EXPECT_FALSE(MatchesGlob("*.txt", "a/c.txt"));
  EXPECT_TRUE(MatchesGlob("src/**", "src/a/b"));
  EXPECT_TRUE(MatchesGlob("*.{html,txt}", "a.txt"));
  EXPECT_FALSE(MatchesGlob("?.txt", "ab.txt"));
}

TEST(Generate, WranglerTomlKeepsItsFormAndGetsItsNames) {
  ProjectNames names{"my-counter", "2026-11-24", ""};
  EXPECT_EQ(RewriteToml("# top\nname = \"x\"   # the name\nmain = \"a\"\n\n[build]\nname = \"keep\"\n", names),
            "# top\nname = \"my-counter\" # the name\nworkers_dev = true\ncompatibility_date = \"2026-11-24\"\nmain = "
            "\"a\"\n\n[build]\nname = \"keep\"\n");
  EXPECT_EQ(RewriteToml("route = \"a.example/*\"\ntype = \"webpack\"\n", {"n", "d", "javascript"}),
            "name = \"n\"\nroute = \"a.example/*\"\ntype = \"javascript\"\ncompatibility_date = \"d\"\n");
  EXPECT_EQ(FillTemplate("a {{ project-name }} {{other}} {{", "n"), "a n {{other}} {{");
}

TEST(Generate, WranglerJsonKeepsItsFormAndGetsItsName) {
  EXPECT_EQ(RewriteJson("{ // \"name\": \"x\"\n  /* } */ \"vars\": {\"name\": \"keep\", \"a\\\"{\": [\"name\"]},\n"
                        "  \"name\" : \"old\\\"er\", // here\n  \"main\": \"name\",\n}\n",
                        "new"),
            "{ // \"name\": \"x\"\n  /* } */ \"vars\": {\"name\": \"keep\", \"a\\\"{\": [\"name\"]},\n"
            "  \"name\" : \"new\", // here\n  \"main\": \"name\",\n}\n");
  for (const char* text : {"", "{", "{\"name\":1, \"b\":\"c\"}", "[\"name\"]", "{\"name", "{\"a\\", "/*", "}{"}) {
    EXPECT_EQ(RewriteJson(text, "new"), text);
  }
}

TEST(Generate, MakesAProjectAndNeverOverwritesOne) {
  fs::path package = fs::current_path();
  if (!fs::exists(package / "templates/counter")) GTEST_SKIP() << "run from the repository";
  Folder folder;
  fs::current_path(folder.path());
  Arguments arguments;
  arguments.name = "my-counter";
  Installation installation{package.string(), "0"};
  EXPECT_EQ(RunGenerate(arguments, installation, Terminal()), kExitOk);
  EXPECT_EQ(RunGenerate(arguments, installation, Terminal()), kExitOk);
  arguments.name = "Bad Name";
  EXPECT_EQ(RunGenerate(arguments, installation, Terminal()), kExitRefused);
  fs::current_path(package);
  EXPECT_NE(folder.Read("my-counter/wrangler.toml").find("name = \"my-counter\""), std::string::npos);
  EXPECT_NE(folder.Read("my-counter-1/wrangler.toml").find("name = \"my-counter-1\""), std::string::npos);
  EXPECT_NE(folder.Read("my-counter/package.json").find("\"name\": \"my-counter\""), std::string::npos);
  ConfigResult config = LoadConfig(folder.path() + "/my-counter/wrangler.toml", "");
  ASSERT_TRUE(config.config);
  EXPECT_TRUE(config.diagnostics.empty());
  EXPECT_TRUE(CollectModules(*config.config, {"/none", ""}).has_value());
}

// Answers as a server that has no such script, and remembers what was uploaded.
class ScriptedClient final : public Client {
 public:
  Result<Done> Listen(std::string, std::string, FunctionRef<void(BytesView)>) override {
    return Error(ErrorCode::kUnavailable, "nothing to hear");
  }
  Result<ApiAnswer> CallAs(const std::string&, std::string method, std::string path, std::string body,
                           std::string content_type) override {
    return Call(std::move(method), std::move(path), std::move(body), std::move(content_type));
  }
  Result<ApiAnswer> Call(std::string method, std::string path, std::string body, std::string content_type) override {
    ApiAnswer answer;
    if (method == "GET") {
      answer.code = 10090;
      return answer;
    }
    path_ = path;
    body_ = std::move(body);
    Result<std::vector<FormPart>> form = ParseForm(content_type, body_);
    EXPECT_TRUE(form.has_value());
    parts = std::move(form).value();
    answer.success = true;
    answer.result.Set("url", "http://c.localhost:8787").Set("deployment_id", "d");
    return answer;
  }
  std::vector<FormPart> parts;
  std::string path_, body_;
};

TEST(Publish, SendsTheFormOfTheSpecification) {
  ProjectConfig config;
  config.name = "c";
  config.bindings = ParseJson(R"([{"name":"N","type":"plain_text","text":"v"}])").value().items();
  Project project;
  project.modules = {"./a.mjs", {{"./a.mjs", "application/javascript+module", "export default {}"}}};
  MigrationFlags flags;
  flags.new_classes = {"Counter"};
  ScriptedClient client;
  Result<Published> published = Upload(config, project, flags, client, Terminal(), Progress::kQuiet);
  ASSERT_TRUE(published.has_value()) << published.error().ToString();
  EXPECT_EQ(published->urls, std::vector<std::string>{"http://c.localhost:8787"});
  EXPECT_EQ(client.path_, "/accounts/local/workers/scripts/c");
  ASSERT_EQ(client.parts.size(), 2u);
  EXPECT_EQ(client.parts[0].name, "metadata");
  EXPECT_EQ(
      client.parts[0].content,
      R"({"main_module":"./a.mjs","bindings":[{"name":"N","type":"plain_text","text":"v"}],"compatibility_flags":[],"migrations":)"
      R"({"steps":[{"new_classes":["Counter"],"deleted_classes":[],"renamed_classes":[],"transferred_classes":[]}]}})");
  EXPECT_EQ(client.parts[1].filename, "./a.mjs");
}

TEST(Publish, SendsDeclaredClassesInPlaceOfMigrations) {
  ProjectConfig config;
  config.name = "c";
  config.file = "wrangler.jsonc";
  config.exports = ParseJson(R"({"A":{"type":"durable-object","storage":"sqlite"}})").value();
  config.code_update_strategy = ParseJson(R"({"mode":"immediate"})").value();
  Project project;
  project.modules = {"./a.mjs", {{"./a.mjs", "application/javascript+module", "export default {}"}}};
  MigrationFlags flags;
  ScriptedClient client;
  ASSERT_TRUE(Upload(config, project, flags, client, Terminal(), Progress::kQuiet).has_value());
  EXPECT_EQ(
      client.parts[0].content,
      R"({"main_module":"./a.mjs","bindings":[],"compatibility_flags":[],)"
      R"("code_update_strategy":{"mode":"immediate"},"exports":{"A":{"type":"durable-object","storage":"sqlite"}}})");
  flags.new_classes = {"Counter"};
  Result<Published> refused = Upload(config, project, flags, client, Terminal(), Progress::kQuiet);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().message().rfind("wrangler.jsonc declares its classes in \"exports\"", 0), 0u);
}

TEST(Publish, TellsWhatBecameOfDeclaredClasses) {
  EXPECT_EQ(ReconciliationText(ParseJson(R"({"created":[],"info":[]})").value()), "");
  EXPECT_EQ(
      ReconciliationText(
          ParseJson(
              R"({"created":["A","B"],"deleted":["C"],"renamed":[{"from":"D","to":"E"}],"transferred":[{"class":"F","to":"s","phase":"committed"}],"transfer_pending":[{"class":"G","from":"t"}],"info":[{"class":"H","scenario":"stale_tombstone","message":"m","referencing_scripts":["u","v"]}],"removable_entries":["I"]})")
              .value()),
      "Durable Object exports reconciliation:\n  Created: A, B\n  Deleted: C\n  Renamed: D → E\n"
      "  Transferred (committed): F → s\n  Transfer pending: G ← t\n  Info:\n    [stale_tombstone] H: m\n"
      "      Referencing scripts: u, v\n  Safe to remove from `exports`: I");
  ApiAnswer answer;
  answer.code = 100402;
  answer.message = "failed";
  answer.meta =
      ParseJson(
          R"({"details":[{"class":"A","scenario":"x","message":"m","suggestion":"s","referencing_scripts":["o"]}]})")
          .value();
  EXPECT_EQ(Refused(answer).message(),
            "failed\n  [x] class 'A': m\n    Suggestion: s\n    Referencing scripts: o\n\n[code: 100402]");
}

TEST(DotEnv, ReadsWhatDotenvReads) {
  Variables read = ParseDotEnv(
      "# comment\nA=1\n B = two words  # behind\nexport C='single # quoted'\nD=\"line\\nbreak\"\nE=`tick \"x\"`\n"
      "F=\"over\nlines\"\nG=\nnot a line\nH: yaml\nI=unclosed ' quote\nA=again\r\nJ=a=b\n=none\nK='it'\n");
  Variables wanted = {{"A", "again"},
                      {"B", "two words"},
                      {"C", "single # quoted"},
                      {"D", "line\nbreak"},
                      {"E", "tick \"x\""},
                      {"F", "over\nlines"},
                      {"G", ""},
                      {"H", "yaml"},
                      {"I", "unclosed ' quote"},
                      {"J", "a=b"},
                      {"K", "it"}};
  EXPECT_EQ(read, wanted);
}

TEST(Nearest, SuggestsAKeyOfTheConfiguration) {
  ConfigResult read = ReadConfig(
      {"wrangler.toml", "name = \"x\"\nmian = \"a.mjs\"\ncompatability_date = \"2026-01-01\"\nzzz = 1\n", ""});
  ASSERT_EQ(read.diagnostics.size(), 3U);
  EXPECT_EQ(read.diagnostics[0].text, "unknown key \"mian\" is ignored; did you mean \"main\"?");
  EXPECT_EQ(read.diagnostics[1].text,
            "unknown key \"compatability_date\" is ignored; did you mean \"compatibility_date\"?");
  EXPECT_EQ(read.diagnostics[2].text, "unknown key \"zzz\" is ignored");
}

}  // namespace
}  // namespace limpet::cli
