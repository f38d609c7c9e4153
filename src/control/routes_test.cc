#include "control/routes.h"

#include <gtest/gtest.h>

namespace limpet::control {
namespace {

RouteTable Table(const std::vector<std::string>& patterns) {
  RouteTable table;
  for (const std::string& pattern : patterns) {
    Decision<Route> route = ParseRoute(pattern);
    EXPECT_TRUE(route.ok()) << pattern << ": " << route.refusal().message;
    route->script = pattern;
    table.Add(*std::move(route));
  }
  table.Sort();
  return table;
}

// The pattern that a URL meets.
std::string Met(const RouteTable& table, std::string_view url) {
  size_t scheme = url.find("://");
  size_t slash = url.find('/', scheme + 3);
  const Route* route = table.Find(url.substr(0, scheme), url.substr(scheme + 3, slash - scheme - 3), url.substr(slash));
  return route == nullptr ? "-" : route->script;
}

TEST(Routes, MatchHostsAndPathsAsWritten) {
  struct Row {
    const char *pattern, *url;
    bool matches;
  };
  constexpr Row kRows[] = {
      {"example.com/*", "http://example.com/", true},
      {"example.com/*", "https://example.com/a?b", true},
      {"example.com/*", "http://www.example.com/", false},
      {"example.com", "http://example.com/", true},
      {"example.com", "http://example.com/a", false},
      {"example.com/", "http://example.com/?a", false},
      {"*.example.com/*", "http://a.b.example.com/", true},
      {"*.example.com/*", "http://example.com/", false},
      {"*example.com/*", "http://example.com/", true},
      {"*example.com/*", "http://myexample.com/x", true},
      {"*example.com/*", "http://a.example.com/x", true},
      {"https://example.com/*", "http://example.com/", false},
      {"https://example.com/*", "https://example.com/", true},
      {"http://example.com/*", "https://example.com/", false},
      {"example.com/path", "http://example.com/path", true},
      {"example.com/path", "http://example.com/path/", false},
      {"example.com/path", "http://example.com/path?q", false},
      {"example.com/path*", "http://example.com/path?q", true},
      {"example.com/path*", "http://example.com/pathology", true},
      {"example.com/path/*", "http://example.com/path", false},
      {"EXAMPLE.com/Path*", "http://example.com/Path", true},
      {"example.com/Path*", "http://example.com/path", false},
      {"*/*", "http://any.where/x", true},
  };
  for (const Row& row : kRows)
    EXPECT_EQ(Met(Table({row.pattern}), row.url) != "-", row.matches) << row.pattern << " " << row.url;
}

TEST(Routes, TheMostSpecificWins) {
  RouteTable table =
      Table({"*/*", "*example.com/*", "*.example.com/*", "*.example.com/a", "www.example.com/*", "example.com/*",
             "example.com/hello/*", "example.com/hello/there", "https://example.com/*"});
  EXPECT_EQ(Met(table, "http://www.example.com/"), "www.example.com/*");
  EXPECT_EQ(Met(table, "http://www.example.com/a"), "www.example.com/*");
  EXPECT_EQ(Met(table, "http://x.example.com/a"), "*.example.com/a");
  EXPECT_EQ(Met(table, "http://x.example.com/b"), "*.example.com/*");
  EXPECT_EQ(Met(table, "http://example.com/b"), "example.com/*");
  EXPECT_EQ(Met(table, "https://example.com/b"), "https://example.com/*");
  EXPECT_EQ(Met(table, "https://example.com/hello/b"), "example.com/hello/*");
  EXPECT_EQ(Met(table, "http://example.com/hello/there"), "example.com/hello/there");
  EXPECT_EQ(Met(table, "http://example.com/hello"), "example.com/*");
  EXPECT_EQ(Met(table, "http://myexample.com/"), "*example.com/*");
  EXPECT_EQ(Met(table, "http://other.org/"), "*/*");
}

TEST(Routes, RefuseWhatIsNoPattern) {
  for (const char* pattern :
       {"", "/path", "example.com/*.jpg", "example.com/a?b=*", "a.*.com/*", "ftp://example.com/*", "example.com:80/*",
        "exa mple.com/*", "example..com/*", ".example.com/*", "example.com./*"}) {
    Decision<Route> route = ParseRoute(pattern);
    EXPECT_FALSE(route.ok()) << pattern;
    EXPECT_EQ(route.refusal().code, 10022) << pattern;
  }
  EXPECT_FALSE(ReadRoutes(Json().Set("pattern", "a.com/*")).ok());
  Decision<Json> read = ReadRoutes(Json::MakeArray({Json("a.com/*"), Json().Set("pattern", "a.com/*")}));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->items().size(), 1U);
}

}  // namespace
}  // namespace limpet::control
