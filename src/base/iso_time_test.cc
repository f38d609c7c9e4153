#include "base/iso_time.h"

#include <gtest/gtest.h>

namespace limpet {
namespace {

std::string Again(std::string_view text) {
  std::optional<WallTime> time = ParseIsoTime(text);
  return time ? IsoTime(*time) : "none";
}

TEST(IsoTime, ReadsWhatItWrites) {
  for (const char* text : {"1970-01-01T00:00:00.000Z", "2026-11-24T23:59:59.999Z", "2028-02-29T12:00:00.001Z"}) {
    EXPECT_EQ(Again(text), text);
  }
}

TEST(IsoTime, LeavesOutWhatIsZero) {
  EXPECT_EQ(Again("2026-11-24"), "2026-11-24T00:00:00.000Z");
  EXPECT_EQ(Again("2026-11-24T01:02Z"), "2026-11-24T01:02:00.000Z");
  EXPECT_EQ(Again("2026-11-24T01:02:03Z"), "2026-11-24T01:02:03.000Z");
  EXPECT_EQ(Again("2026-11-24T01:02:03.4Z"), "2026-11-24T01:02:03.400Z");
  EXPECT_EQ(Again("2026-11-24T01:02:03.456789Z"), "2026-11-24T01:02:03.456Z");
}

TEST(IsoTime, RefusesWhatIsNoTime) {
  for (const char* text : {"",
                           "Z",
                           "2026",
                           "2026-11",
                           "2026-11-24Z",
                           "2026-11-24T",
                           "2026-11-24T01:02",
                           "2026-11-24T01:02:03",
                           "2026-11-24T01:02:03.Z",
                           "2026-11-24T01:02.5Z",
                           "2026-11-24T01:02:03.4xZ",
                           "2026-11-24 01:02:03Z",
                           "2026-02-29",
                           "2026-13-01",
                           "2026-00-01",
                           "2026-01-00",
                           "1969-12-31",
                           "2026-11-24T24:00:00Z",
                           "2026-11-24T01:60:00Z",
                           "2026-11-24T01:02:61Z",
                           "2026-11-24T01:02:03+00:00",
                           "+026-11-24",
                           "yesterday"}) {
    EXPECT_EQ(Again(text), "none") << text;
  }
}

}  // namespace
}  // namespace limpet
