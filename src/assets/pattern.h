// Patterns of paths as `_redirects`, `_headers` and `run_worker_first` write them. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace limpet::assets {

// What a pattern's names stood for: "splat" for "*", NAME for ":NAME"; in the pattern's order.
using Captures = std::vector<std::pair<std::string, std::string>>;

// "*" stands for anything, ":NAME" for a segment without "/" (in the host of "https://:NAME.example.com/" for a label).
class Pattern {
 public:
  // Nothing: a name occurs twice.
  static std::optional<Pattern> Compile(std::string_view rule);
  // "*" alone has a meaning, any number of times, and nothing is captured.
  static Pattern Glob(std::string_view rule);

  // The whole of `text` must match. A search that takes more than kStepsMax steps is no match.
  bool Matches(std::string_view text, Captures* captures = nullptr) const;
  bool has_host() const { return has_host_; }  // Matched against "https://HOSTNAME/PATH", else against the path.

  static constexpr size_t kStepsMax = 100'000;

 private:
  struct Part {
    enum class Kind : uint8_t { kText, kAnything, kSegment, kLabel };
    Kind kind = Kind::kText;
    std::string text;  // Or the name of what is captured.
  };
  bool MatchFrom(size_t part, std::string_view rest, size_t* steps, std::vector<std::string_view>* found) const;
  void AddText(std::string_view text);

  std::vector<Part> parts_;
  bool has_host_ = false;
};

// `text` with each ":NAME" of `captures` replaced, one after the other.
std::string Fill(std::string text, const Captures& captures);

}  // namespace limpet::assets
