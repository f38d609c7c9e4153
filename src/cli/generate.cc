#include "cli/generate.h"

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "base/bytes.h"
#include "cli/init_menu.h"
#include "cli/process.h"

namespace limpet::cli {
namespace {

namespace fs = std::filesystem;

constexpr int kNamesTried = 1000;
constexpr size_t kNameBytesMax = 63;  // A host name's label.

// wrangler 1.x: ^[a-z0-9_][a-z0-9-_]*$
bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= kNameBytesMax && name[0] != '-' &&
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

bool HasConfig(const fs::path& folder) {
  std::error_code ignored;
  return fs::exists(folder / "wrangler.toml", ignored) || fs::exists(folder / "wrangler.json", ignored) ||
         fs::exists(folder / "wrangler.jsonc", ignored);
}

// A repository without a working tree: what `git init --bare` makes.
bool IsBareRepository(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path / "HEAD", ignored) && fs::is_directory(path / "objects", ignored) &&
         fs::is_directory(path / "refs", ignored);
}

// What a folder has that belongs to its owner and not to the template.
bool StaysBehind(const std::string& name) { return name == ".git" || name == "node_modules" || name == ".limpet"; }

// Copies the folder `source` to `target`, which does not exist; links as links.
Result<Done> Copy(const fs::path& source, const fs::path& target) {
  std::error_code error;
  // Listed before anything is made: the target may lie inside the source.
  std::vector<fs::path> paths;
  for (fs::recursive_directory_iterator at(source, error), end; !error && at != end; at.increment(error)) {
    if (StaysBehind(at->path().filename().string())) {
      at.disable_recursion_pending();
    } else {
      paths.push_back(at->path().lexically_relative(source));
    }
  }
  if (!error) fs::create_directory(target, error);
  for (size_t i = 0; i < paths.size() && !error; ++i) {
    if (fs::symlink_status(source / paths[i], error).type() == fs::file_type::directory) {
      fs::create_directory(target / paths[i], error);
    } else if (!error) {
      fs::copy(source / paths[i], target / paths[i], fs::copy_options::copy_symlinks, error);
    }
  }
  if (error) return Error(ErrorCode::kUnavailable, "copy " + source.string() + ": " + error.message());
  return Done{};
}

Result<Done> Clone(const std::string& source, const fs::path& target) {
  std::vector<std::string> command{"git", "clone", "--quiet"};
  if (source.find(':') != std::string::npos) command.insert(command.end(), {"--depth", "1"});  // No use for a path.
  command.insert(command.end(), {"--", source, target.string()});
  Result<int> code = RunProcess(command, ".");
  if (!code.has_value() && code.error().code() == ErrorCode::kNotFound) {
    return Error(ErrorCode::kNotFound, "git is not installed; it is needed to fetch the template " + source +
                                           ". Install it (apt-get install git), or name a folder");
  }
  if (!code.has_value()) return std::move(code).error();
  if (code.value() != 0) return Error(ErrorCode::kNotFound, "git could not clone the template " + source);
  std::error_code error;
  fs::remove_all(target / ".git", error);
  if (error) return Error(ErrorCode::kUnavailable, "remove " + target.string() + "/.git: " + error.message());
  return Done{};
}

// Copies or clones the template to `target`, which does not exist.
Result<Done> Fetch(const std::string& source, const fs::path& target) {
  std::error_code error;
  bool is_folder = fs::is_directory(source, error);
  Result<Done> fetched = Done{};
  if (is_folder && !IsBareRepository(source)) {
    fetched = Copy(source, target);
  } else if (!is_folder && source.find(':') == std::string::npos) {
    return Error(
        ErrorCode::kNotFound,
        "there is no folder " + source + ", and it is no Git address. Write a path, or https://HOST/OWNER/REPOSITORY");
  } else {
    fetched = Clone(source, target);
  }
  if (fetched.has_value() && fs::is_empty(target, error)) {
    return Error(ErrorCode::kNotFound, "the template " + source + " is empty");
  }
  return fetched;
}

Result<Done> FillFolder(const fs::path& target, const ProjectNames& names) {
  std::error_code error;
  for (fs::recursive_directory_iterator at(target, error), end; !error && at != end; at.increment(error)) {
    // A template's links may lead out of the project: what they lead to is not touched.
    if (at->symlink_status(error).type() != fs::file_type::regular) continue;
    std::string text = ReadText(at->path());
    if (!IsUtf8(text)) continue;
    std::string filled = FillTemplate(text, names.name);
    if (at->path() == target / "wrangler.toml") filled = RewriteToml(filled, names);
    if (at->path() == target / "wrangler.json" || at->path() == target / "wrangler.jsonc") {
      filled = RewriteJson(filled, names.name);
    }
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

std::string RewriteJson(std::string_view text, std::string_view name) {
  std::string_view key;  // Of the member whose value comes next.
  for (size_t at = 0, depth = 0; at < text.size();) {
    if (text.substr(at).starts_with("//")) {
      at = std::min(text.find('\n', at), text.size());
    } else if (text.substr(at).starts_with("/*")) {
      at = std::min(text.find("*/", at + 2), text.size());
    } else if (text[at] == '"') {
      size_t end = at + 1;
      while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2 : 1;
      if (end >= text.size()) break;
      if (key == "name") {
        return std::string(text.substr(0, at)) + '"' + std::string(name) + '"' + std::string(text.substr(end + 1));
      }
      size_t next = text.find_first_not_of(" \t\r\n", end + 1);
      bool is_key = depth == 1 && next != std::string_view::npos && text[next] == ':';
      key = is_key ? text.substr(at + 1, end - at - 1) : std::string_view();
      at = end + 1;
    } else {
      if (text[at] == '{' || text[at] == '[') ++depth;
      if ((text[at] == '}' || text[at] == ']') && depth > 0) --depth;
      if (text[at] == ',') key = {};
      ++at;
    }
  }
  return std::string(text);
}

int RunGenerate(const Arguments& arguments, const Installation& installation, const Terminal& terminal) {
  // People are asked for what they have not said; scripts get what they always got.
  std::string source = arguments.template_source;
  std::string name = arguments.name;
  if (name.empty() && source.empty() && HasPeople()) {
    std::optional<Template> chosen = ChooseTemplate(ListTemplates(installation.package_dir), terminal);
    if (!chosen) {
      terminal.Error("that is none of them");
      return kExitRefused;
    }
    source = chosen->folder;
    name = AskName(chosen->name);
  }
  if (name.empty()) name = "worker";
  if (!IsName(name)) {
    terminal.Error("Worker name \"" + name +
                   "\" invalid. Ensure that you only use lowercase letters, dashes, underscores, and numbers, " +
                   std::to_string(kNameBytesMax) + " at most.");
    return kExitRefused;
  }
  std::error_code ignored;
  std::string free = name;
  for (int i = 1; fs::symlink_status(free, ignored).type() != fs::file_type::not_found; ++i) {
    if (i == kNamesTried) {
      terminal.Error(name + " and " + std::to_string(kNamesTried) + " names like it exist already");
      return kExitRefused;
    }
    free = name + "-" + std::to_string(i);
  }
  if (free != name) terminal.Info(name + " exists already, using " + free);
  if (source.empty()) source = installation.package_dir + "/templates/counter";
  // A template or an example of the installation by its name.
  bool named = source.find_first_of("/:") == std::string::npos && !fs::exists(source, ignored);
  for (const Template& one : named ? ListTemplates(installation.package_dir) : std::vector<Template>()) {
    if (one.name == source) source = one.folder;
  }
  Result<Done> made = Fetch(source, free);
  if (made.has_value()) made = FillFolder(free, {free, Today(), arguments.type});
  if (!made.has_value()) {
    fs::remove_all(free, ignored);
    terminal.Error(made.error().message());
    return kExitRefused;
  }
  if (!HasConfig(free)) {
    terminal.Warn("the template has no wrangler.toml, wrangler.json or wrangler.jsonc: publish needs one");
  }
  terminal.Info(terminal.Green("Made " + free) + ". Now: cd " + free + " && limpet dev, or limpet publish");
  terminal.Result(free);
  return kExitOk;
}

}  // namespace limpet::cli
