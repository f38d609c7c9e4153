#include "cli/overrides.h"

#include <gtest/gtest.h>

#include "cli/args.h"
#include "cli/foreign.h"
#include "cli/publish.h"

namespace limpet::cli {
namespace {

ProjectConfig Config(const std::string& text) {
  ConfigResult read = ReadConfig({"wrangler.toml", text, ""});
  EXPECT_TRUE(read.config);
  return *std::move(read.config);
}

Arguments Parsed(const std::vector<std::string>& words) {
  ParsedArguments parsed = ParseArguments(words, "0");
  EXPECT_TRUE(parsed.arguments) << parsed.exit.text;
  return parsed.arguments ? *std::move(parsed.arguments) : Arguments();
}

TEST(Overrides, DevVariablesReplaceVariablesAloneAndNotThoseOfAFlag) {
  ProjectConfig config = Config(
      "name = \"a\"\nkv_namespaces = [{ binding = \"KV\", id = \"1\" }]\n[vars]\nA = \"1\"\nB = \"2\"\nC = [3]\n");
  OverrideFlags flags;
  flags.vars = {"A:flag:1"};
  ASSERT_TRUE(Override(flags, "2026-11-27", &config).has_value());
  UseDevVariables({{"A", "file"}, {"B", "file"}, {"C", "file"}, {"KV", "file"}, {"A:flag", "new"}}, flags, &config);
  EXPECT_EQ(
      ToText(Json(config.bindings)),
      R"([{"name":"KV","type":"kv_namespace","namespace_id":"1"},{"name":"A","type":"plain_text","text":"flag:1"},)"
      R"({"name":"B","type":"plain_text","text":"file"},{"name":"C","type":"plain_text","text":"file"},)"
      R"({"name":"A:flag","type":"plain_text","text":"new"}])");
}

TEST(Overrides, FlagsComeBeforeTheConfiguration) {
  ProjectConfig config =
      Config("name = \"a\"\ncompatibility_date = \"2026-01-01\"\n[vars]\nA = \"1\"\nB = \"2\"\n[define]\nX = \"1\"\n");
  Arguments arguments = Parsed({"deploy",
                                "main.mjs",
                                "--var",
                                "A:x:y",
                                "--var",
                                "C:",
                                "--define",
                                "X:\"2\"",
                                "--alias",
                                "lib:./lib.js",
                                "--compatibility-date",
                                "2026-02-02",
                                "--compatibility-flags",
                                "nodejs_compat",
                                "--minify",
                                "--keep-vars",
                                "--message",
                                "why",
                                "--tag",
                                "v1"});
  EXPECT_EQ(arguments.entry, "main.mjs");
  EXPECT_EQ(arguments.message + arguments.tag, "whyv1");
  ASSERT_TRUE(Override(arguments.overrides, "2026-11-27", &config).has_value());
  EXPECT_EQ(ToText(Json(config.bindings)),
            R"([{"name":"B","type":"plain_text","text":"2"},{"name":"A","type":"plain_text","text":"x:y"},)"
            R"({"name":"C","type":"plain_text","text":""}])");
  EXPECT_EQ(config.define, (std::vector<std::pair<std::string, std::string>>{{"X", "\"2\""}}));
  EXPECT_EQ(config.alias, (std::vector<std::pair<std::string, std::string>>{{"lib", "./lib.js"}}));
  EXPECT_EQ(config.compatibility_date, "2026-02-02");
  EXPECT_EQ(config.compatibility_flags, std::vector<std::string>{"nodejs_compat"});
  EXPECT_TRUE(config.minify);
  EXPECT_EQ(ToText(MakeMetadata(config, {}, Json())["keep_bindings"]),
            R"(["plain_text","json","secret_text","secret_key"])");
}

TEST(Overrides, TodayAsTheDate) {
  ProjectConfig config = Config("name = \"a\"\n");
  ASSERT_TRUE(Override(Parsed({"dev", "--latest"}).overrides, "2026-11-27", &config).has_value());
  EXPECT_EQ(config.compatibility_date, "2026-11-27");
  EXPECT_TRUE(MakeMetadata(config, {}, Json())["keep_bindings"].is_null());
}

TEST(Overrides, WhatIsWrongIsSaid) {
  ProjectConfig config;
  auto said = [&](const std::vector<std::string>& words) {
    Result<Done> done = Override(Parsed(words).overrides, "2026-11-27", &config);
    return done.has_value() ? "" : done.error().message();
  };
  EXPECT_EQ(said({"deploy", "--var", "A"}), "--var takes KEY:VALUE, not \"A\"");
  EXPECT_EQ(said({"deploy", "--define", ":1"}), "--define takes KEY:VALUE, not \":1\"");
  EXPECT_EQ(said({"deploy", "--compatibility-date", "26-1-1"}),
            "--compatibility-date takes a date like 2026-11-27, not \"26-1-1\"");
}

TEST(Arguments, HelpOfACommand) {
  for (const char* name : {"deploy", "publish", "init"}) {
    std::string help = ParseArguments({name, "--help"}, "0").exit.text;
    EXPECT_NE(help.find(std::string("Usage: limpet ") + name + " ["), std::string::npos) << help;
  }
  EXPECT_EQ(ParseArguments({"help", "kv", "key"}, "0").exit.text,
            ParseArguments({"kv", "key", "--help"}, "0").exit.text);
  EXPECT_EQ(ParseArguments({"help"}, "0").exit.text, ParseArguments({"--help"}, "0").exit.text);
  EXPECT_EQ(ParseArguments({"help", "deploi"}, "0").exit.code, 2);
}

TEST(Arguments, CommandsThatOnlyWranglerHasSayWhatToDoInstead) {
  EXPECT_EQ(ParseArguments({"r2", "bucket", "list"}, "0").exit.code, 2);
  EXPECT_NE(ParseArguments({"d1", "list"}, "0").exit.text.find("new_sqlite_classes"), std::string::npos);
  EXPECT_NE(ParseArguments({"route", "list"}, "0").exit.text.find("limpet triggers deploy"), std::string::npos);
  EXPECT_EQ(ForeignCommand("deploi"), std::nullopt);
  EXPECT_EQ(ParseArguments({"deploy", "--routes", "x"}, "0").exit.text,
            "limpet deploy has no flag --routes: routes are in the configuration");
  EXPECT_EQ(ForeignFlag("--rotes"), std::nullopt);
}

TEST(Arguments, WhatWranglerTakes) {
  Arguments tail = Parsed({"tail", "x", "--status", "error", "--format", "json", "--ip", "1.2.3.4", "--header", "a:b",
                           "--sampling-rate", "0.5", "--version-id", "v"});
  EXPECT_EQ(tail.outcomes, (std::vector<std::string>{"exception", "exceededCpu", "exceededMemory", "unknown"}));
  EXPECT_TRUE(tail.output_json);
  EXPECT_EQ(tail.sampling_rate, 0.5);
  EXPECT_EQ(Parsed({"secret:bulk", "f.json"}).key, "f.json");
  EXPECT_EQ(Parsed({"dev", "--port", "1234"}).listen, "127.0.0.1:1234");
  EXPECT_EQ(Parsed({"dev", "--ip", "::1"}).listen, "[::1]:8787");
  EXPECT_EQ(Parsed({"dev"}).listen, "127.0.0.1:8787");
  EXPECT_EQ(Parsed({"dev", "--test-scheduled", "--env-file", "a", "--env-file=b", "main.js"}).env_files,
            (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(Parsed({"delete", "x", "-y"}).yes);
  EXPECT_FALSE(Parsed({"deploy"}).environment_given);
  EXPECT_TRUE(Parsed({"deploy", "--env", ""}).environment_given);
  EXPECT_EQ(ParseArguments({"tail", "x", "--sampling-rate", "2"}, "0").exit.code, 2);
  EXPECT_EQ(ParseArguments({"deploy", "--env"}, "0").exit.text, "--env needs a value. Try: limpet deploy --help");
  EXPECT_EQ(ParseArguments({"whoami", "--token", ""}, "0").exit.code, 2);  // A variable that is not set.
}

TEST(Configuration, ASyntaxErrorHasItsPlaceAsEditorsKnowIt) {
  ConfigResult toml = ReadConfig({"wrangler.toml", "name = \"a\nmain = 1\n", ""});
  ASSERT_EQ(toml.diagnostics.size(), 1u);
  EXPECT_TRUE(toml.diagnostics[0].ToString().starts_with("wrangler.toml:1:")) << toml.diagnostics[0].ToString();
  EXPECT_EQ(toml.diagnostics[0].ToString().find("line 1"), std::string::npos);
  ConfigResult json = ReadConfig({"wrangler.jsonc", "{\n  \"name\": \"x\",\n  \"vars\": { \"A\": }\n}\n", ""});
  ASSERT_EQ(json.diagnostics.size(), 1u);
  EXPECT_TRUE(json.diagnostics[0].ToString().starts_with("wrangler.jsonc:3:")) << json.diagnostics[0].ToString();
}

}  // namespace
}  // namespace limpet::cli
