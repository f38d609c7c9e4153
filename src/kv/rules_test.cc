#include "kv/rules.h"

#include <gtest/gtest.h>

namespace limpet::kv {
namespace {

std::string Text(const Verdict& verdict) {
  return verdict ? std::to_string(verdict->status) + " " + verdict->text : "";
}

TEST(KvRulesTest, Keys) {
  EXPECT_EQ(Text(CheckKey("")), "400 Key names must not be empty");
  EXPECT_EQ(Text(CheckKey("..")), "400 Illegal key name \"..\". Please use a different name.");
  EXPECT_EQ(Text(CheckKey("...")), "");
  EXPECT_EQ(Text(CheckKey(std::string(512, 'k'))), "");
  EXPECT_EQ(Text(CheckKey(std::string(513, 'k'))), "414 UTF-8 encoded length of 513 exceeds key length limit of 512.");
  EXPECT_EQ(Text(CheckPrefix("")), "");
}

TEST(KvRulesTest, Sizes) {
  EXPECT_EQ(Text(CheckMetadata(1024)), "");
  EXPECT_EQ(Text(CheckMetadata(1025)), "413 Metadata length of 1025 exceeds limit of 1024.");
  EXPECT_EQ(Text(CheckValue(26214400)), "");
  EXPECT_EQ(Text(CheckValue(26214401)), "413 Value length of 26214401 exceeds limit of 26214400.");
  EXPECT_EQ(Text(CheckCacheTtl(29)), "400 Invalid cache_ttl of 29. Cache TTL must be at least 30.");
  EXPECT_EQ(Text(CheckListLimit(0)), "400 Invalid key_count_limit of 0. Please specify an integer greater than 0.");
  EXPECT_EQ(Text(CheckListLimit(1000)), "");
  EXPECT_EQ(Text(CheckListLimit(1001)),
            "400 Invalid key_count_limit of 1001. Please specify an integer less than 1000.");
}

TEST(KvRulesTest, Expiration) {
  auto read = [](std::optional<std::string_view> ttl, std::optional<std::string_view> at) {
    uint64_t expiration = 7;
    Verdict verdict = ReadExpiration(ttl, at, 1000, &expiration);
    return verdict ? Text(verdict) : std::to_string(expiration);
  };
  EXPECT_EQ(read({}, {}), "0");
  EXPECT_EQ(read("60", "1"), "1060");
  EXPECT_EQ(read(" 61.9x", {}), "1061");
  EXPECT_EQ(read("59", {}), "400 Invalid expiration_ttl of 59. Expiration TTL must be at least 60.");
  EXPECT_EQ(read("-60", {}), "400 Invalid expiration_ttl of -60. Please specify integer greater than 0.");
  EXPECT_EQ(read("nan", {}), "400 Invalid expiration_ttl of nan. Please specify integer greater than 0.");
  EXPECT_EQ(read({}, "1060"), "1060");
  EXPECT_EQ(read({}, "1059"),
            "400 Invalid expiration of 1059. Expiration times must be at least 60 seconds in the future.");
  EXPECT_EQ(read({}, "1000"),
            "400 Invalid expiration of 1000. Please specify integer greater than the current number of seconds since "
            "the UNIX epoch.");
  EXPECT_EQ(read("99999999999999999999999", {}), std::to_string(1000 + ((int64_t{1} << 53) - 1)));
}

}  // namespace
}  // namespace limpet::kv
