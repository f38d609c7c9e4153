// What the sources of the REST API refuse with, for the test that looks that each is driven.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>
#include <vector>

namespace limpet::control {

// The string literals of C++ that say why something is refused: the longest of each statement that makes a refusal.
inline std::vector<std::string> TextsOf(const std::string& source) {
  static const std::regex kMakes(R"(\b[Bb]ad\(|\bBadRequest\(|\b[45]\d\d,\s*\d{4,6},)");
  std::vector<std::string> texts;
  for (std::sregex_iterator at(source.begin(), source.end(), kMakes), end; at != end; ++at) {
    std::string longest, literal;
    bool inside = false;
    for (size_t i = static_cast<size_t>(at->position()); i < source.size(); ++i) {
      char c = source[i];
      if (!inside && c == ';') break;
      if (c == '"') {
        if (inside && literal.size() > longest.size()) longest = literal;
        inside = !inside;
        literal.clear();
      } else if (inside && c == '\\') {
        literal += source[++i];
      } else if (inside) {
        literal += c;
      }
    }
    constexpr size_t kTellingBytes = 12;
    if (longest.size() >= kTellingBytes) texts.push_back(longest);
  }
  return texts;
}

inline std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace limpet::control
