#include "cli/generate.h"

#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "base/bytes.h"
#include "cli/process.h"

namespace limpet::cli {
namespace {

namespace fs = std::filesystem;

constexpr int kNamesTried = 1000;

// wrangler 1.x: ^[a-z0-9_][a-z0-9-_]*$
bool IsName(std::string_view name) {
  return !name.empty() && name[0] != '-' &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_") == std::string_view::npos;
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

std::string Today() {
  time_t now = time(nullptr);
  tm parts{};
  gmtime_r(&now, &parts);
  char text[16];
  return std::string(text, strftime(text, sizeof text, "%Y-%m-%d", &parts));
}

std::string ReadText(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
}

bool WriteText(const fs::path& path, std::string_view text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(text.data(), static_cast<std::streamsize>(text.size()));
  return file.good();
}

// Copies or clones the template to `target`, which does not exist.
Result<Done> Fetch(const std::string& source, const fs::path& target) {
  std::error_code error;
  if (fs::is_directory(source, error)) {
    fs::copy(source, target, fs::copy_options::recursive, error);
    if (error) return Error(ErrorCode::kUnavailable, source + ": " + error.message());
  } else {
    Result<int> code = RunProcess({"git", "clone", "--quiet", "--depth", "1", "--", source, target.string()}, ".");
    if (!code.has_value()) return std::move(code).error();
    if (code.value() != 0) return Error(ErrorCode::kNotFound, "git could not clone " + source);
  }
  fs::remove_all(target / ".git", error);
  return Done{};
}

Result<Done> FillFolder(const fs::path& target, const ProjectNames& names) {
  std::error_code error;
  for (fs::recursive_directory_iterator at(target, error), end; !error && at != end; at.increment(error)) {
    if (!at->is_regular_file(error)) continue;
    std::string text = ReadText(at->path());
    if (!IsUtf8(text)) continue;
    std::string filled = FillTemplate(text, names.name);
    if (at->path() == target / "wrangler.toml") filled = RewriteToml(filled, names);
    if (filled != text && !WriteText(at->path(), filled)) {
      return Error(ErrorCode::kUnavailable, at->path().string() + " can't be written");
    }
  }
  if (error) return Error(ErrorCode::kUnavailable, target.string() + ": " + error.message());
  return Done{};
}

}  // namespace

std::string FillTemplate(std::string_view text, std::string_view name) {
  std::string out;
  while (!text.empty()) {
    size_t open = text.find("{{");
    size_t close = open == std::string_view::npos ? open : text.find("}}", open);
    if (close == std::string_view::npos) break;
    std::string_view word = Trim(text.substr(open + 2, close - open - 2));
    bool known = word == "project-name" || word == "crate_name";
    out.append(text.substr(0, known ? open : close + 2));
    if (known) out.append(name);
    text.remove_prefix(close + 2);
  }
  return out.append(text);
}

std::string RewriteToml(std::string_view text, const ProjectNames& names) {
  std::vector<std::pair<std::string, std::string>> wanted{{"name", "\"" + names.name + "\""}};
  if (!names.type.empty()) wanted.emplace_back("type", "\"" + names.type + "\"");
  bool routed = false;
  std::vector<std::string> lines;
  size_t tables_at = std::string_view::npos;  // The first table's line: top-level keys end there.
  while (!text.empty()) {
    size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (tables_at == std::string_view::npos && Trim(line).starts_with("[")) tables_at = lines.size();
    lines.emplace_back(line);
    if (tables_at != std::string_view::npos) continue;
    std::string_view key = Trim(line.substr(0, line.find('=')));
    routed = routed || ((key == "route" || key == "routes") && line.find("\"\"") == std::string_view::npos &&
                        line.find("[]") == std::string_view::npos);
  }
  if (tables_at == std::string_view::npos) tables_at = lines.size();
  if (!routed) wanted.emplace_back("workers_dev", "true");
  wanted.emplace_back("compatibility_date", "\"" + names.date + "\"");

  size_t inserted_after = 0;
  for (const auto& [key, value] : wanted) {
    bool found = false;
    for (size_t i = 0; i < tables_at && !found; ++i) {
      std::string_view line = lines[i];
      size_t equals = line.find('=');
      if (equals == std::string_view::npos || Trim(line.substr(0, equals)) != key) continue;
      std::string_view rest = line.substr(equals);
      size_t comment = rest.find(" #");
      lines[i] = std::string(line.substr(0, equals)) + "= " + value +
                 std::string(comment == std::string_view::npos ? "" : rest.substr(comment));
      inserted_after = i + 1;
      found = true;
    }
    if (found) continue;
    lines.insert(lines.begin() + static_cast<ptrdiff_t>(inserted_after), key + " = " + value);
    ++inserted_after;
    ++tables_at;
  }
  std::string out;
  for (const std::string& line : lines) out += line + "\n";
  return out;
}

int RunGenerate(const Arguments& arguments, const Installation& installation, const Terminal& terminal) {
  std::string name = arguments.name.empty() ? "worker" : arguments.name;
  if (!IsName(name)) {
    terminal.Error("Worker name \"" + name +
                   "\" invalid. Ensure that you only use lowercase letters, dashes, underscores, and numbers.");
    return kExitRefused;
  }
  std::error_code ignored;
  std::string free = name;
  for (int i = 1; fs::exists(free, ignored); ++i) {
    if (i == kNamesTried) {
      terminal.Error(name + " and " + std::to_string(kNamesTried) + " names like it exist already");
      return kExitRefused;
    }
    free = name + "-" + std::to_string(i);
  }
  if (free != name) terminal.Info(name + " exists already, using " + free);
  std::string source = arguments.template_source;
  if (source.empty()) source = installation.package_dir + "/templates/counter";
  Result<Done> made = Fetch(source, free);
  if (made.has_value()) made = FillFolder(free, {free, Today(), arguments.type});
  if (!made.has_value()) {
    fs::remove_all(free, ignored);
    terminal.Error(made.error().message());
    return kExitRefused;
  }
  terminal.Info(terminal.Green("Made " + free) + ". Now: cd " + free + " && limpet dev, or limpet publish");
  terminal.Result(free);
  return kExitOk;
}

}  // namespace limpet::cli
