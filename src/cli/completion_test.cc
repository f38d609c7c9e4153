#include "cli/completion.h"

#include <gtest/gtest.h>

namespace limpet::cli {
namespace {

CommandHelp Sample() {
  CommandHelp put{.names = {"put"}, .about = "Don't \\ ask", .flags = {{.names = {"--path"}, .takes_value = true}}};
  CommandHelp publish{
      .names = {"publish", "deploy"},
      .about = "Uploads",
      .flags = {{.names = {"--mode", "-m"}, .about = "When", .takes_value = true, .choices = {"now", "later"}}}};
  CommandHelp secret{.names = {"secret"}, .commands = {put}};
  return {.flags = {{.names = {"--version"}}}, .commands = {publish, secret}};
}

std::string Of(const char* shell) { return CompletionScript(shell, Sample()).value(); }

bool Has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(Completion, OfBash) {
  std::string script = Of("bash");
  EXPECT_TRUE(Has(script, "    '') words='publish deploy secret --version' ;;\n")) << script;
  EXPECT_TRUE(Has(script, "    'publish'|'deploy') words='--mode' ;;\n")) << script;
  EXPECT_TRUE(Has(script, "    'publish --mode'|'deploy --mode') choices='now later' ;;\n")) << script;
  EXPECT_TRUE(Has(script, "_limpet_commands='publish deploy secret secret/put'\n")) << script;
}

TEST(Completion, OfZsh) {
  std::string script = Of("zsh");
  EXPECT_TRUE(script.starts_with("#compdef limpet\n"));  // How a folder of functions finds it.
  EXPECT_TRUE(Has(script, "'secret') commands=( 'put:Don'\\''t \\ ask' )")) << script;
}

TEST(Completion, OfFish) {
  std::string script = Of("fish");
  EXPECT_TRUE(Has(script, "-n '__limpet_at publish deploy' -l mode -s m -x -a 'now later' -d 'When'\n")) << script;
  EXPECT_TRUE(Has(script, "-n '__limpet_at secret' -f -a put -d 'Don\\'t \\\\ ask'\n")) << script;
  EXPECT_TRUE(Has(script, "-n '__limpet_at secret/put' -l path -r -d ''\n")) << script;
}

TEST(Completion, OfAnotherShellIsRefused) {
  Result<std::string> script = CompletionScript("tcsh", Sample());
  ASSERT_FALSE(script.has_value());
  EXPECT_TRUE(Has(script.error().message(), "bash, zsh and fish"));
}

TEST(Completion, KnowsTheCommandsAsTheyAreParsed) {
  CommandHelp program = DescribeCommands();
  auto find = [](const CommandHelp& in, const std::string& name) -> const CommandHelp* {
    for (const CommandHelp& one : in.commands) {
      for (const std::string& each : one.names) {
        if (each == name) return &one;
      }
    }
    return nullptr;
  };
  const CommandHelp* deploy = find(program, "deploy");
  ASSERT_NE(deploy, nullptr);
  EXPECT_EQ(deploy->names[0], "publish");
  bool modes = false;
  for (const FlagHelp& flag : deploy->flags) {
    if (flag.names[0] == "--dry-run") EXPECT_FALSE(flag.takes_value);
    if (flag.names[0] != "--durable-objects-code-update-mode") continue;
    modes = true;
    EXPECT_EQ(flag.choices, (std::vector<std::string>{"deferred", "immediate"}));
    EXPECT_TRUE(flag.takes_value);
  }
  EXPECT_TRUE(modes);
  const CommandHelp* kv = find(program, "kv");
  ASSERT_NE(kv, nullptr);
  const CommandHelp* key = find(*kv, "key");
  ASSERT_NE(key, nullptr);
  EXPECT_NE(find(*key, "put"), nullptr);
}

TEST(Completion, ReadsFlagsOfAHelpText) {
  std::vector<FlagHelp> flags =
      ReadFlags("limpet serve\n\n  --data-dir DIR   where\n  --fast    sooner\n  --a-long-one N why\n");
  ASSERT_EQ(flags.size(), 3u);
  EXPECT_EQ(flags[0].names, std::vector<std::string>{"--data-dir"});
  EXPECT_TRUE(flags[0].takes_value);
  EXPECT_EQ(flags[0].about, "where");
  EXPECT_FALSE(flags[1].takes_value);
  EXPECT_EQ(flags[1].about, "sooner");
  EXPECT_EQ(flags[2].about, "why");
}

}  // namespace
}  // namespace limpet::cli
