// multipart/form-data (RFC 7578), read from bytes at hand. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace limpet {

struct FormPart {
  std::string name;
  std::optional<std::string> filename;
  std::string content_type;  // As sent, parameters and all; empty if there was none.
  BytesView content;         // Into the body.
};

inline constexpr size_t kFormPartsMax = 2000;
inline constexpr size_t kFormPartHeadBytesMax = 16 * 1024;

// The parts of `body`, which must outlive them. `content_type` is the request's header.
// Errors: kInvalidArgument, with what is wrong and where; kOverloaded beyond the limits.
Result<std::vector<FormPart>> ParseForm(std::string_view content_type, BytesView body);

// A parameter of a header value such as `form-data; name="a"`: quoted or not, names compared without case.
std::optional<std::string> HeaderParameter(std::string_view value, std::string_view name);
// "text/plain" of "Text/Plain; charset=utf-8".
std::string MediaType(std::string_view content_type);

// The writer, for the deploy client and for tests.
class FormWriter {
 public:
  explicit FormWriter(std::string boundary) : boundary_(std::move(boundary)) {}
  void Add(std::string_view name, std::optional<std::string_view> filename, std::string_view content_type,
           BytesView content);
  Bytes Finish() &&;
  std::string content_type() const { return "multipart/form-data; boundary=" + boundary_; }

 private:
  static std::string Escape(std::string_view name);
  std::string boundary_;
  Bytes body_;
};

}  // namespace limpet
