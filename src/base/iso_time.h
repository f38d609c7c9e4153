// Times as the APIs write them. Pure.
#pragma once

#include <string>

#include "base/clock.h"

namespace limpet {

std::string IsoTime(WallTime time);  // "2026-11-24T00:00:00.000Z"

}  // namespace limpet
