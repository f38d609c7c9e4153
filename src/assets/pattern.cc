#include "assets/pattern.h"

#include <algorithm>

namespace limpet::assets {
namespace {

constexpr std::string_view kHttps = "https://";

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsWord(char c) { return IsLetter(c) || (c >= '0' && c <= '9') || c == '_'; }

}  // namespace

void Pattern::AddText(std::string_view text) {
  if (text.empty()) return;
  if (parts_.empty() || parts_.back().kind != Part::Kind::kText) parts_.emplace_back();
  parts_.back().text += text;
}

std::optional<Pattern> Pattern::Compile(std::string_view rule) {
  Pattern pattern;
  pattern.has_host_ = rule.starts_with(kHttps);
  size_t host_end = pattern.has_host_ ? rule.find('/', kHttps.size()) : 0;
  host_end = std::min(host_end, rule.size());
  for (size_t i = 0; i < rule.size();) {
    if (rule[i] == '*') {
      pattern.parts_.push_back({Part::Kind::kAnything, "splat"});
      ++i;
      continue;
    }
    if (rule[i] == ':' && i + 1 < rule.size() && IsLetter(rule[i + 1])) {
      size_t end = i + 1;
      while (end < rule.size() && IsWord(rule[end])) ++end;
      // In the host only where a dot, a dash or the path follows.
      bool in_host = i < host_end && end < rule.size();
      pattern.parts_.push_back(
          {in_host ? Part::Kind::kLabel : Part::Kind::kSegment, std::string(rule.substr(i + 1, end - i - 1))});
      i = end;
      continue;
    }
    pattern.AddText(rule.substr(i, 1));
    ++i;
  }
  for (size_t i = 0; i < pattern.parts_.size(); ++i) {
    if (pattern.parts_[i].kind == Part::Kind::kText) continue;
    for (size_t j = 0; j < i; ++j) {
      if (pattern.parts_[j].kind != Part::Kind::kText && pattern.parts_[j].text == pattern.parts_[i].text) {
        return std::nullopt;
      }
    }
  }
  return pattern;
}

Pattern Pattern::Glob(std::string_view rule) {
  Pattern pattern;
  for (size_t i = 0; i < rule.size(); ++i) {
    if (rule[i] != '*') {
      pattern.AddText(rule.substr(i, 1));
    } else if (pattern.parts_.empty() || pattern.parts_.back().kind == Part::Kind::kText) {
      pattern.parts_.push_back({Part::Kind::kAnything, ""});
    }
  }
  return pattern;
}

// Greedy, as the regular expressions that Cloudflare makes of these rules.
bool Pattern::MatchFrom(size_t part, std::string_view rest, size_t* steps, std::vector<std::string_view>* found) const {
  if (++*steps > kStepsMax) return false;
  if (part == parts_.size()) return rest.empty();
  const Part& now = parts_[part];
  if (now.kind == Part::Kind::kText) {
    return rest.starts_with(now.text) && MatchFrom(part + 1, rest.substr(now.text.size()), steps, found);
  }
  size_t most = rest.size();
  size_t least = 0;
  if (now.kind != Part::Kind::kAnything) {
    most = std::min(most, rest.find_first_of(now.kind == Part::Kind::kSegment ? "/" : "/."));
    least = 1;
  }
  for (size_t take = most + 1; take > least; --take) {
    found->push_back(rest.substr(0, take - 1));
    if (MatchFrom(part + 1, rest.substr(take - 1), steps, found)) return true;
    found->pop_back();
    if (*steps > kStepsMax) return false;
  }
  return false;
}

bool Pattern::Matches(std::string_view text, Captures* captures) const {
  // Most rules of a file begin with another text than the request: no need to search.
  if (!parts_.empty() && parts_[0].kind == Part::Kind::kText && !text.starts_with(parts_[0].text)) return false;
  size_t steps = 0;
  std::vector<std::string_view> found;
  if (!MatchFrom(0, text, &steps, &found)) return false;
  if (captures == nullptr) return true;
  size_t next = 0;
  for (const Part& part : parts_) {
    if (part.kind != Part::Kind::kText) captures->emplace_back(part.text, found[next++]);
  }
  return true;
}

std::string Fill(std::string text, const Captures& captures) {
  for (const auto& [name, value] : captures) {
    std::string wanted = ":" + name;
    for (size_t at = 0; (at = text.find(wanted, at)) != std::string::npos; at += value.size()) {
      text.replace(at, wanted.size(), value);
    }
  }
  return text;
}

}  // namespace limpet::assets
