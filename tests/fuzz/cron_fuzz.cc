// Feeds text to the reader of cron expressions; the first two bytes pick a day to start at. The next time must be after
// that, be one of the expression's, and have none before it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "control/cron.h"

namespace {

using limpet::WallTime;
using std::chrono::minutes;

constexpr minutes kLookedThrough{3 * 24 * 60};

void Require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  limpet::Result<limpet::control::Cron> cron =
      limpet::control::Cron::Parse({reinterpret_cast<const char*>(data) + 2, size - 2});
  if (!cron) return 0;
  WallTime start(std::chrono::hours(24) * (data[0] * 256 + data[1]));
  std::optional<WallTime> next = cron->Next(start);
  Require(next && *next > start && cron->Matches(*next));
  WallTime end = std::min(*next, start + kLookedThrough);
  for (WallTime at = start + minutes(1); at < end; at += minutes(1)) Require(!cron->Matches(at));
  Require(cron->Newest(*next - minutes(1), *next) == next);
  return 0;
}
