#include "cli/overrides.h"

#include <algorithm>
#include <ctime>
#include <utility>

namespace limpet::cli {
namespace {

using Pair = std::pair<std::string, std::string>;

Result<Pair> Split(const std::string& text, const std::string& flag) {
  size_t colon = text.find(':');
  if (colon != 0 && colon != std::string::npos) return Pair(text.substr(0, colon), text.substr(colon + 1));
  return Error(ErrorCode::kInvalidArgument, flag + " takes KEY:VALUE, not \"" + text + "\"");
}

Result<Done> Replace(const std::vector<std::string>& texts, const std::string& flag, std::vector<Pair>* pairs) {
  for (const std::string& text : texts) {
    LIMPET_TRY(Pair pair, Split(text, flag));
    std::erase_if(*pairs, [&](const Pair& old) { return old.first == pair.first; });
    pairs->push_back(std::move(pair));
  }
  return Done{};
}

bool IsDate(const std::string& text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return false;
  return std::ranges::count_if(text, [](unsigned char c) { return c >= '0' && c <= '9'; }) == 8;
}

}  // namespace

Result<Done> Override(const OverrideFlags& flags, const std::string& today, ProjectConfig* config) {
  for (const std::string& text : flags.vars) {
    LIMPET_TRY(Pair pair, Split(text, "--var"));
    std::erase_if(config->bindings, [&](const Json& binding) { return binding["name"].AsString() == pair.first; });
    config->bindings.push_back(
        Json().Set("name", pair.first).Set("type", "plain_text").Set("text", std::move(pair.second)));
  }
  LIMPET_TRY([[maybe_unused]] Done defined, Replace(flags.defines, "--define", &config->define));
  LIMPET_TRY([[maybe_unused]] Done aliased, Replace(flags.aliases, "--alias", &config->alias));
  if (flags.latest) config->compatibility_date = today;
  if (!flags.compatibility_date.empty()) {
    if (!IsDate(flags.compatibility_date)) {
      return Error(ErrorCode::kInvalidArgument,
                   "--compatibility-date takes a date like " + today + ", not \"" + flags.compatibility_date + "\"");
    }
    config->compatibility_date = flags.compatibility_date;
  }
  if (!flags.compatibility_flags.empty()) config->compatibility_flags = flags.compatibility_flags;
  config->minify = config->minify || flags.minify;
  config->no_bundle = config->no_bundle || flags.no_bundle;
  config->keep_vars = config->keep_vars || flags.keep_vars;
  return Done{};
}

void UseDevVariables(const Variables& variables, const OverrideFlags& flags, ProjectConfig* config) {
  for (const auto& [name, value] : variables) {
    auto given = [&](const std::string& pair) { return pair.substr(0, pair.find(':')) == name; };
    auto same = [&](const Json& binding) { return binding["name"].AsString() == name; };
    auto other = [&](const Json& binding) {
      const std::string& type = binding["type"].AsString();
      return same(binding) && type != "plain_text" && type != "json";
    };
    if (std::ranges::any_of(flags.vars, given) || std::ranges::any_of(config->bindings, other)) continue;
    std::erase_if(config->bindings, same);
    config->bindings.push_back(Json().Set("name", name).Set("type", "plain_text").Set("text", value));
  }
}

std::string TodayUtc() {
  std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[16];
  std::strftime(text, sizeof text, "%Y-%m-%d", &parts);
  return text;
}

}  // namespace limpet::cli
