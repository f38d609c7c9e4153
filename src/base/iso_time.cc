#include "base/iso_time.h"

#include <cstdio>
#include <ctime>

namespace limpet {

std::string IsoTime(WallTime time) {
  int64_t milliseconds = time.time_since_epoch().count();
  time_t seconds = milliseconds / 1000;
  tm parts{};
  gmtime_r(&seconds, &parts);
  char text[64];
  size_t size = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  snprintf(text + size, sizeof text - size, ".%03dZ", static_cast<int>(milliseconds % 1000));
  return text;
}

}  // namespace limpet
