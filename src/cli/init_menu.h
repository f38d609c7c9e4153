// The choice of a template by `limpet init` and `limpet generate` on a terminal.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/terminal.h"

namespace limpet::cli {

struct Template {
  std::string name;   // "counter"
  std::string about;  // "One object that counts."
  std::string folder;
};

// What the installation has: templates, then examples, each with the first paragraph of its README.
std::vector<Template> ListTemplates(const std::string& package_dir);
// The first sentence below the title of a README. Pure.
std::string AboutOf(const std::string& readme);
// `text` if it is of `bytes_max` bytes at most, else its first words with " …"; empty if not a word fits. Pure.
std::string FirstWords(const std::string& text, size_t bytes_max);
// Asks on the terminal. Nothing: there is no terminal on both sides, or the answer is none of them.
std::optional<Template> ChooseTemplate(const std::vector<Template>& templates, const Terminal& terminal);
// A question with an answer that is taken for an empty line.
std::string AskName(const std::string& usual);
bool HasPeople();  // Terminals on standard input and standard error.

}  // namespace limpet::cli
