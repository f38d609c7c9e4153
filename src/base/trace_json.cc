#include "base/trace_json.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/iso_time.h"

namespace limpet {
namespace {

constexpr std::string_view kRedacted = "REDACTED";
constexpr size_t kHexDigitsMin = 32;  // Of an identifier.
constexpr size_t kRandomMin = 21;     // Letters and digits of one, two at least of each kind.

bool IsSecretHeader(std::string_view name) {
  if (name == "cookie" || name == "set-cookie") return true;
  for (std::string_view word : {"auth", "key", "secret", "token"}) {
    if (name.find(word) != std::string_view::npos) return true;
  }
  return false;
}

Json HeadersJson(const TraceEvent& trace, bool redacted) {
  Json headers = Json::MakeObject();
  for (size_t i = 0; i < trace.headers.size(); ++i) {
    std::string name = ToLowerAscii(trace.headers[i].name);
    bool hidden = redacted && IsSecretHeader(name);
    headers.Set(name, hidden ? Json(std::string(kRedacted)) : Json(trace.headers.GetCombined(name).value_or("")));
  }
  return headers;
}

Json RequestJson(const TraceEvent& trace) {
  Json cf = Json::MakeObject();
  if (trace.cf != nullptr) {
    if (Result<Json> parsed = ParseJson(*trace.cf); parsed.has_value()) cf = std::move(parsed).value();
  }
  return Json()
      .Set("url", trace.url)
      .Set("method", trace.method)
      .Set("headers", HeadersJson(trace, /*redacted=*/true))
      .Set("cf", std::move(cf));
}

Json EventJson(const TraceEvent& trace) {
  switch (trace.kind) {
    case TraceEvent::Kind::kFetch: {
      Json event = Json().Set("request", RequestJson(trace));
      if (trace.status != 0) event.Set("response", Json().Set("status", trace.status));
      return event;
    }
    case TraceEvent::Kind::kScheduled: return Json().Set("cron", trace.detail).Set("scheduledTime", trace.scheduled_ms);
    case TraceEvent::Kind::kAlarm:
      return Json().Set("scheduledTime", IsoTime(WallTime(std::chrono::milliseconds(trace.scheduled_ms))));
    case TraceEvent::Kind::kRpc: return Json().Set("rpcMethod", trace.detail);
    case TraceEvent::Kind::kWebSocket:
      return Json().Set("getWebSocketEvent", Json().Set("webSocketEventType", trace.detail));
    case TraceEvent::Kind::kNone: break;
  }
  return nullptr;
}

Json ArgumentsOf(const TraceEvent::Log& log) {
  Result<Json> parsed = ParseJson(log.text);
  return parsed.has_value() && parsed.value().is_array() ? std::move(parsed).value() : Json::MakeArray({log.text});
}

bool IsIdentifier(std::string_view word) {
  size_t digits = 0, lower = 0, upper = 0, hex = 0;
  bool only_hex = true;
  for (char letter : word) {
    bool digit = letter >= '0' && letter <= '9';
    bool is_hex = digit || (letter >= 'a' && letter <= 'f') || (letter >= 'A' && letter <= 'F');
    digits += digit ? 1 : 0;
    lower += letter >= 'a' && letter <= 'z' ? 1 : 0;
    upper += letter >= 'A' && letter <= 'Z' ? 1 : 0;
    hex += is_hex ? 1 : 0;
    only_hex = only_hex && (is_hex || letter == '+' || letter == '-' || letter == '_');
  }
  bool random = word.size() >= kRandomMin && digits >= 2 && lower >= 2 && upper >= 2;
  return (only_hex && hex >= kHexDigitsMin) || random;
}

bool IsOfIdentifier(char letter) {
  return (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
         letter == '+' || letter == '-' || letter == '_';
}

}  // namespace

std::string LogArguments(std::string_view text) { return ToText(Json::MakeArray({Json(std::string(text))})); }

Json TraceJson(const TraceEvent& trace) {
  Json logs = Json::MakeArray();
  for (const TraceEvent::Log& log : trace.logs) {
    logs.Append(Json().Set("message", ArgumentsOf(log)).Set("level", log.level).Set("timestamp", log.time_ms));
  }
  Json exceptions = Json::MakeArray();
  for (const TraceEvent::Exception& thrown : trace.exceptions) {
    Json exception = Json().Set("name", thrown.name).Set("message", thrown.message).Set("timestamp", thrown.time_ms);
    if (!thrown.stack.empty()) exception.Set("stack", thrown.stack);
    exceptions.Append(std::move(exception));
  }
  Json json = Json().Set("outcome", trace.outcome).Set("scriptName", trace.script_name);
  json.Set("scriptVersion", Json().Set("id", trace.version_id));
  if (!trace.entrypoint.empty()) json.Set("entrypoint", trace.entrypoint);
  if (!trace.object_id.empty()) json.Set("durableObjectId", trace.object_id);
  json.Set("exceptions", std::move(exceptions)).Set("logs", std::move(logs));
  json.Set("diagnosticsChannelEvents", Json::MakeArray()).Set("truncated", trace.truncated);
  return json.Set("eventTimestamp", trace.time_ms).Set("wallTime", trace.wall_ms).Set("event", EventJson(trace));
}

Json TailItemJson(const TraceEvent& trace) {
  Json json = TraceJson(trace);
  json.Set("executionModel", trace.object_id.empty() ? "stateless" : "durableObject");
  if (trace.kind != TraceEvent::Kind::kFetch) return json;
  Json event = json["event"];
  Json request = event["request"];
  if (trace.cf == nullptr) request.Erase("cf");
  event.Set("request", request.Set("url", RedactUrl(trace.url)));
  event.Set("unredacted", Json().Set("url", trace.url).Set("headers", HeadersJson(trace, /*redacted=*/false)));
  return json.Set("event", std::move(event));
}

std::string RedactUrl(std::string_view url) {
  std::string redacted;
  while (!url.empty()) {
    auto end = std::ranges::find_if_not(url, IsOfIdentifier);
    std::string_view word = url.substr(0, static_cast<size_t>(end - url.begin()));
    redacted.append(IsIdentifier(word) ? kRedacted : word);
    url.remove_prefix(word.size());
    if (url.empty()) break;
    redacted.push_back(url.front());
    url.remove_prefix(1);
  }
  return redacted;
}

}  // namespace limpet
