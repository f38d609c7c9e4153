#include "control/tail.h"

#include <algorithm>

#include "control/catalog.h"
#include "loop/websocket_pipe.h"

namespace limpet::control {
namespace {

constexpr std::chrono::seconds kSweep{30};
constexpr std::string_view kFilterKinds[] = {"sampling_rate", "outcome", "method",       "header",
                                             "client_ip",     "query",   "scriptVersion"};

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& letter : lower) letter = static_cast<char>(letter >= 'A' && letter <= 'Z' ? letter + 32 : letter);
  return lower;
}

bool IsSecretHeader(const std::string& name) {
  if (name == "cookie" || name == "set-cookie") return true;
  for (std::string_view word : {"auth", "key", "secret", "token"}) {
    if (name.find(word) != std::string::npos) return true;
  }
  return false;
}

bool Holds(const Json& list, std::string_view text) {
  return std::ranges::any_of(list.items(), [&](const Json& item) { return item.AsString() == text; });
}

Json RequestJson(const TraceEvent& trace) {
  Json headers = Json::MakeObject();
  for (size_t i = 0; i < trace.headers.size(); ++i) {
    auto [name, value] = trace.headers[i];
    std::string lower = Lower(name);
    headers.Set(lower, IsSecretHeader(lower) ? Json("REDACTED") : Json(trace.headers.GetCombined(name).value_or("")));
  }
  Json cf = Json::MakeObject();
  if (trace.cf != nullptr) {
    if (Result<Json> parsed = ParseJson(*trace.cf); parsed.has_value()) cf = std::move(parsed).value();
  }
  return Json()
      .Set("url", trace.url)
      .Set("method", trace.method)
      .Set("headers", std::move(headers))
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

}  // namespace

Decision<TailFilters> TailFilters::Read(const Json& list) {
  TailFilters read;
  for (const Json& filter : list.items()) {
    for (const auto& [kind, value] : filter.members()) {
      if (std::ranges::find(kFilterKinds, kind) == std::end(kFilterKinds)) {
        return Refusal{400, 10021, "There is no filter \"" + kind + "\" of tails."};
      }
      bool of_list = kind == "outcome" || kind == "method" || kind == "client_ip";
      bool good = of_list                   ? value.is_array()
                  : kind == "sampling_rate" ? value.is_number()
                  : kind == "header"        ? value["key"].is_string()
                                            : value.is_string();
      if (!good) return Refusal{400, 10021, "The filter \"" + kind + "\" has a value of another type."};
      read.filters_.emplace_back(kind, value);
    }
  }
  return read;
}

bool TailFilters::Wants(const TraceEvent& trace, double sample) const {
  return std::ranges::all_of(filters_,
                             [&](auto& filter) { return WantsOne(filter.first, filter.second, trace, sample); });
}

bool TailFilters::WantsOne(const std::string& kind, const Json& value, const TraceEvent& trace, double sample) const {
  if (kind == "sampling_rate") return sample < value.AsDouble();
  if (kind == "outcome") return Holds(value, trace.outcome);
  if (kind == "scriptVersion") return value.AsString() == trace.version_id;
  if (kind == "query") {
    auto says = [&](const TraceEvent::Log& log) { return log.text.find(value.AsString()) != std::string::npos; };
    return std::ranges::any_of(trace.logs, says);
  }
  if (trace.kind != TraceEvent::Kind::kFetch) return false;
  if (kind == "method") return Holds(value, trace.method);
  if (kind == "client_ip") return Holds(value, trace.headers.Get("CF-Connecting-IP").value_or(""));
  std::optional<std::string> header = trace.headers.GetCombined(value["key"].AsString());
  return header && header->find(value["query"].AsString()) != std::string::npos;
}

