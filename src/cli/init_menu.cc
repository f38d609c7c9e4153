#include "cli/init_menu.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

namespace limpet::cli {
namespace {

namespace fs = std::filesystem;

constexpr size_t kAboutMax = 90;  // Characters that are shown.

std::string ReadLine() {
  std::string line;
  std::getline(std::cin, line);
  while (line.ends_with('\r') || line.ends_with(' ')) line.pop_back();
  return line;
}

// How wide the terminal is.
size_t Columns() {
  constexpr size_t kUsual = 100;
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kUsual;
}

void Say(const std::string& text) {
  fputs(text.c_str(), stderr);
  fflush(stderr);
}

}  // namespace

bool HasPeople() { return isatty(STDIN_FILENO) != 0 && isatty(STDERR_FILENO) != 0; }

std::string AboutOf(const std::string& readme) {
  std::string about;
  for (size_t at = 0; at < readme.size();) {
    size_t end = std::min(readme.size(), readme.find('\n', at));
    std::string line = readme.substr(at, end - at);
    at = end + 1;
    if (line.empty() && !about.empty()) break;
    if (line.empty() || line.starts_with('#')) continue;
    about += (about.empty() ? "" : " ") + line;
  }
  about = about.substr(0, about.find(". ") == std::string::npos ? about.find(':') : about.find(". "));
  std::erase(about, '`');
  if (about.ends_with('.') || about.ends_with(':')) about.pop_back();
  return FirstWords(about, kAboutMax);
}

std::string FirstWords(const std::string& text, size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  constexpr size_t kDots = 2;  // Columns of " …".
  size_t end = bytes_max < kDots ? std::string::npos : text.rfind(' ', bytes_max - kDots);
  return end == std::string::npos ? "" : text.substr(0, end) + " …";
}

std::vector<Template> ListTemplates(const std::string& package_dir) {
  std::vector<Template> found;
  for (const char* where : {"/templates", "/examples"}) {
    std::vector<Template> here;
    std::error_code error;
    for (fs::directory_iterator at(package_dir + where, error), end; !error && at != end; at.increment(error)) {
      std::string name = at->path().filename().string();
      bool known = std::any_of(found.begin(), found.end(), [&](const Template& one) { return one.name == name; });
      if (known || !fs::exists(at->path() / "wrangler.toml", error)) continue;
      std::ifstream file(at->path() / "README.md", std::ios::binary);
      std::string readme((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
      here.push_back({name, AboutOf(readme), at->path().string()});
    }
    std::sort(here.begin(), here.end(), [](const Template& a, const Template& b) { return a.name < b.name; });
    found.insert(found.end(), here.begin(), here.end());
  }
  return found;
}

std::optional<Template> ChooseTemplate(const std::vector<Template>& templates, const Terminal& terminal) {
  if (templates.empty() || !HasPeople()) return std::nullopt;
  size_t width = 0;
  for (const Template& one : templates) width = std::max(width, one.name.size());
  const size_t head = width + 7, columns = Columns();  // "  1  NAME  "
  terminal.Info("What shall it begin with?");
  for (size_t i = 0; i < templates.size(); ++i) {
    const Template& one = templates[i];
    terminal.Info("  " + std::to_string(i + 1) + "  " + one.name + std::string(width - one.name.size() + 2, ' ') +
                  terminal.Grey(FirstWords(one.about, columns > head ? columns - head : 0)));
  }
  Say("Number or name [1]: ");
  std::string answer = ReadLine();
  if (answer.empty()) return templates.front();
  size_t number = 0;
  std::from_chars(answer.data(), answer.data() + answer.size(), number);
  for (size_t i = 0; i < templates.size(); ++i) {
    if (templates[i].name == answer || i + 1 == number) return templates[i];
  }
  return std::nullopt;
}

std::string AskName(const std::string& usual) {
  Say("The project's name [" + usual + "]: ");
  std::string answer = ReadLine();
  return answer.empty() ? usual : answer;
}

}  // namespace limpet::cli
