// A JSON array on standard output, an element a line, however many pages it comes in: one document at the end, and
// lines for who can't wait. Without End() it is none, which is as it should be for a list that broke off.
#pragma once

#include <string>
#include <utility>

#include "base/json.h"
#include "cli/terminal.h"

namespace limpet::cli {

class JsonList {
 public:
  explicit JsonList(const Terminal& terminal) : terminal_(terminal) {}

  void Add(const Json& item) {
    terminal_.Result(last_.empty() ? "[" : last_ + ",");  // A comma only where another follows.
    last_ = ToText(item);
  }
  void End() const {
    if (!last_.empty()) terminal_.Result(last_);
    terminal_.Result(last_.empty() ? "[]" : "]");
  }

 private:
  const Terminal& terminal_;
  std::string last_;
};

// What a command prints that changed something, for programs.
inline void PrintDone(const Terminal& terminal, Json result = Json::MakeObject()) {
  terminal.Result(ToText(result.Set("success", true)));
}

}  // namespace limpet::cli
