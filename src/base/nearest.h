// What somebody may have meant. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace limpet {

// The one of `known` that `word` is nearest to: two slips away at most, and fewer than its letters.
std::optional<std::string> Nearest(std::string_view word, const std::vector<std::string>& known);

}  // namespace limpet
