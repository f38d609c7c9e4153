#include "cli/config/absent_bindings.h"

#include <gtest/gtest.h>

#include "cli/config/project_config.h"

namespace limpet::cli {
namespace {

TEST(AbsentBindings, EveryKindIsFoundByItsName) {
  Json config = ParseJson(R"({"r2_buckets":[{"binding":"R","bucket_name":"r"}],"ai":{"binding":"AI"},
      "workflows":[{"name":"w","binding":"W","class_name":"W"}],"send_email":[{"name":"MAIL"}],
      "queues":{"producers":[{"binding":"Q","queue":"q"}],"consumers":[{"queue":"q"}]},
      "logfwdr":{"bindings":[{"name":"L","destination":"d"}]},
      "d1_databases":[1,{"binding":2},{}],"browser":"none","vectorize":{},"images":[]})")
                    .value();
  EXPECT_EQ(ToText(Json(AbsentBindings(config))),
            R"([{"name":"R","type":"r2_bucket"},{"name":"W","type":"workflow"},{"name":"MAIL","type":"send_email"},)"
            R"({"name":"Q","type":"queue"},{"name":"L","type":"logfwdr"},{"name":"AI","type":"ai"}])");
  EXPECT_TRUE(AbsentBindings(Json()).empty());
}

TEST(AbsentBindings, AConfigurationHasThemAndAConsumerOfAQueueIsAWarning) {
  ConfigResult read =
      ReadConfig({"wrangler.toml", "name = \"x\"\n[ai]\nbinding = \"AI\"\n[[queues.consumers]]\nqueue = \"q\"\n", ""});
  ASSERT_TRUE(read.config);
  EXPECT_EQ(ToText(Json(read.config->bindings)), R"([{"name":"AI","type":"ai"}])");
  ASSERT_EQ(read.diagnostics.size(), 1U);
  EXPECT_EQ(read.diagnostics[0].text, "\"queues.consumers\": limpet has no Queues, nothing will call queue()");
}

}  // namespace
}  // namespace limpet::cli
