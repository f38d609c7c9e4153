// What people read: messages on standard error, results on standard output; colours only on a terminal.
#pragma once

#include <string>
#include <string_view>

namespace limpet::cli {

class Terminal {
 public:
  Terminal();
  void Result(std::string_view line) const;  // Standard output.
  void Info(std::string_view line) const;    // Standard error, as are the next.
  void Warn(std::string_view line) const;
  void Error(std::string_view line) const;
  void Dim(std::string_view line) const;
  std::string Green(std::string_view text) const { return Paint("32", text); }
  std::string Red(std::string_view text) const { return Paint("31", text); }
  std::string Grey(std::string_view text) const { return Paint("90", text); }

 private:
  std::string Paint(const char* code, std::string_view text) const;
  bool colours_;  // Both outputs are terminals: what is painted may go to either.
};

}  // namespace limpet::cli
