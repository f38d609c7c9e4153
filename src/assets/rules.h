// The files `_redirects` and `_headers` of a folder of static files, read as Cloudflare reads them: a line that is
// wrong is left out and told of. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "assets/pattern.h"

namespace limpet::assets {

inline constexpr size_t kRuleLineMax = 2000;  // Longer lines are left out.
inline constexpr size_t kHeaderRulesMax = 100;
inline constexpr size_t kDynamicRedirectsMax = 100;
inline constexpr size_t kStaticRedirectsMax = 2000;

// A line that was left out.
struct RuleProblem {
  size_t line = 0;  // From 1; 0: none in particular.
  std::string message;
};

struct Redirect {
  std::string to;
  int status = 302;  // 200: another file answers under this path.
  size_t line = 0;
};

struct Redirects {
  std::unordered_map<std::string, Redirect> exact;  // By path.
  std::vector<std::pair<Pattern, Redirect>> patterns;
  std::vector<RuleProblem> problems;
  size_t valid = 0;

  // What a request for `path` (as in its URL) meets: the rule, its target filled in. False: none.
  bool Find(std::string_view path, Redirect* found) const;
};
enum class HtmlRules : bool { kNone, kSome };  // Whether html_handling is "none".
Redirects ParseRedirects(std::string_view text, HtmlRules html);

struct HeaderRules {
  struct Rule {
    std::string path;
    Pattern pattern;
    std::vector<std::pair<std::string, std::string>> set;  // Names in lower case.
    std::vector<std::string> unset;
  };
  std::vector<Rule> rules;
  std::vector<RuleProblem> problems;
};
HeaderRules ParseHeaderRules(std::string_view text);

// The patterns of run_worker_first. `problem` is empty if they are as they must be.
struct WorkerFirst {
  bool always = false;
  std::vector<Pattern> worker, assets;
  std::string problem;
};
inline constexpr size_t kWorkerFirstRulesMax = 100;
inline constexpr size_t kWorkerFirstRuleBytesMax = 100;
WorkerFirst ParseWorkerFirst(const std::vector<std::string>& rules);

}  // namespace limpet::assets
