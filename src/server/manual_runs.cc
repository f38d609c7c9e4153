#include "server/manual_runs.h"

#include <charconv>
#include <string_view>

#include "control/rest.h"

namespace limpet::server {
namespace {

HttpResponse Text(int status, std::string text, const char* type = "text/plain;charset=UTF-8") {
  HttpResponse response;
  response.status = status;
  response.headers.Append("Content-Type", type);
  response.body = Body::Of(std::move(text));
  return response;
}

// A page elsewhere that the user looks at must not reach what runs on this machine.
bool IsForeign(const HttpRequest& request, const std::string& host) {
  if (request.headers.Get("Sec-Fetch-Site").value_or("") == "cross-site") return true;
  std::optional<std::string_view> origin = request.headers.Get("Origin");
  if (!origin) return false;
  size_t scheme = origin->find("://");
  return scheme == std::string_view::npos || origin->substr(scheme + 3) != host;
}

}  // namespace

std::optional<ManualRun> ReadManualRun(const HttpRequest& request) {
  std::string url = request.url;
  size_t query = url.find('?');
  for (size_t i = query; i < url.size(); ++i) {
    if (url[i] == '+') url[i] = ' ';
  }
  control::Target target = control::ParseTarget(url);
  bool sentence = target.path == "/__scheduled";
  if (!sentence && target.path != "/cdn-cgi/handler/scheduled" && target.path != "/cdn-cgi/local/scheduled" &&
      target.path != "/cdn-cgi/mf/scheduled") {
    return std::nullopt;
  }
  ManualRun run;
  run.refused = IsForeign(request, target.host);
  run.cron = target.Query("cron");
  if (target.Query("format") == "json") run.style = ManualRun::Style::kJson;
  if (sentence) run.style = ManualRun::Style::kSentence;
  if (std::string_view time = target.Query("time"); !time.empty()) {
    int64_t ms = 0;
    auto [end, error] = std::from_chars(time.data(), time.data() + time.size(), ms);
    run.bad_time = error != std::errc() || end != time.data() + time.size();
    run.time_ms = ms;
  }
  return run;
}

HttpResponse AnswerManualRun(const ManualRun& run, Result<HttpResponse> result) {
  bool ok = result.has_value() && result->status == 200;
  int status = ok ? 200 : 500;
  if (run.style == ManualRun::Style::kJson) {
    constexpr char kFailed[] = R"({"outcome":"exception","noRetry":false})";
    return Text(status, result.has_value() ? result->body.bytes : kFailed, "application/json");
  }
  if (ok && run.style == ManualRun::Style::kSentence) return Text(status, "Ran scheduled event");
  return Text(status, ok ? "ok" : "exception");
}

HttpResponse RefuseManualRun(const ManualRun& run) {
  if (run.refused) return Text(403, "A page of another origin may not run this Worker's handlers.\n");
  return Text(400, "\"time\" is a number of milliseconds since 1970.\n");
}

}  // namespace limpet::server
