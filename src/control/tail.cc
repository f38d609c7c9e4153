#include "control/tail.h"

#include <algorithm>

#include "base/trace_json.h"
#include "control/catalog.h"
#include "loop/websocket_pipe.h"

namespace limpet::control {
namespace {

constexpr std::chrono::seconds kSweep{30};
constexpr std::string_view kFilterKinds[] = {"sampling_rate", "outcome", "method",       "header",
                                             "client_ip",     "query",   "scriptVersion"};

bool Holds(const Json& list, std::string_view text) {
  return std::ranges::any_of(list.items(), [&](const Json& item) { return item.AsString() == text; });
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
