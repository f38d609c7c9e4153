#include "control/code_update.h"

#include <chrono>

namespace limpet::control {
namespace {

constexpr int64_t kMaxDelayDefault = 300, kMaxDelayMax = 86'400;  // Seconds.

Refusal Bad(std::string text) { return {400, 10021, "code_update_strategy: " + std::move(text)}; }

}  // namespace

Decision<Json> EffectiveCodeUpdate(const Json& json) {
  if (json.is_null()) return Json();
  if (!json.is_object()) return Bad("must be an object.");
  const std::string& mode = json["mode"].AsString();
  const Json& delay = json["max_delay"];
  if (mode == "immediate") {
    if (!delay.is_null()) return Bad("\"max_delay\" can't be combined with the mode \"immediate\".");
    return Json().Set("mode", "immediate");
  }
  if (mode != "deferred") return Bad("\"mode\" must be \"deferred\" or \"immediate\".");
  int64_t seconds = delay.is_null() ? kMaxDelayDefault : delay.AsInt64();
  bool whole = delay.is_null() || (delay.is_number() && delay.AsDouble() == static_cast<double>(seconds));
  if (!whole || seconds < 0 || seconds > kMaxDelayMax) {
    return Bad("\"max_delay\" must be a number of seconds from 0 to " + std::to_string(kMaxDelayMax) + ".");
  }
  return Json().Set("mode", "deferred").Set("max_delay", seconds);
}

object::CodeUpdate CodeUpdateOf(const Json& effective) {
  using Mode = object::CodeUpdate::Mode;
  const std::string& mode = effective["mode"].AsString();
  if (mode == "immediate") return {Mode::kImmediate, {}};
  if (mode == "deferred") return {Mode::kDeferred, std::chrono::seconds(effective["max_delay"].AsInt64())};
  return {};
}

}  // namespace limpet::control
