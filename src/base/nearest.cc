#include "base/nearest.h"

#include <algorithm>
#include <utility>

namespace limpet {
namespace {

size_t Distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row.back();
}

}  // namespace

std::optional<std::string> Nearest(std::string_view word, const std::vector<std::string>& known) {
  std::optional<std::string> nearest;
  size_t least = 3;  // Two slips at most.
  for (const std::string& one : known) {
    size_t distance = Distance(word, one);
    if (distance < least && distance < word.size()) {
      least = distance;
      nearest = one;
    }
  }
  return nearest;
}

}  // namespace limpet
