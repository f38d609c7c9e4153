// The one file that knows toml++.
#include "cli/config/toml_reader.h"

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include <algorithm>
#include <optional>
#include <sstream>

namespace limpet::cli {
namespace {

Json Convert(const toml::node& node);

Json ConvertTable(const toml::table& table) {
  Json json = Json::MakeObject();
  // toml++ sorts keys; the order of the file is what messages and uploads should have.
  std::vector<std::pair<const toml::key*, const toml::node*>> entries;
  for (auto&& [key, value] : table) entries.emplace_back(&key, &value);
  std::sort(entries.begin(), entries.end(),
            [](const auto& a, const auto& b) { return a.first->source().begin < b.first->source().begin; });
  for (const auto& [key, value] : entries) {
    Json item = Convert(*value);
    item.set_line(key->source().begin.line);
    json.Set(std::string(key->str()), std::move(item));
  }
  return json;
}

Json ConvertScalar(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return number->get();
  if (const auto* number = node.as_floating_point()) return number->get();
  if (const auto* flag = node.as_boolean()) return flag->get();
  std::ostringstream text;
  if (const auto* date = node.as_date()) text << date->get();
  if (const auto* time = node.as_time()) text << time->get();
  if (const auto* both = node.as_date_time()) text << both->get();
  return text.str();
}

Json Convert(const toml::node& node) {
  Json json;
  if (const toml::table* table = node.as_table()) {
    json = ConvertTable(*table);
  } else if (const toml::array* array = node.as_array()) {
    json = Json::MakeArray();
    for (const toml::node& item : *array) json.Append(Convert(item));
  } else {
    json = ConvertScalar(node);
  }
  json.set_line(node.source().begin.line);
  return json;
}

// TOML forbids control characters everywhere; toml++ has an assertion that NUL in a table's header fails.
std::optional<Error> ControlCharacter(std::string_view text) {
  size_t line = 1, column = 1;
  for (char c : text) {
    auto code = static_cast<unsigned char>(c);
    if ((code < 0x20 && c != '\t' && c != '\n' && c != '\r') || code == 0x7F) {
      return Error(ErrorCode::kInvalidArgument,
                   "line " + std::to_string(line) + ", column " + std::to_string(column) + ": a control character");
    }
    ++column;
    if (c == '\n') {
      ++line;
      column = 1;
    }
  }
  return std::nullopt;
}

}  // namespace

Result<Json> ParseToml(std::string_view text) {
  if (std::optional<Error> error = ControlCharacter(text)) return *std::move(error);
  toml::parse_result parsed = toml::parse(text);
  if (parsed) return Convert(parsed.table());
  const toml::parse_error& error = parsed.error();
  return Error(ErrorCode::kInvalidArgument, "line " + std::to_string(error.source().begin.line) + ", column " +
                                                std::to_string(error.source().begin.column) + ": " +
                                                std::string(error.description()));
}

}  // namespace limpet::cli
