#include "assets/rules.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

#include "assets/url.h"
#include "base/bytes.h"
#include "base/http.h"

namespace limpet::assets {
namespace {

constexpr std::string_view kHttps = "https://";
constexpr std::string_view kSpace = " \t\r\v\f";

std::string_view Trim(std::string_view text) {
  size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

// The lines of a file, each without the space around it, with its number.
template <typename Take>
void EachLine(std::string_view text, Take take) {
  size_t number = 0;
  while (true) {
    size_t end = text.find('\n');
    ++number;
    if (!take(number, Trim(text.substr(0, end)))) return;
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

struct CheckedUrl {
  std::string url;  // Empty: `problem` says why.
  std::string problem;
};
struct UrlWants {
  bool relative = false;  // No host.
  bool no_port = false;
  UrlRest rest = UrlRest::kDrop;
};

// "https://host/path" or "/path", as the URL standard writes it.
CheckedUrl CheckUrl(std::string_view token, UrlWants wants) {
  std::string_view after = token.substr(std::min(token.size(), kHttps.size()));
  after.remove_prefix(std::min(after.size(), after.find_first_not_of('/')));
  if (token.starts_with(kHttps) && !after.empty()) {
    std::string_view host = after.substr(0, after.find('/'));
    if (wants.relative) {
      return {"", "Only relative URLs are allowed. Skipping absolute URL " + std::string(token) + "."};
    }
    size_t colon = host.rfind(':');
    bool port = colon != std::string_view::npos && colon + 1 < host.size() &&
                host.find_first_not_of("0123456789", colon + 1) == std::string_view::npos;
    if (wants.no_port && port) {
      return {"", "Specifying ports is not supported. Skipping absolute URL " + std::string(token) + "."};
    }
    std::string_view path = after.substr(host.size());
    return {std::string(kHttps) + std::string(host) + NormalisePath(path.empty() ? "/" : path, wants.rest), ""};
  }
  if (token.starts_with('/') || wants.relative) return {NormalisePath(token, wants.rest), ""};
  return {"",
          "URLs should either be relative (e.g. begin with a forward-slash), or use HTTPS (e.g. begin with "
          "\"https://\")."};
}

bool HasHost(std::string_view url) { return url.starts_with(kHttps); }

// Has it a "*" or a ":NAME"?
bool IsDynamic(std::string_view url) {
  if (url.find('*') != std::string_view::npos) return true;
  for (size_t at = url.find(':'); at != std::string_view::npos; at = url.find(':', at + 1)) {
    if (at + 1 < url.size() && ((url[at + 1] | 32) >= 'a' && (url[at + 1] | 32) <= 'z')) return true;
  }
  return false;
}

std::vector<std::string_view> Tokens(std::string_view line) {
  // " # …" is a comment.
  for (size_t at = line.find('#'); at != std::string_view::npos; at = line.find('#', at + 1)) {
    if (at > 0 && kSpace.find(line[at - 1]) != std::string_view::npos) {
      line = Trim(line.substr(0, at));
      break;
    }
  }
  std::vector<std::string_view> tokens;
  while (!line.empty()) {
    size_t end = std::min(line.size(), line.find_first_of(kSpace));
    tokens.push_back(line.substr(0, end));
    line.remove_prefix(end);
    line.remove_prefix(std::min(line.size(), line.find_first_not_of(kSpace)));
  }
  return tokens;
}

bool EndsInIndex(std::string_view to) {
  if (to.ends_with("/index")) return true;
  // The dot of the rule's own regular expression stands for any character.
  return to.size() >= 11 && to.ends_with("html") && to.substr(0, to.size() - 5).ends_with("/index");
}

std::string Seen(size_t line, size_t max) {
  return "Ignoring line " + std::to_string(line) + " as it exceeds the maximum allowed length of " +
         std::to_string(max) + ".";
}

// What is wrong with the redirect of these tokens; nothing: it is in `redirect` and `from`.
std::optional<std::string> ReadRedirect(const std::vector<std::string_view>& tokens, HtmlRules html,
                                        std::string_view from, Redirect* redirect) {
  CheckedUrl to = CheckUrl(tokens[1], {.rest = UrlRest::kKeep});
  if (to.url.empty()) return to.problem;
  std::string_view status = tokens.size() > 2 ? tokens[2] : "302";
  int number = 0;
  std::from_chars(status.data(), status.data() + status.size(), number);
  constexpr int kStatuses[] = {200, 301, 302, 303, 307, 308};
  bool known =
      status.size() == 3 && std::find(std::begin(kStatuses), std::end(kStatuses), number) != std::end(kStatuses);
  if (!known) {
    return "Valid status codes are 200, 301, 302 (default), 303, 307, or 308. Got " + std::string(status) + ".";
  }
  bool to_index = EndsInIndex(to.url);
  if (!HasHost(to.url) && to_index && (from.ends_with("/*") || (from.ends_with('/') && html == HtmlRules::kSome))) {
    return "Infinite loop detected in this rule and has been ignored. This will cause a redirect to strip `.html` or "
           "`/index` and end up triggering this rule again. Please fix or remove this rule to silence this warning.";
  }
  if (number == 200 && HasHost(to.url)) {
    return "Proxy (200) redirects can only point to relative paths. Got " + to.url;
  }
  redirect->to = to.url;
  redirect->status = number;
  return std::nullopt;
}

// A target within the site: what a capture brought must not make "//host" of it.
std::string NormaliseTarget(const std::string& pattern, const Captures& captures) {
  bool external = pattern.find("://") != std::string::npos && !pattern.starts_with('/');
  std::string target(Trim(Fill(pattern, captures)));
  if (external) return target;
  size_t suffix = std::min(target.size(), target.find_first_of("?#"));
  std::string path;
  for (char c : std::string_view(target).substr(0, suffix)) {
    bool slash = c == '/' || c == '\\';
    if (slash && path.ends_with('/')) continue;
    path += slash ? '/' : c;
  }
  return path + target.substr(suffix);
}

}  // namespace

bool Redirects::Find(std::string_view path, Redirect* found) const {
  if (!exact.empty()) {
    if (auto at = exact.find(std::string(path)); at != exact.end()) return *found = at->second, true;
  }
  for (const auto& [pattern, redirect] : patterns) {
    Captures captures;
    if (!pattern.Matches(path, &captures)) continue;
    *found = redirect;
    found->to = NormaliseTarget(redirect.to, captures);
    return true;
  }
  return false;
}

Redirects ParseRedirects(std::string_view text, HtmlRules html) {
  Redirects result;
  std::set<std::string> seen;
  bool only_exact = true;
  size_t exact = 0, dynamic = 0;
  EachLine(text, [&](size_t number, std::string_view line) {
    auto skip = [&](std::string problem) {
      result.problems.push_back({number, std::move(problem)});
      return true;
    };
    if (line.empty() || line.starts_with('#')) return true;
    if (line.size() > kRuleLineMax) return skip(Seen(number, kRuleLineMax));
    std::vector<std::string_view> tokens = Tokens(line);
    if (tokens.size() < 2 || tokens.size() > 3) {
      return skip("Expected exactly 2 or 3 whitespace-separated tokens. Got " + std::to_string(tokens.size()) + ".");
    }
    CheckedUrl from = CheckUrl(tokens[0], {.relative = true, .no_port = true});
    if (from.url.empty()) return skip(from.problem);
    bool is_exact = only_exact && !IsDynamic(from.url);
    if (is_exact && ++exact > kStaticRedirectsMax) {
      return skip("Maximum number of static rules supported is 2000. Skipping line.");
    }
    if (!is_exact) {
      only_exact = false;
      if (++dynamic > kDynamicRedirectsMax) {
        skip("Maximum number of dynamic rules supported is 100. Skipping the remaining lines of the file.");
        return false;
      }
    }
    Redirect redirect;
    redirect.line = number;
    if (auto problem = ReadRedirect(tokens, html, from.url, &redirect)) return skip(*problem);
    if (!seen.insert(from.url).second) return skip("Ignoring duplicate rule for path " + from.url + ".");
    if (is_exact) {
      result.exact.emplace(from.url, std::move(redirect));
    } else if (std::optional<Pattern> pattern = Pattern::Compile(from.url)) {
      result.patterns.emplace_back(*std::move(pattern), std::move(redirect));
    } else {
      return skip("A name occurs twice in " + from.url + ".");
    }
    ++result.valid;
    return true;
  });
  return result;
}

HeaderRules ParseHeaderRules(std::string_view text) {
  HeaderRules result;
  std::optional<HeaderRules::Rule> rule;
  bool skipping = false;
  size_t count = 0;
  size_t rule_line = 0;
  auto finish = [&] {
    if (!rule) return;
    if (rule->set.empty() && rule->unset.empty()) {
      result.problems.push_back({rule_line, "No headers specified"});
    } else {
      ++count;
      // The same path again takes the place of the first.
      auto same = std::find_if(result.rules.begin(), result.rules.end(),
                               [&](const HeaderRules::Rule& other) { return other.path == rule->path; });
      if (same == result.rules.end()) {
        result.rules.push_back(std::move(*rule));
      } else {
        *same = std::move(*rule);
      }
    }
    rule.reset();
  };
  EachLine(text, [&](size_t number, std::string_view line) {
    auto skip = [&](std::string problem) {
      result.problems.push_back({number, std::move(problem)});
      return true;
    };
    if (line.empty() || line.starts_with('#')) return true;
    if (line.size() > kRuleLineMax) return skip(Seen(number, kRuleLineMax));
    size_t scheme = line.find("://");
    bool is_path = line.starts_with('/') || (scheme != std::string_view::npos && scheme > 0 &&
                                             line.substr(0, scheme).find_first_of(kSpace) == std::string_view::npos);
    if (is_path) {
      finish();
      skipping = true;
      if (count >= kHeaderRulesMax) {
        skip("Maximum number of rules supported is 100. Skipping the remaining lines of the file.");
        return false;
      }
      CheckedUrl path = CheckUrl(line, {.no_port = true});
      if (path.url.empty()) return skip(path.problem);
      if (std::count(path.url.begin(), path.url.end(), '*') > 1) {
        return skip(
            "Only one wildcard is allowed per rule. Use a named placeholder (e.g. :project) instead. Skipping " +
            path.url + ".");
      }
      std::optional<Pattern> pattern = Pattern::Compile(path.url);
      if (!pattern) {
        return skip("Cannot combine a wildcard * with a :splat placeholder, or use a name twice. Skipping " + path.url +
                    ".");
      }
      skipping = false;
      rule_line = number;
      rule.emplace(HeaderRules::Rule{path.url, *std::move(pattern), {}, {}});
      return true;
    }
    if (skipping) return true;
    size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
      if (!rule) return skip("Expected a path beginning with at least one forward-slash");
      if (!line.starts_with("! ")) return skip("Expected a colon-separated header pair (e.g. name: value)");
      rule->unset.emplace_back(Trim(line.substr(2)));
      return true;
    }
    std::string name = ToLowerAscii(Trim(line.substr(0, colon)));
    std::string value(Trim(line.substr(colon + 1)));
    if (name.find(' ') != std::string::npos) return skip("Header name cannot include spaces");
    if (name.empty()) return skip("No header name specified");
    if (value.empty()) return skip("No header value specified");
    if (!IsHeaderName(name) || !IsHeaderValue(value)) return skip("Invalid header (" + name + ": " + value + ")");
    if (!rule) return skip("Path should come before header (" + name + ": " + value + ")");
    for (auto& [known, values] : rule->set) {
      if (known == name) return values += ", " + value, true;
    }
    rule->set.emplace_back(std::move(name), std::move(value));
    return true;
  });
  finish();
  return result;
}

WorkerFirst ParseWorkerFirst(const std::vector<std::string>& rules) {
  WorkerFirst result;
  auto refuse = [&](const std::string& problem) {
    result.problem += (result.problem.empty() ? "Invalid routes in `run_worker_first`:\n" : "\n") + problem;
  };
  if (rules.empty()) {
    result.problem = "No `run_worker_first` rules were provided; must provide at least 1 rule.";
    return result;
  }
  if (rules.size() > kWorkerFirstRulesMax) {
    result.problem = "Too many `run_worker_first` rules were provided; " + std::to_string(rules.size()) +
                     " rules provided exceeds max of 100.";
    return result;
  }
  std::set<std::string> seen;
  for (const std::string& rule : rules) {
    bool negative = rule.starts_with("!/");
    if (!negative && !rule.starts_with('/')) {
      refuse("'" + rule + "': " +
             (rule.starts_with('!') ? "negative rules must start with '!/'" : "rules must start with '/' or '!/'"));
      continue;
    }
    if (rule.size() > kWorkerFirstRuleBytesMax) {
      refuse("'" + rule + "': all rules must be less than 100 characters in length");
    }
    if (!seen.insert(rule).second) refuse("'" + rule + "': rule is a duplicate; rules must be unique");
    for (const std::string& other : rules) {
      bool covers = rule.ends_with('*') && other != rule && other.starts_with(rule.substr(0, rule.size() - 1));
      if (covers) refuse("'" + other + "': rule '" + rule + "' makes it redundant");
    }
    (negative ? result.assets : result.worker).push_back(Pattern::Glob(rule.substr(negative ? 1 : 0)));
  }
  if (result.problem.empty() && result.worker.empty()) {
    result.problem = "Only negative `run_worker_first` rules were provided; must provide at least 1 non-negative rule";
  }
  return result;
}

}  // namespace limpet::assets
