#include "base/live_versions.h"

#include <cstdint>

namespace limpet {
namespace {

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string_view Unquoted(std::string_view text) {
  bool quoted = text.size() >= 2 && text.front() == '"' && text.back() == '"';
  return quoted ? text.substr(1, text.size() - 2) : text;
}

}  // namespace

double SharePoint(std::string_view key) {
  uint64_t hash = 0xcbf2'9ce4'8422'2325;  // FNV-1a, then a finaliser: its high bits alone are not even for short keys.
  for (char byte : key) hash = (hash ^ static_cast<uint8_t>(byte)) * 0x100'0000'01b3;
  hash = (hash ^ hash >> 33) * 0xff51'afd7'ed55'8ccd;
  hash = (hash ^ hash >> 33) * 0xc4ce'b9fe'1a85'ec53;
  hash ^= hash >> 33;
  return static_cast<double>(hash >> 11) * 0x1p-53 * 100;
}

size_t PickShare(std::span<const double> percentages, double point) {
  size_t last = 0;
  for (size_t index = 0; index < percentages.size(); ++index) {
    if (percentages[index] <= 0) continue;
    if (point < percentages[index]) return index;
    point -= percentages[index];
    last = index;  // Sums of fractions may end a little below 100.
  }
  return last;
}

std::string_view VersionOverride(std::string_view header, std::string_view script) {
  while (!header.empty()) {
    size_t comma = header.find(',');
    std::string_view item = header.substr(0, comma);
    header.remove_prefix(comma == std::string_view::npos ? header.size() : comma + 1);
    size_t equals = item.find('=');
    if (equals == std::string_view::npos) continue;
    if (Unquoted(Trimmed(item.substr(0, equals))) == script) return Unquoted(Trimmed(item.substr(equals + 1)));
  }
  return {};
}

}  // namespace limpet
