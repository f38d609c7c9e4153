// Random requests to every route of the REST API: nothing crashes, and each gets one answer, an envelope. Routes and
// the words of the bodies are taken from the sources, so that a new route or key is among them by itself.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>

#include "control/control_plane_testing.h"

namespace limpet::control {
namespace {

constexpr int kRounds = 60;  // Each sends one request to every route. LIMPET_ROUNDS: another number.
constexpr size_t kDepthMax = 5;

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

struct ApiRoute {
  std::string method, pattern;
};

std::vector<ApiRoute> RoutesOfTheSource() {
  std::string source = ReadFile(std::filesystem::path(LIMPET_CONTROL_SOURCES) / "plane.cc");
  static const std::regex kRoute(R"~(\{"([A-Z]+)", (LIMPET_SCRIPT )?(?:"([^"]*)"|LIMPET_SCRIPT))~");
  std::vector<ApiRoute> routes;
  for (std::sregex_iterator at(source.begin(), source.end(), kRoute), end; at != end; ++at) {
    bool script = at->str().find("LIMPET_SCRIPT") != std::string::npos;
    routes.push_back({(*at)[1], (script ? "/accounts/*/workers/scripts/*" : "") + (*at)[3].str()});
  }
  return routes;
}

// Every key that the control plane looks for in JSON, and every short literal.
std::vector<std::string> WordsOfTheSources() {
  std::set<std::string> words;
  static const std::regex kWord(R"~("([A-Za-z_-]{2,30})")~");
  for (const auto& file : std::filesystem::directory_iterator(LIMPET_CONTROL_SOURCES)) {
    if (file.path().extension() != ".cc") continue;
    std::string source = ReadFile(file.path());
    for (std::sregex_iterator at(source.begin(), source.end(), kWord), end; at != end; ++at) words.insert((*at)[1]);
  }
  return {words.begin(), words.end()};
}

class ApiRandomTest : public ControlPlaneTest {
 protected:
  Json RandomJson(size_t depth) {
    switch (random_.Below(depth >= kDepthMax ? 6 : 10)) {
      case 0: return nullptr;
      case 1: return random_.Below(2) == 0;
      case 2: return static_cast<int64_t>(random_.Below(200)) - 100;
      case 3: return random_.Below(2) == 0 ? Json(1e308) : Json(UINT64_MAX);
      case 4:
      case 5: return RandomText();
      case 6: {
        Json list = Json::MakeArray();
        for (uint64_t i = random_.Below(4); i > 0; --i) list.Append(RandomJson(depth + 1));
        return list;
      }
      default: {
        Json object = Json::MakeObject();
        for (uint64_t i = random_.Below(5); i > 0; --i) object.Set(Pick(words_), RandomJson(depth + 1));
        return object;
      }
    }
  }
  std::string RandomText() {
    static const std::vector<std::string> kTexts{"",
                                                 "counter",
                                                 "Counter",
                                                 "COUNTER",
                                                 "index.mjs",
                                                 "* * * * *",
                                                 "0 0 LW * 6#2",
                                                 "v1",
                                                 "v2",
                                                 "a.example.com",
                                                 "*.example/*",
                                                 "\x01\n\"",
                                                 "\xC3\xA9",
                                                 std::string(300, 'x'),
                                                 "9999-99-99T00:00:00Z",
                                                 "/a",
                                                 "0123456789abcdef0123456789abcdef",
                                                 "%00",
                                                 "..",
                                                 std::string("\0", 1)};
    return random_.Below(3) == 0 ? Pick(words_) : Pick(kTexts);
  }
  template <typename T>
  const T& Pick(const std::vector<T>& list) {
    return list[random_.Below(list.size())];
  }

  std::string RandomPath(const std::string& pattern) {
    std::string path;
    for (size_t i = 0; i < pattern.size(); ++i) {
      if (pattern[i] != '*') {
        path += pattern[i];
        continue;
      }
      bool names_script = path.ends_with("/scripts/") || path.ends_with("/services/") || path.ends_with("/workers/");
      if (names_script && random_.Below(8) != 0) {
        path += "counter";
      } else if (path.ends_with("/namespaces/") && random_.Below(4) != 0) {
        path += key_;
      } else {
        std::string text = RandomText();
        for (char c : text) path += "%" + ToHex(BytesView(&c, 1));
        if (text.empty()) path += "x";
      }
    }
    if (random_.Below(2) == 0) path += "?" + Pick(words_) + "=" + std::to_string(random_.Below(300));
    return path;
  }

  // A form with the module and random metadata; sometimes cut, sometimes with a byte changed.
  std::string RandomForm() {
    Json metadata = RandomJson(0);
    if (random_.Below(4) != 0) {
      metadata = Json().Set("main_module", "index.mjs");
      for (uint64_t i = random_.Below(4); i > 0; --i) metadata.Set(Pick(words_), RandomJson(1));
      if (random_.Below(3) == 0) {
        Json binding = Json().Set("name", RandomText()).Set("type", Pick(words_)).Set(Pick(words_), RandomJson(3));
        metadata.Set("bindings", Json::MakeArray({std::move(binding)}));
      }
      if (random_.Below(3) == 0) {
        Json step = Json().Set("new_classes", RandomJson(3)).Set("renamed_classes", RandomJson(2));
        metadata.Set("migrations",
                     Json().Set("old_tag", RandomText()).Set("steps", Json::MakeArray({std::move(step)})));
      }
      if (random_.Below(4) == 0)
        metadata.Set("exports", Json().Set("Counter", RandomJson(2)).Set("Two", RandomJson(2)));
    }
    FormWriter form("b");
    form.Add("metadata", std::nullopt, "", ToText(metadata));
    form.Add("index.mjs", "index.mjs", "application/javascript+module", "class Counter {} class Two {}");
    std::string body = std::move(form).Finish();
    if (random_.Below(8) == 0) body.resize(random_.Below(body.size()));
    if (random_.Below(8) == 0 && !body.empty())
      body[random_.Below(body.size())] = static_cast<char>(random_.Below(256));
    return body;
  }

  void Check(const ApiRoute& route) {
    HttpRequest request;
    request.method = route.method;
    std::string path = RandomPath(route.pattern);
    request.url = "http://127.0.0.1:8788/client/v4" + path;
    request.headers.Append("Authorization", "Bearer secret");
    bool uploads = route.pattern.ends_with("/scripts/*") || route.pattern.ends_with("/versions");
    std::string body = ToText(RandomJson(0));
    if (uploads || random_.Below(10) == 0) {
      request.headers.Append("Content-Type", "multipart/form-data; boundary=b");
      body = RandomForm();
    } else if (random_.Below(10) == 0) {
      body.resize(random_.Below(body.size() + 1));
    }
    std::string what = route.method + " " + path + "\n" + body.substr(0, 2000);
    request.body = Body::Of(std::move(body));
    HttpResponse response = Send(std::move(request));
    ++statuses_[response.status];
    Result<Json> json = ParseJson(response.body.bytes);
    if (!json.has_value()) {
      bool raw = route.pattern.ends_with("/content/v2") || route.pattern.ends_with("/export") ||
                 (route.method == "GET" && route.pattern.ends_with("/workers/scripts/*"));
      EXPECT_TRUE(raw && response.status == 200) << what << "\n" << response.body.bytes;
      return;
    }
    bool good = (*json)["success"].is_bool() && (*json)["errors"].is_array() && json->Find("result") != nullptr;
    bool success = (*json)["success"].AsBool();
    good = good && success == (response.status < 400) && success == (*json)["errors"].items().empty();
    for (const Json& error : (*json)["errors"].items()) {
      good = good && error["code"].AsInt64() > 0 && !error["message"].AsString().empty();
    }
    // The store works: nothing is our own failure.
    good = good && response.status < 500;
    EXPECT_TRUE(good) << what << "\n" << response.body.bytes.substr(0, 2000);
  }

  const std::vector<std::string> words_ = WordsOfTheSources();
  std::string key_;
  std::map<int, size_t> statuses_;
};

TEST_F(ApiRandomTest, EveryRouteAnswersWithAnEnvelopeWhateverItIsSent) {
  const char* seed_text = std::getenv("LIMPET_SEED");
  const char* rounds_text = std::getenv("LIMPET_ROUNDS");
  uint64_t seed = seed_text != nullptr ? std::strtoull(seed_text, nullptr, 10) : 1;
  int rounds = rounds_text != nullptr ? std::atoi(rounds_text) : kRounds;
  std::vector<ApiRoute> routes = RoutesOfTheSource();
  ASSERT_GT(routes.size(), 50U);
  ASSERT_GT(words_.size(), 100U);
  for (int round = 0; round < rounds && !HasFailure(); ++round, ++seed) {
    SCOPED_TRACE("LIMPET_SEED=" + std::to_string(seed));
    random_ = SeededRandom(seed);
    plane_.reset();
    runtime_.live.clear();
    engine_ = store::MakeMemoryEngine();
    Open();
    Publish(kNewClass);
    ASSERT_TRUE(runtime_.live.contains("counter"));
    key_ = runtime_.live["counter"]->classes.at(0).ns_key;
    for (size_t i = 0; i < routes.size(); ++i) Check(Pick(routes));
    for (const ApiRoute& route : routes) Check(route);
    Open();  // What is stored can be read again.
  }
  // Not all are refused by the first look.
  EXPECT_GT(statuses_[200], 100U);
  EXPECT_GT(statuses_[400], 100U);
}

}  // namespace
}  // namespace limpet::control
