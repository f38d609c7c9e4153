#include "assets/ignore.h"

#include <gtest/gtest.h>

namespace limpet::assets {
namespace {

// What npm's `ignore`, which wrangler asks, says to the same.
TEST(IgnoreRules, LeavesOutWhatGitWould) {
  IgnoreRules rules(
      "# comment\n*.map\n/top.txt\nnode_modules\nbuild/\n!keep.map\ndocs/*.md\n**/deep/x\nlogs/**\n*.[oa]\n\\#hash\n"
      "trailing   \r\n");
  for (const char* path :
       {"a.map",     "a/b/c.map", "top.txt",    "node_modules/a", "x/node_modules/y/z", "build/a", "x/build/a",
        "docs/a.md", "deep/x",    "a/b/deep/x", "logs/a",         "logs/a/b",           "x.o",     "y/x.a",
        "#hash",     "trailing",  "_headers",   "_redirects",     ".assetsignore",      "A.MAP",   "NODE_MODULES/x"}) {
    EXPECT_TRUE(rules.Ignores(path)) << path;
  }
  for (const char* path : {"keep.map", "a/top.txt", "build", "docs/a/b.md", "x/docs/a.md", "logs", "x.ob", "a/_headers",
                           "index.html", "comment", "deep/xx"}) {
    EXPECT_FALSE(rules.Ignores(path)) << path;
  }
}

TEST(IgnoreRules, AFolderThatIsOutTakesItsFilesAlong) {
  IgnoreRules rules("/out\n!/out/in.txt\n");
  EXPECT_TRUE(rules.Ignores("out/in.txt"));
  EXPECT_FALSE(rules.Ignores("other/in.txt"));
}

}  // namespace
}  // namespace limpet::assets
