// Who listens to which script ("tail"), and what they are told.
//
// One loop. Its connections end with it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/random.h"
#include "base/trace.h"
#include "base/websocket.h"
#include "control/lifecycle.h"
#include "loop/loop.h"

namespace limpet::control {

inline constexpr std::string_view kTailPath = "/tail/";
inline constexpr std::string_view kTailProtocol = "trace-v1";
inline constexpr size_t kTailsMax = 100;
inline constexpr std::chrono::minutes kTailPatience{5};  // For the connection, after it was asked for.
inline constexpr std::chrono::hours kTailLife{24};       // Then the listener has to ask again.

// Of all that happens, what a listener wants. Pure.
class TailFilters {
 public:
  // Of [{sampling_rate} | {outcome: []} | {method: []} | {header: {key, query}} | {client_ip: []} | {query} |
  // {scriptVersion}]. Refusal 10021: another filter, or one of another type.
  static Decision<TailFilters> Read(const Json& list);
  // `sample`: in [0, 1), drawn for each event.
  bool Wants(const TraceEvent& trace, double sample) const;

 private:
  bool WantsOne(const std::string& kind, const Json& value, const TraceEvent& trace, double sample) const;
  std::vector<std::pair<std::string, Json>> filters_;
};

class TailHub {
 public:
  TailHub(loop::Loop& loop, Random& random);
  ~TailHub();

  struct Opened {
    std::string id;
    WallTime expires;
  };
  // Refusal 10057: too many.
  Decision<Opened> Open(std::string script, TailFilters filters);
  // The listener's end of the connection; null: there is no such tail, or it has one already.
  std::unique_ptr<WebSocketEnd> Connect(const std::string& id);
  void Close(const std::string& id);
  // The scripts that somebody listens to.
  std::set<std::string, std::less<>> Traced() const;
  void Tell(const TraceEvent& trace);
  // Told when Traced() changes because a listener has gone.
  UniqueFunction<void()> on_change;

 private:
  class Listener;
  void Gone(const std::string& id);
  void Sweep();

  loop::Loop& loop_;
  Random& random_;
  std::map<std::string, std::unique_ptr<Listener>> listeners_;
  loop::TimerId timer_ = 0;  // 0: nothing waits for it.
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace limpet::control
