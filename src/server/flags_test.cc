#include "server/flags.h"

#include <gtest/gtest.h>

namespace limpet::server {
namespace {

std::string Refusal(const std::vector<std::string>& arguments) {
  Result<ServeFlags> flags = ParseServeFlags(arguments);
  return flags.has_value() ? "accepted" : flags.error().message();
}

TEST(ServeFlags, HaveTheDocumentedDefaults) {
  ServeFlags flags = ParseServeFlags({}).value();
  EXPECT_EQ(flags.data_dir, "./limpet-data");
  EXPECT_EQ(flags.listen.ToString(), "127.0.0.1:8787");
  EXPECT_EQ(flags.admin_listen.ToString(), "127.0.0.1:8788");
  EXPECT_EQ(flags.shards, 0u);
  EXPECT_FALSE(flags.allow_private_network);
}

TEST(ServeFlags, SayWhatMayHaveBeenMeant) {
  EXPECT_EQ(Refusal({"--listn", "x"}), "unknown argument --listn (did you mean --listen?); see limpet serve --help");
  EXPECT_EQ(Refusal({"--nonsense"}), "unknown argument --nonsense; see limpet serve --help");
}

TEST(ServeFlags, TakeValuesInBothSpellings) {
  ServeFlags flags = ParseServeFlags({"--listen",
                                      "localhost:0",
                                      "--shards=3",
                                      "--data-dir=/x",
                                      "--trusted-proxy",
                                      "10.0.0.0/8",
                                      "--memory-mb",
                                      "64",
                                      "--roll-grace",
                                      "0",
                                      "--ca-file=ca.pem",
                                      "--history-days",
                                      "7",
                                      "--object-queue=5",
                                      "--object-wait=6",
                                      "--object-rate=7",
                                      "--object-storage-mb=1",
                                      "--class-storage-mb=2",
                                      "--storage-mb=3",
                                      "--script-storage-mb=4"})
                         .value();
  EXPECT_EQ(flags.listen.ToString(), "127.0.0.1:0");
  EXPECT_EQ(flags.shards, 3u);
  EXPECT_EQ(flags.data_dir, "/x");
  EXPECT_EQ(flags.ca_file, "ca.pem");
  EXPECT_TRUE(flags.trusted_proxies.Contains(*net::IpAddress::Parse("10.1.2.3")));
  EXPECT_TRUE(flags.trusted_proxies.Contains(*net::IpAddress::Parse("127.0.0.1")));
  EXPECT_EQ(flags.memory_max, 64u * 1024 * 1024);
  EXPECT_EQ(flags.roll_grace, Duration::zero());
  EXPECT_EQ(flags.history, std::chrono::hours(7 * 24));
  EXPECT_EQ(flags.script_output, ScriptOutput::kExceptions);
  EXPECT_EQ(ParseServeFlags({"--log-workers", "all"}).value().script_output, ScriptOutput::kAll);
  EXPECT_EQ(ParseServeFlags({"--log-workers=some"}).error().message(),
            "--log-workers: \"some\" is none of none, exceptions and all");
  EXPECT_EQ(flags.object_queue_max, 5u);
  EXPECT_EQ(flags.object_wait_max, std::chrono::seconds(6));
  EXPECT_EQ(flags.object_rate_max, 7u);
  EXPECT_EQ(flags.quota.object, 1024u * 1024);
  EXPECT_EQ(flags.quota.in_namespace, 2u * 1024 * 1024);
  EXPECT_EQ(flags.quota.in_all, 3u * 1024 * 1024);
  EXPECT_EQ(flags.quota.in_script, 4u * 1024 * 1024);
}

TEST(ServeFlags, SetTheLimitsOfHttp) {
  ServeFlags flags =
      ParseServeFlags({"--body-max=1", "--head-max=8", "--headers-max=20", "--url-max=2", "--head-timeout-ms=3",
                       "--idle-timeout-ms=4", "--body-timeout-ms=5", "--write-timeout-ms=6", "--min-rate=0",
                       "--connections-max=7", "--connections-per-address=8"})
          .value();
  EXPECT_EQ(flags.http.body_bytes_max, 1024u * 1024);
  EXPECT_EQ(flags.http.head.head_bytes_max, 8u * 1024);
  EXPECT_EQ(flags.http.head.header_count_max, 20u);
  EXPECT_EQ(flags.http.head.target_bytes_max, 2u * 1024);
  EXPECT_EQ(flags.http.header_timeout.count(), 3);
  EXPECT_EQ(flags.http.idle_timeout.count(), 4);
  EXPECT_EQ(flags.http.body_stall_timeout.count(), 5);
  EXPECT_EQ(flags.http.write_stall_timeout.count(), 6);
  EXPECT_EQ(flags.http.bytes_per_second_min, 0u);
  EXPECT_EQ(flags.connections.connections_max, 7u);
  EXPECT_EQ(flags.connections.connections_per_address_max, 8u);
  EXPECT_NE(Refusal({"--head-timeout-ms", "0"}).find("--head-timeout-ms"), std::string::npos);
}

TEST(ServeFlags, TakeLoopbackOffTheTrustedProxies) {
  ServeFlags flags = ParseServeFlags({"--trusted-proxy", "none", "--trusted-proxy", "10.0.0.0/8"}).value();
  EXPECT_FALSE(flags.trusted_proxies.Contains(*net::IpAddress::Parse("127.0.0.1")));
  EXPECT_TRUE(flags.trusted_proxies.Contains(*net::IpAddress::Parse("10.1.2.3")));
}

TEST(ServeFlags, RefuseWithTheFlagsName) {
  EXPECT_NE(Refusal({"--shards", "0"}).find("--shards"), std::string::npos);
  EXPECT_NE(Refusal({"--shards", "2x"}).find("2x"), std::string::npos);
  EXPECT_NE(Refusal({"--listen", "nowhere"}).find("--listen"), std::string::npos);
  EXPECT_NE(Refusal({"--listen"}).find("ADDR:PORT"), std::string::npos);
  EXPECT_NE(Refusal({"--trusted-proxy", "x"}).find("--trusted-proxy"), std::string::npos);
  EXPECT_NE(Refusal({"--allow-private-network=1"}).find("no value"), std::string::npos);
  EXPECT_NE(Refusal({"--no-such"}).find("--no-such"), std::string::npos);
  EXPECT_NE(Refusal({"stray"}).find("stray"), std::string::npos);
}

TEST(ServeFlags, RefuseAnAdminPortThatOthersReach) {
  EXPECT_NE(Refusal({"--admin-listen", "0.0.0.0:8788"}).find("--allow-remote-admin"), std::string::npos);
  EXPECT_EQ(Refusal({"--admin-listen", "0.0.0.0:8788", "--allow-remote-admin"}), "accepted");
  EXPECT_EQ(Refusal({"--admin-listen", "[::1]:8788"}), "accepted");
  EXPECT_NE(Refusal({"--admin-listen", "0.0.0.0:8788"}).find("--admin-tls-cert"), std::string::npos);
  EXPECT_EQ(Refusal({"--admin-listen", "0.0.0.0:8788", "--admin-tls-cert", "c", "--admin-tls-key", "k"}), "accepted");
  EXPECT_NE(Refusal({"--admin-tls-cert", "c"}).find("needs --admin-tls-key"), std::string::npos);
  EXPECT_NE(Refusal({"--admin-tls-key", "k"}).find("needs --admin-tls-cert"), std::string::npos);
}

TEST(ServeFlags, HelpNamesEveryFlag) {
  EXPECT_TRUE(ParseServeFlags({"--shards", "2", "--help"}).value().help);
  EXPECT_NE(ServeHelp().find("--trusted-proxy NETWORK"), std::string::npos);
}

}  // namespace
}  // namespace limpet::server
