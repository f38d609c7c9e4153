#include "assets/site.h"

#include <gtest/gtest.h>

#include <fstream>

#include "assets/media_types.h"

namespace limpet::assets {
namespace {

std::shared_ptr<const Site> MakeSite(const Json& files, const Json& config, const std::string& date = "2026-01-01") {
  Site::Files made;
  for (const auto& [path, hash] : files.members())
    made[path] = {.hash = hash.AsString(), .size = 1, .content_type = ""};
  Result<SiteConfig> read = ReadSiteConfig(config, date, {});
  EXPECT_TRUE(read.has_value()) << read.error().message();
  return std::make_shared<const Site>(std::move(made), std::move(read).value());
}

Json Parse(const std::string& text) {
  Result<Json> json = ParseJson(text);
  EXPECT_TRUE(json.has_value()) << text;
  return json.has_value() ? *json : Json();
}

HttpRequest Get(const std::string& url, const std::string& method = "GET") {
  HttpRequest request;
  request.method = method;
  request.url = url;
  return request;
}

// "200 HASH", "307 /path", "404".
std::string Say(const Site& site, const std::string& path) {
  HttpRequest request = Get("http://example.com" + path);
  SiteAnswer answer = site.Answer(*ReadSiteRequest(request));
  std::string said = std::to_string(answer.status);
  if (answer.asset != nullptr) return said + " " + answer.asset->hash;
  return answer.location.empty() ? said : said + " " + answer.location;
}

// The table of https://developers.cloudflare.com/workers/static-assets/routing/advanced/html-handling/.
TEST(Site, HandlesHtmlAsTheTableOfTheDocumentationSays) {
  struct Row {
    const char *path, *automatic, *force, *drop, *none;
  };
  constexpr Row kRows[] = {
      {"/file", "200 file", "307 /file/", "200 file", "404"},
      {"/file.html", "307 /file", "307 /file/", "307 /file", "200 file"},
      {"/file/", "307 /file", "200 file", "307 /file", "404"},
      {"/file/index", "307 /file", "307 /file/", "307 /file", "404"},
      {"/file/index.html", "307 /file", "307 /file/", "307 /file", "404"},
      {"/folder", "307 /folder/", "307 /folder/", "200 folder", "404"},
      {"/folder.html", "307 /folder/", "307 /folder/", "307 /folder", "404"},
      {"/folder/", "200 folder", "200 folder", "307 /folder", "404"},
      {"/folder/index", "307 /folder/", "307 /folder/", "307 /folder", "404"},
      {"/folder/index.html", "307 /folder/", "307 /folder/", "307 /folder", "200 folder"},
  };
  Json files = Parse(R"({"/file.html":"file","/folder/index.html":"folder"})");
  auto site = [&](const char* mode) { return MakeSite(files, Json().Set("html_handling", mode)); };
  for (const Row& row : kRows) {
    EXPECT_EQ(Say(*site("auto-trailing-slash"), row.path), row.automatic) << row.path;
    EXPECT_EQ(Say(*site("force-trailing-slash"), row.path), row.force) << row.path;
    EXPECT_EQ(Say(*site("drop-trailing-slash"), row.path), row.drop) << row.path;
    EXPECT_EQ(Say(*site("none"), row.path), row.none) << row.path;
  }
}

// What Cloudflare's own asset Worker answered (record_peer.mjs).
TEST(Site, AnswersWhatThePeerAnswers) {
  std::ifstream cases(LIMPET_ASSETS_PEER_CASES);
  ASSERT_TRUE(cases) << LIMPET_ASSETS_PEER_CASES;
  size_t count = 0;
  for (std::string line; std::getline(cases, line);) {
    Json peer = Parse(line);
    const std::string date = peer["date"].AsString();
    auto site = MakeSite(peer["files"], peer["config"], date);
    std::string config = ToText(peer["config"]).substr(0, 200) + " " + date;
    for (const Json& row : peer["requests"].items()) {
      const Json::Array& values = row.items();
      HttpRequest request = Get(values[1].AsString(), values[0].AsString());
      if (values[2].AsBool()) request.headers.Append("Sec-Fetch-Mode", "navigate");
      std::optional<SiteRequest> wanted = ReadSiteRequest(request);
      ASSERT_TRUE(wanted) << request.url;
      SiteAnswer routed;
      bool script = site->Route(*wanted, &routed) == Site::First::kScript;
      std::string where = ToText(row) + " " + config;
      EXPECT_EQ(script, values[3].AsBool()) << where;
      SiteAnswer answer = site->Answer(*wanted);
      EXPECT_EQ(answer.status, values[4].AsInt64()) << where;
      EXPECT_EQ(answer.location, values[5].AsString()) << where;
      bool body = answer.asset != nullptr && request.method != "HEAD";
      EXPECT_EQ(body ? answer.asset->hash : "", values[6].AsString()) << where;
      if (!script) EXPECT_EQ(routed.status, answer.status) << where;
      HeaderList headers;
      site->SetHeaders(*wanted, &headers);
      for (const auto& [name, value] : values[7].members()) {
        std::string got = headers.GetCombined(name).value_or("(none)");
        while (got.ends_with(' ')) got.pop_back();
        EXPECT_EQ(got, value.AsString()) << name << " " << where;
      }
      EXPECT_LE(headers.size(), values[7].members().size() + 2) << where;
      ++count;
    }
  }
  EXPECT_GT(count, 1500U);
}

TEST(Site, RefusesAConfigurationByName) {
  auto refusal = [](const std::string& config) {
    Result<SiteConfig> read = ReadSiteConfig(Parse(config), "2026-01-01", {});
    return read.has_value() ? std::string("fine") : read.error().message();
  };
  EXPECT_EQ(refusal(R"({"html_handling":"sometimes"})"),
            "assets: \"html_handling\" must be one of: auto-trailing-slash, force-trailing-slash, drop-trailing-slash, "
            "none");
  EXPECT_EQ(refusal(R"({"run_worker_first":["!/a"]})"),
            "Only negative `run_worker_first` rules were provided; must provide at least 1 non-negative rule");
  EXPECT_EQ(refusal(R"({"run_worker_first":["api/*"]})"),
            "Invalid routes in `run_worker_first`:\n'api/*': rules must start with '/' or '!/'");
  EXPECT_EQ(refusal(R"({"run_worker_first":["/a/*","/a/b"]})"),
            "Invalid routes in `run_worker_first`:\n'/a/b': rule '/a/*' makes it redundant");
  EXPECT_EQ(refusal(R"({"run_worker_first":1})"),
            "assets: \"run_worker_first\" must be a boolean or an array of patterns");
  EXPECT_EQ(refusal("{}"), "fine");
}

TEST(Rules, NameTheLinesThatAreLeftOut) {
  Redirects redirects = ParseRedirects("/a /b\n/a /c\n/x /y 404\n/one\n", HtmlRules::kSome);
  EXPECT_EQ(redirects.valid, 1U);
  ASSERT_EQ(redirects.problems.size(), 3U);
  EXPECT_EQ(redirects.problems[0].line, 2U);
  EXPECT_EQ(redirects.problems[0].message, "Ignoring duplicate rule for path /a.");
  EXPECT_EQ(redirects.problems[1].message,
            "Valid status codes are 200, 301, 302 (default), 303, 307, or 308. Got 404.");
  HeaderRules headers = ParseHeaderRules("X-A: 1\n/a\n/b\n  X-B: 1\n  nothing\n");
  ASSERT_EQ(headers.problems.size(), 3U);
  EXPECT_EQ(headers.problems[0].message, "Path should come before header (x-a: 1)");
  EXPECT_EQ(headers.problems[1].message, "No headers specified");
  EXPECT_EQ(headers.problems[2].line, 5U);
}

TEST(Pattern, GivesUpOnASearchWithoutEnd) {
  std::string rule, text;
  for (int i = 0; i < 60; ++i) rule += ":n" + std::to_string(i) + "-";
  std::optional<Pattern> pattern = Pattern::Compile("/" + rule + "x");
  ASSERT_TRUE(pattern);
  text = "/" + std::string(400, '-');
  EXPECT_FALSE(pattern->Matches(text));
}

TEST(MediaTypes, KnowsWhatAWebPageIsMadeOf) {
  EXPECT_EQ(ContentTypeOf("/index.html"), "text/html; charset=utf-8");
  EXPECT_EQ(ContentTypeOf("/a.JS"), "text/javascript; charset=utf-8");
  EXPECT_EQ(ContentTypeOf("/a.css"), "text/css; charset=utf-8");
  EXPECT_EQ(ContentTypeOf("/a.wasm"), "application/wasm");
  EXPECT_EQ(ContentTypeOf("/a.svg"), "image/svg+xml");
  EXPECT_EQ(ContentTypeOf("/a.woff2"), "font/woff2");
  EXPECT_EQ(ContentTypeOf("/a.b.json"), "application/json");
  EXPECT_EQ(ContentTypeOf("/LICENSE"), "");
  EXPECT_EQ(ContentTypeOf("/a.zzz"), "");
  EXPECT_EQ(ContentTypeOf("/a."), "");
  EXPECT_EQ(ContentTypeOf("/.json/x"), "");
}

}  // namespace
}  // namespace limpet::assets
