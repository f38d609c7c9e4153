// Times as the APIs write them. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace limpet {

std::string IsoTime(WallTime time);  // "2026-11-24T00:00:00.000Z"

// "2026-11-24T00:00:00Z", also with a fraction, whose digits behind the third are left out, without the seconds, or the
// day alone. Nothing: any other text, or a time that is none.
std::optional<WallTime> ParseIsoTime(std::string_view text);

}  // namespace limpet
