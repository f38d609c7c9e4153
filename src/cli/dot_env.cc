#include "cli/dot_env.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace limpet::cli {
namespace {

constexpr std::string_view kBlank = " \t\r";

bool IsNameChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
}

std::string_view TrimLeft(std::string_view text) {
  text.remove_prefix(std::min(text.size(), text.find_first_not_of(kBlank)));
  return text;
}

std::string_view Trim(std::string_view text) {
  text = TrimLeft(text);
  return text.substr(0, text.find_last_not_of(kBlank) + 1);  // npos + 1 is 0: all of it is blank.
}

void SkipLine(std::string_view& text) {
  size_t end = text.find('\n');
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
}

std::string Unescaped(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    bool escape = text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == 'n' || text[i + 1] == 'r');
    out += !escape ? text[i] : text[i + 1] == 'n' ? '\n' : '\r';
    if (escape) ++i;
  }
  return out;
}

// The value at the beginning of `text`, which it takes away with the rest of its line.
std::string TakeValue(std::string_view& text) {
  text = TrimLeft(text);
  char quote = text.empty() ? '\0' : text[0];
  if (quote == '"' || quote == '\'' || quote == '`') {
    size_t end = 1;
    while (end < text.size() && (text[end] != quote || text[end - 1] == '\\')) ++end;
    if (end < text.size()) {
      std::string_view inside = text.substr(1, end - 1);
      text.remove_prefix(end + 1);
      SkipLine(text);
      return quote == '"' ? Unescaped(inside) : std::string(inside);
    }
  }
  std::string_view line = text.substr(0, text.find('\n'));
  std::string value(Trim(line.substr(0, line.find('#'))));
  SkipLine(text);
  return value;
}

void Set(Variables* variables, const std::string& name, std::string value) {
  for (auto& [known, old] : *variables) {
    if (known == name) return void(old = std::move(value));
  }
  variables->emplace_back(name, std::move(value));
}

}  // namespace

Variables ParseDotEnv(std::string_view text) {
  Variables variables;
  while (!text.empty()) {
    std::string_view line = TrimLeft(text.substr(0, text.find('\n')));
    constexpr std::string_view kExport = "export ";
    if (line.starts_with(kExport)) line = TrimLeft(line.substr(kExport.size()));
    size_t end = 0;
    while (end < line.size() && IsNameChar(line[end])) ++end;
    std::string name(line.substr(0, end));
    std::string_view rest = TrimLeft(line.substr(end));
    if (name.empty() || !(rest.starts_with('=') || (rest.starts_with(':') && rest.substr(1).starts_with(' ')))) {
      SkipLine(text);
      continue;
    }
    text.remove_prefix(static_cast<size_t>(rest.data() + 1 - text.data()));
    Set(&variables, name, TakeValue(text));
  }
  return variables;
}

Result<DevVariables> ReadDevVariables(const std::string& dir, const std::string& environment,
                                      const std::vector<std::string>& own) {
  namespace fs = std::filesystem;
  DevVariables found;
  auto read = [&](const std::string& name) -> Result<bool> {
    fs::path path = fs::path(dir) / name;
    std::error_code ignored;
    if (!fs::is_regular_file(path, ignored)) return false;
    std::ifstream file(path, std::ios::binary);
    std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    if (!file.good() && !file.eof()) return Error(ErrorCode::kUnavailable, path.string() + " can't be read");
    for (auto& [key, value] : ParseDotEnv(text)) Set(&found.values, key, std::move(value));
    found.files.push_back(name);
    return true;
  };
  for (const std::string& name : own) {
    LIMPET_TRY(bool there, read(name));
    if (!there)
      return Error(ErrorCode::kUnavailable, "--env-file: there is no file " + (fs::path(dir) / name).string());
  }
  if (!own.empty()) return found;
  if (!environment.empty()) {
    LIMPET_TRY(bool special, read(".dev.vars." + environment));
    if (special) return found;
  }
  LIMPET_TRY(bool vars, read(".dev.vars"));
  if (vars) return found;
  std::vector<std::string> names{".env"};
  if (!environment.empty()) names.push_back(".env." + environment);
  names.emplace_back(".env.local");
  if (!environment.empty()) names.push_back(".env." + environment + ".local");
  for (const std::string& name : names) {
    LIMPET_TRY([[maybe_unused]] bool there, read(name));
  }
  return found;
}

bool IsDevVariablesFile(std::string_view name) { return name.starts_with(".dev.vars") || name.starts_with(".env"); }

}  // namespace limpet::cli
