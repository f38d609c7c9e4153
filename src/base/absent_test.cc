#include "base/absent.h"

#include <gtest/gtest.h>

namespace limpet {
namespace {

TEST(Absent, IsKnownByItsCommandItsBindingAndItsPath) {
  const std::string r2 = AdviceForCommand("r2");
  EXPECT_TRUE(r2.starts_with("limpet has no R2. ")) << r2;
  EXPECT_EQ(AdviceForBinding("r2_bucket"), r2);
  EXPECT_EQ(AdviceForPath({"client", "v4", "accounts", "local", "r2", "buckets", "x"}), r2);
  EXPECT_TRUE(AdviceForPath({"client", "v4", "accounts", "local", "workers", "scripts", "x", "edge-preview"})
                  .starts_with("limpet has no remote preview. "));
}

TEST(Absent, NothingIsSaidOfWhatIsThereOrHasNoName) {
  EXPECT_EQ(AdviceForCommand("kv"), "");
  EXPECT_EQ(AdviceForCommand(""), "");
  EXPECT_EQ(AdviceForBinding(""), "");
  EXPECT_EQ(AdviceForBinding("kv_namespace"), "");
  EXPECT_EQ(AdviceForPath({}), "");
  EXPECT_EQ(AdviceForPath({"client", "v4", "accounts", "r2"}), "");
  EXPECT_EQ(AdviceForPath({"client", "v4", "zones", "x", "r2"}), "");
}

}  // namespace
}  // namespace limpet
