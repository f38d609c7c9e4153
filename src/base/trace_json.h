// Records of events as those who listen get them. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "base/trace.h"

namespace limpet {

// The arguments of a log line that is a single text, as TraceEvent::Log holds them.
std::string LogArguments(std::string_view text);

// As the protocol trace-v1 has it. Values of headers that may be secrets are not shown.
Json TraceJson(const TraceEvent& trace);

// The same for tail() of another Worker (builtins/tail.ts): addresses do not show what looks like an identifier, and
// `unredacted` beside a request holds its {url, headers} as they were.
Json TailItemJson(const TraceEvent& trace);

// `url` without what looks like an identifier in it: 32 hex digits and more, or 21 letters and digits that look random.
std::string RedactUrl(std::string_view url);

}  // namespace limpet