Json TraceJson(const TraceEvent& trace) {
  Json logs = Json::MakeArray();
  for (const TraceEvent::Log& log : trace.logs) {
    logs.Append(
        Json().Set("message", Json::MakeArray({log.text})).Set("level", log.level).Set("timestamp", log.time_ms));
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

class TailHub::Listener final : public WebSocketReceiver {
 public:
  Listener(TailHub& hub, std::string id, std::string script, TailFilters filters, Instant until)
      : until(until), hub_(hub), id_(std::move(id)), script_(std::move(script)), filters_(std::move(filters)) {}

  const std::string& script() const { return script_; }
  bool connected() const { return end_ != nullptr; }
  void Connect(std::unique_ptr<WebSocketEnd> end) {
    end_ = std::move(end);
    end_->SetReceiver(this);
  }
  void Tell(const TraceEvent& trace, const WebSocketMessagePtr& message, double sample) {
    if (end_ == nullptr || trace.script_name != script_ || !filters_.Wants(trace, sample)) return;
    // Who reads slower than a script talks misses some of it.
    if (end_->buffered_bytes() < WebSocketEnd::kHighWaterBytes) end_->Send(message);
  }
  // What a listener says is not looked at.
  void OnMessage(WebSocketMessagePtr) override {}
  void OnClose(WebSocketClose) override { Leave(); }
  void OnError(Error) override { Leave(); }
  void End(std::string_view reason) {
    if (end_ != nullptr) end_->Close(1000, reason);
  }

  Instant until;

 private:
  // The hub destroys this: not inside a call of the end's.
  void Leave() {
    End("");
    hub_.loop_.Post([hub = &hub_, id = id_, alive = std::weak_ptr<int>(hub_.alive_)] {
      if (!alive.expired()) hub->Gone(id);
    });
  }

  TailHub& hub_;
  std::string id_, script_;
  TailFilters filters_;
  std::unique_ptr<WebSocketEnd> end_;
};

TailHub::TailHub(loop::Loop& loop, Random& random) : loop_(loop), random_(random) {}

TailHub::~TailHub() {
  loop_.Cancel(timer_);
  for (auto& [id, listener] : listeners_) listener->End("The server is shutting down.");
}

Decision<TailHub::Opened> TailHub::Open(std::string script, TailFilters filters) {
  if (listeners_.size() >= kTailsMax) {
    return Refusal{400, 10057, "There are " + std::to_string(kTailsMax) + " tails already; end one of them."};
  }
  std::string id = MakeHex(random_, 16);
  listeners_[id] =
      std::make_unique<Listener>(*this, id, std::move(script), std::move(filters), loop_.Now() + kTailPatience);
  if (timer_ == 0) Sweep();
  return Opened{id, loop_.WallNow() + kTailLife};
}

std::unique_ptr<WebSocketEnd> TailHub::Connect(const std::string& id) {
  auto found = listeners_.find(id);
  if (found == listeners_.end() || found->second->connected()) return nullptr;
  loop::WebSocketPipe pipe = loop::MakeWebSocketPipe(loop_, loop_);
  found->second->until = loop_.Now() + kTailLife;
  found->second->Connect(std::move(pipe.first));
  return std::move(pipe.second);
}

void TailHub::Close(const std::string& id) {
  if (auto found = listeners_.find(id); found != listeners_.end()) found->second->End("");
  Gone(id);
}

void TailHub::Gone(const std::string& id) {
  if (listeners_.erase(id) > 0 && on_change) on_change();
}

void TailHub::Sweep() {
  std::vector<std::string> over;
  for (auto& [id, listener] : listeners_) {
    if (listener->until < loop_.Now()) over.push_back(id);
  }
  for (const std::string& id : over) Close(id);
  timer_ = 0;
  if (!listeners_.empty()) timer_ = loop_.After(kSweep, [this] { Sweep(); });
}

std::set<std::string, std::less<>> TailHub::Traced() const {
  std::set<std::string, std::less<>> scripts;
  for (const auto& [id, listener] : listeners_) scripts.insert(listener->script());
  return scripts;
}

void TailHub::Tell(const TraceEvent& trace) {
  WebSocketMessagePtr message = WebSocketMessage::Of(WebSocketMessage::Type::kText, ToText(TraceJson(trace)));
  for (auto& [id, listener] : listeners_) {
    listener->Tell(trace, message, static_cast<double>(random_.Below(1 << 20)) * 0x1p-20);
  }
}

}  // namespace limpet::control
