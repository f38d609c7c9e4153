// The one file that knows Boost.JSON. Its tokenizer is fed line by line, which is how every value knows its line.
#include "base/json.h"

#include <boost/json/basic_parser_impl.hpp>
#include <charconv>
#include <cmath>
#include <exception>
#include <limits>
#include <unordered_map>

namespace limpet {
namespace {

const Json kNull;
const std::string kEmptyText;
const Json::Array kNoItems;
const Json::Object kNoMembers;

// What basic_parser calls. Values are built bottom-up on a stack.
class Builder {
 public:
  static constexpr size_t max_object_size = 1'000'000;
  static constexpr size_t max_array_size = 1'000'000;
  static constexpr size_t max_key_size = 1 << 20;
  static constexpr size_t max_string_size = size_t{1} << 30;
  using error_code = boost::json::error_code;
  using string_view = boost::json::string_view;

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code&) { return Push(Json::MakeObject()); }
  bool on_object_end(size_t, error_code&) { return Pop(); }
  bool on_array_begin(error_code&) { return Push(Json::MakeArray()); }
  bool on_array_end(size_t, error_code&) { return Pop(); }
  bool on_key_part(string_view text, size_t, error_code&) { return Part(text); }
  bool on_key(string_view text, size_t, error_code&) {
    Part(text);
    open_.back().key = std::exchange(text_, {});
    return true;
  }
  bool on_string_part(string_view text, size_t, error_code&) { return Part(text); }
  bool on_string(string_view text, size_t, error_code&) {
    Part(text);
    return Add(Json(std::exchange(text_, {})));
  }
  bool on_number_part(string_view text, error_code&) { return Part(text); }
  bool on_int64(int64_t value, string_view, error_code&) { return text_.clear(), Add(Json(value)); }
  bool on_uint64(uint64_t value, string_view, error_code&) { return text_.clear(), Add(Json(value)); }
  bool on_double(double value, string_view text, error_code&) {
    Part(text);  // Boost's own value may be off in the last place.
    std::from_chars(text_.data(), text_.data() + text_.size(), value);
    text_.clear();
    return Add(Json(value));
  }
  bool on_bool(bool value, error_code&) { return Add(Json(value)); }
  bool on_null(error_code&) { return Add(Json()); }
  bool on_comment_part(string_view, error_code&) { return true; }
  bool on_comment(string_view, error_code&) { return true; }

  uint32_t line = 1;
  Json root;

 private:
  struct Open {
    Json value;
    std::string key = {};  // Of the member that comes next.
    Json::Object members = {};
    // Where each key of `members` is, once they are many: a file of 20,000 members is no matter of minutes.
    std::unordered_map<std::string, size_t> places = {};
    Json& Member(std::string name);
  };
  static constexpr size_t kFewMembers = 32;
  bool Part(string_view text) {
    text_.append(text.data(), text.size());
    return true;
  }
  bool Push(Json value) {
    value.set_line(line);
    open_.push_back({.value = std::move(value)});
    return true;
  }
  bool Pop() {
    Json value = std::move(open_.back().value);
    if (value.is_object()) {
      uint32_t begun = value.line();
      value = Json::MakeObject(std::move(open_.back().members));
      value.set_line(begun);
    }
    open_.pop_back();
    return Place(std::move(value));
  }
  bool Add(Json value) {
    value.set_line(line);
    return Place(std::move(value));
  }
  bool Place(Json value) {
    if (open_.empty()) {
      root = std::move(value);
    } else if (open_.back().value.is_array()) {
      open_.back().value.Append(std::move(value));
    } else {
      open_.back().Member(std::exchange(open_.back().key, {})) = std::move(value);
    }
    return true;
  }

  std::vector<Open> open_;
  std::string text_;
};

// The member of that name, a new one if there is none.
Json& Builder::Open::Member(std::string name) {
  if (members.size() < kFewMembers) {
    for (auto& [known, member] : members) {
      if (known == name) return member;
    }
    return members.emplace_back(std::move(name), Json()).second;
  }
  if (places.empty()) {
    for (size_t i = 0; i < members.size(); ++i) places.emplace(members[i].first, i);
  }
  auto [place, fresh] = places.try_emplace(name, members.size());
  if (fresh) members.emplace_back(std::move(name), Json());
  return members[place->second].second;
}

Error At(size_t line, size_t column, const std::string& what) {
  return Error(ErrorCode::kInvalidArgument,
               "line " + std::to_string(line) + ", column " + std::to_string(column) + ": " + what);
}

Result<Json> Parse(std::string_view text, const JsonOptions& options) {
  boost::json::parse_options rules;
  rules.allow_comments = options.comments;
  rules.allow_trailing_commas = options.trailing_commas;
  rules.max_depth = options.depth_max;
  boost::json::basic_parser<Builder> parser(rules);
  boost::json::error_code error;
  size_t at = 0;
  for (;;) {
    size_t end = text.find('\n', at);
    bool last = end == std::string_view::npos;
    size_t size = (last ? text.size() : end + 1) - at;
    size_t used = parser.write_some(!last, text.data() + at, size, error);
    uint32_t line = parser.handler().line;
    if (error) return At(line, used + 1, error.message());
    if (used < size && text.substr(at + used, size - used).find_first_not_of(" \t\r\n") != std::string_view::npos) {
      return At(line, used + 1, "something follows the value");
    }
    if (last) return std::move(parser.handler().root);
    at = end + 1;
    ++parser.handler().line;
  }
}

}  // namespace

class JsonWriter {
 public:
  explicit JsonWriter(JsonStyle style) : pretty_(style == JsonStyle::kPretty) {}
  std::string out;

