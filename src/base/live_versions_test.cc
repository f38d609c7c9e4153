#include "base/live_versions.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace limpet {
namespace {

TEST(LiveVersions, AKeyHasOnePointAndKeysAreSpreadEvenly) {
  EXPECT_EQ(SharePoint("a"), SharePoint("a"));
  std::array<int, 10> tenths{};
  for (int i = 0; i < 10'000; ++i) ++tenths.at(static_cast<size_t>(SharePoint(std::to_string(i)) / 10));
  for (int count : tenths) EXPECT_NEAR(count, 1000, 150);
}

TEST(LiveVersions, AGrowingShareTakesNothingFromThoseItHas) {
  for (int i = 0; i < 1000; ++i) {
    double point = SharePoint(std::to_string(i));
    std::array<double, 2> before{10, 90}, after{30, 70};
    if (PickShare(before, point) == 0) EXPECT_EQ(PickShare(after, point), 0u);
  }
}

TEST(LiveVersions, NothingFallsIntoAShareOfZeroNorBesideAll) {
  std::array<double, 4> shares{0, 33.33, 66.66, 0};
  EXPECT_EQ(PickShare(shares, 0), 1u);
  EXPECT_EQ(PickShare(shares, 33.33), 2u);
  EXPECT_EQ(PickShare(shares, 99.995), 2u);
}

TEST(LiveVersions, AnOverrideIsReadForItsScriptAlone) {
  EXPECT_EQ(VersionOverride(R"(a="1", b = "2")", "b"), "2");
  EXPECT_EQ(VersionOverride(R"(a="1",)", "a"), "1");
  EXPECT_EQ(VersionOverride(R"(ab="1", nonsense)", "a"), "");
  EXPECT_EQ(VersionOverride("", "a"), "");
}

}  // namespace
}  // namespace limpet
