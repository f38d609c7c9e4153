// JSON values, their parser and writer: for the control plane's records, the REST API and project files. Scripts' own
// JSON is V8's business.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace limpet {

// A value. Objects keep the order in which their keys were first set; a key that is set again (or occurs twice in a
// text) keeps its place and takes the later value, as in JavaScript.
class Json {
 public:
  using Array = std::vector<Json>;
  using Member = std::pair<std::string, Json>;
  using Object = std::vector<Member>;

  Json() = default;                                             // null
  Json(std::nullptr_t) {}                                       // NOLINT: implicit by design, as are the next.
  Json(bool value) : value_(value) {}                           // NOLINT
  Json(int value) : value_(static_cast<int64_t>(value)) {}      // NOLINT
  Json(int64_t value) : value_(value) {}                        // NOLINT
  Json(uint64_t value) : value_(value) {}                       // NOLINT
  Json(double value) : value_(value) {}                         // NOLINT
  Json(std::string value) : value_(std::move(value)) {}         // NOLINT
  Json(std::string_view value) : value_(std::string(value)) {}  // NOLINT
  Json(const char* value) : value_(std::string(value)) {}       // NOLINT
  Json(Array value) : value_(std::move(value)) {}               // NOLINT
  static Json MakeObject(Object members = {});
  static Json MakeArray(Array items = {}) { return Json(std::move(items)); }

  bool is_null() const { return value_.index() == 0; }
  bool is_bool() const { return value_.index() == 1; }
  bool is_number() const { return value_.index() >= 2 && value_.index() <= 4; }
  bool is_string() const { return value_.index() == 5; }
  bool is_array() const { return value_.index() == 6; }
  bool is_object() const { return value_.index() == 7; }
  std::string_view type_name() const;  // "null", "boolean", "number", "string", "array", "object".

  // The value, or an empty one (false, 0, "", nothing) if it is of another type.
  bool AsBool() const;
  double AsDouble() const;
  int64_t AsInt64() const;  // 0 too if it is not a whole number in range.
  uint64_t AsUint64() const;
  const std::string& AsString() const;
  const Array& items() const;
  const Object& members() const;

  // The member `key`, or null (a shared one) if this is no object or has none.
  const Json& operator[](std::string_view key) const;
  const Json* Find(std::string_view key) const;
  Json* Find(std::string_view key);
  // Makes this an object if it is null. Does nothing to other types.
  Json& Set(std::string key, Json value);
  void Erase(std::string_view key);
  // Makes this an array if it is null. Does nothing to other types.
  void Append(Json value);

  // Where the value began in its text, from 1; 0 if it was not parsed.
  uint32_t line() const { return line_; }
  void set_line(uint32_t line) { line_ = line; }

  bool operator==(const Json& other) const { return value_ == other.value_; }  // Lines are not compared.

 private:
  friend class JsonWriter;
  std::variant<std::monostate, bool, int64_t, uint64_t, double, std::string, Array, Object> value_;
  uint32_t line_ = 0;
};

struct JsonOptions {
  bool comments = false;  // // and /* */
  bool trailing_commas = false;
  size_t depth_max = 64;
};

// Errors: kInvalidArgument, "line 3, column 7: …". The text must be UTF-8. Whole numbers keep 64 bits.
Result<Json> ParseJson(std::string_view text, const JsonOptions& options = {});

// `pretty`: two spaces a level and a final line end.
enum class JsonStyle : uint8_t { kCompact, kPretty };
std::string ToText(const Json& value, JsonStyle style = JsonStyle::kCompact);

}  // namespace limpet
