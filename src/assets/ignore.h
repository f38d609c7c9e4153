// `.assetsignore`: which files of a folder are not uploaded. The rules of .gitignore, without regard to case. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace limpet::assets {

class IgnoreRules {
 public:
  // `text` is the file's; the files that are never uploaded (.assetsignore, _headers, _redirects at the top) come
  // first.
  explicit IgnoreRules(std::string_view text);
  // Is the file, or a folder that it is in, left out? `path` is relative: "a/b.txt".
  bool Ignores(std::string_view path) const;

 private:
  struct Rule {
    std::string glob;  // Lower case, against the whole path.
    bool folders_only = false;
    bool again = false;  // "!…": not left out after all.
  };
  void Add(std::string_view line);
  bool Excludes(std::string_view path, bool is_folder) const;

  std::vector<Rule> rules_;
};

}  // namespace limpet::assets
