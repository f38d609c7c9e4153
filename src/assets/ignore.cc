#include "assets/ignore.h"

#include <algorithm>

#include "base/bytes.h"

namespace limpet::assets {
namespace {

constexpr size_t kStepsMax = 100'000;

// Where the class "[…]" at the beginning of `glob` ends, behind its "]"; 0: it does not.
size_t ClassEnd(std::string_view glob) {
  size_t at = 1;
  if (at < glob.size() && (glob[at] == '!' || glob[at] == '^')) ++at;
  if (at < glob.size() && glob[at] == ']') ++at;
  size_t end = glob.find(']', at);
  return end == std::string_view::npos ? 0 : end + 1;
}

bool InClass(std::string_view inside, char c) {
  bool negated = inside.starts_with('!') || inside.starts_with('^');
  if (negated) inside.remove_prefix(1);
  bool found = false;
  for (size_t i = 0; i < inside.size(); ++i) {
    if (i + 2 < inside.size() && inside[i + 1] == '-') {
      found = found || (inside[i] <= c && c <= inside[i + 2]);
      i += 2;
    } else {
      found = found || inside[i] == c;
    }
  }
  return found != negated;
}

bool MatchGlob(std::string_view glob, std::string_view path, size_t* steps) {
  if (++*steps > kStepsMax) return false;
  while (!glob.empty()) {
    if (glob.starts_with("**/")) {  // Any folders, or none.
      glob.remove_prefix(3);
      if (MatchGlob(glob, path, steps)) return true;
      for (size_t slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', slash + 1)) {
        if (MatchGlob(glob, path.substr(slash + 1), steps)) return true;
      }
      return false;
    }
    if (glob == "**") return !path.empty();
    if (glob[0] == '*') {
      while (glob.starts_with('*')) glob.remove_prefix(1);
      size_t most = std::min(path.size(), path.find('/'));
      for (size_t take = 0; take <= most; ++take) {
        if (MatchGlob(glob, path.substr(take), steps)) return true;
      }
      return false;
    }
    if (path.empty()) return false;
    size_t used = 1;
    if (glob[0] == '?') {
      if (path[0] == '/') return false;
    } else if (size_t end = glob[0] == '[' ? ClassEnd(glob) : 0; end != 0) {
      if (path[0] == '/' || !InClass(glob.substr(1, end - 2), path[0])) return false;
      used = end;
    } else {
      if (glob[0] == '\\' && glob.size() > 1) glob.remove_prefix(1);
      if (glob[0] != path[0]) return false;
    }
    glob.remove_prefix(used);
    path.remove_prefix(1);
  }
  return path.empty();
}

}  // namespace

IgnoreRules::IgnoreRules(std::string_view text) {
  for (const char* line : {"/.assetsignore", "/_redirects", "/_headers"}) Add(line);
  while (!text.empty()) {
    size_t end = std::min(text.size(), text.find('\n'));
    Add(text.substr(0, end));
    text.remove_prefix(std::min(text.size(), end + 1));
  }
}

void IgnoreRules::Add(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  while (line.ends_with(' ') && !line.ends_with("\\ ")) line.remove_suffix(1);
  if (line.empty() || line.starts_with('#')) return;
  Rule rule;
  if (line.starts_with('!')) {
    rule.again = true;
    line.remove_prefix(1);
  }
  if (line.ends_with('/')) {
    rule.folders_only = true;
    line.remove_suffix(1);
  }
  // With a slash in it: from the top; else at any depth.
  bool anchored = line.find('/') != std::string_view::npos;
  if (line.starts_with('/')) line.remove_prefix(1);
  if (line.empty()) return;
  rule.glob = (anchored ? "" : "**/") + ToLowerAscii(line);
  rules_.push_back(std::move(rule));
}

bool IgnoreRules::Excludes(std::string_view path, bool is_folder) const {
  for (size_t i = rules_.size(); i > 0; --i) {
    const Rule& rule = rules_[i - 1];
    if (rule.folders_only && !is_folder) continue;
    size_t steps = 0;
    if (MatchGlob(rule.glob, path, &steps)) return !rule.again;
  }
  return false;
}

bool IgnoreRules::Ignores(std::string_view path) const {
  std::string lower = ToLowerAscii(path);
  for (size_t slash = lower.find('/'); slash != std::string::npos; slash = lower.find('/', slash + 1)) {
    if (Excludes(std::string_view(lower).substr(0, slash), true)) return true;
  }
  return Excludes(lower, false);
}

}  // namespace limpet::assets
