#include "base/counters.h"

#include <gtest/gtest.h>

namespace limpet {
namespace {

TEST(Counters, OneFamilyIsWrittenOnceWithAllItsLabels) {
  Counters counters;
  Counter& first = counters.Make(Counters::Kind::kCounter, "limpet_x_total", "Xs.", "shard=\"0\"");
  counters.Make(Counters::Kind::kGauge, "limpet_a", "As.").Set(-3);
  Counter& second = counters.Make(Counters::Kind::kCounter, "limpet_x_total", "Xs.", "shard=\"1\"");
  first.Add();
  second.Add(41);
  EXPECT_EQ(counters.ToPrometheus(),
            "# HELP limpet_a As.\n# TYPE limpet_a gauge\nlimpet_a -3\n"
            "# HELP limpet_x_total Xs.\n# TYPE limpet_x_total counter\n"
            "limpet_x_total{shard=\"0\"} 1\nlimpet_x_total{shard=\"1\"} 41\n");
}

}  // namespace
}  // namespace limpet