  void Write(const Json& value, size_t level) {
    switch (value.value_.index()) {
      case 0: out += "null"; return;
      case 1: out += value.AsBool() ? "true" : "false"; return;
      case 2: out += std::to_string(std::get<int64_t>(value.value_)); return;
      case 3: out += std::to_string(std::get<uint64_t>(value.value_)); return;
      case 4: WriteDouble(value.AsDouble()); return;
      case 5: WriteString(value.AsString()); return;
      case 6: return WriteAll('[', value.items(), ']', level, [&](const Json& item) { Write(item, level + 1); });
      default:
        return WriteAll('{', value.members(), '}', level, [&](const Json::Member& member) {
          WriteString(member.first);
          out += pretty_ ? ": " : ":";
          Write(member.second, level + 1);
        });
    }
  }

 private:
  template <typename List, typename Each>
  void WriteAll(char open, const List& list, char close, size_t level, Each each) {
    out += open;
    bool first = true;
    for (const auto& item : list) {
      if (!std::exchange(first, false)) out += ',';
      Break(level + 1);
      each(item);
    }
    if (!list.empty()) Break(level);
    out += close;
  }
  void Break(size_t level) {
    if (pretty_) out.append("\n").append(level * 2, ' ');
  }
  void WriteDouble(double value) {
    if (!std::isfinite(value)) {
      out += "null";  // As JSON.stringify does; so is the next.
    } else if (value == 0) {
      out += "0";  // Without the sign.
    } else {
      char digits[32];  // The shortest that reads back as the same number.
      out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
    }
  }
  void WriteString(std::string_view text) {
    static constexpr char kHex[] = "0123456789abcdef";
    out += '"';
    for (char c : text) {
      switch (c) {
        case '"': out += "\\\""; break;
        case '\\': out += "\\\\"; break;
        case '\n': out += "\\n"; break;
        case '\r': out += "\\r"; break;
        case '\t': out += "\\t"; break;
        default:
          if (static_cast<unsigned char>(c) < 0x20) {
            out.append("\\u00").append(1, kHex[c >> 4 & 15]).append(1, kHex[c & 15]);
          } else {
            out += c;
          }
      }
    }
    out += '"';
  }
  bool pretty_;
};

Json Json::MakeObject(Object members) {
  Json json;
  json.value_ = std::move(members);
  return json;
}

std::string_view Json::type_name() const {
  switch (value_.index()) {
    case 0: return "null";
    case 1: return "boolean";
    case 5: return "string";
    case 6: return "array";
    case 7: return "object";
    default: return "number";
  }
}

bool Json::AsBool() const {
  const bool* value = std::get_if<bool>(&value_);
  return value != nullptr && *value;
}

double Json::AsDouble() const {
  if (const auto* value = std::get_if<int64_t>(&value_)) return static_cast<double>(*value);
  if (const auto* value = std::get_if<uint64_t>(&value_)) return static_cast<double>(*value);
  const auto* value = std::get_if<double>(&value_);
  return value != nullptr ? *value : 0;
}

int64_t Json::AsInt64() const {
  if (const auto* value = std::get_if<int64_t>(&value_)) return *value;
  if (const auto* value = std::get_if<uint64_t>(&value_)) {
    return *value <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) ? static_cast<int64_t>(*value) : 0;
  }
  double value = AsDouble();
  return std::abs(value) < 9e18 && value == std::floor(value) ? static_cast<int64_t>(value) : 0;
}

uint64_t Json::AsUint64() const {
  if (const auto* value = std::get_if<uint64_t>(&value_)) return *value;
  int64_t value = AsInt64();
  return value > 0 ? static_cast<uint64_t>(value) : 0;
}

const std::string& Json::AsString() const {
  const auto* value = std::get_if<std::string>(&value_);
  return value != nullptr ? *value : kEmptyText;
}

const Json::Array& Json::items() const {
  const auto* value = std::get_if<Array>(&value_);
  return value != nullptr ? *value : kNoItems;
}

const Json::Object& Json::members() const {
  const auto* value = std::get_if<Object>(&value_);
  return value != nullptr ? *value : kNoMembers;
}

const Json* Json::Find(std::string_view key) const {
  for (const Member& member : members()) {
    if (member.first == key) return &member.second;
  }
  return nullptr;
}

Json* Json::Find(std::string_view key) { return const_cast<Json*>(std::as_const(*this).Find(key)); }

const Json& Json::operator[](std::string_view key) const {
  const Json* found = Find(key);
  return found != nullptr ? *found : kNull;
}

Json& Json::Set(std::string key, Json value) {
  if (is_null()) value_ = Object();
  auto* object = std::get_if<Object>(&value_);
  if (object == nullptr) return *this;
  if (Json* found = Find(key)) {
    *found = std::move(value);
  } else {
    object->emplace_back(std::move(key), std::move(value));
  }
  return *this;
}

void Json::Erase(std::string_view key) {
  if (auto* object = std::get_if<Object>(&value_)) {
    std::erase_if(*object, [&](const Member& member) { return member.first == key; });
  }
}

void Json::Append(Json value) {
  if (is_null()) value_ = Array();
  if (auto* array = std::get_if<Array>(&value_)) array->push_back(std::move(value));
}

Result<Json> ParseJson(std::string_view text, const JsonOptions& options) {
  try {
    return Parse(text, options);
  } catch (const std::exception& thrown) {  // Memory ran out; the tokenizer itself reports by code.
    return Error(ErrorCode::kInternal, thrown.what()).While("parse JSON");
  }
}

std::string ToText(const Json& value, JsonStyle style) {
  JsonWriter writer(style);
  writer.Write(value, 0);
  if (style == JsonStyle::kPretty) writer.out += '\n';
  return std::move(writer.out);
}

}  // namespace limpet
