// Feeds a content type (the first line) and a body (the rest) to the reader of forms. What it takes is written again
// and must read the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/multipart.h"

namespace {

using limpet::FormPart;

void Require(bool condition) {
  if (!condition) std::abort();
}

void WriteAndReadAgain(const std::vector<FormPart>& parts) {
  limpet::FormWriter writer("a-boundary-that-no-input-is-likely-to-hold-2718281828");
  for (const FormPart& part : parts) {
    if (part.content.find("a-boundary-that-no-input") != std::string_view::npos) return;
    writer.Add(part.name, part.filename, part.content_type, part.content);
  }
  std::string type = writer.content_type();
  limpet::Bytes body = std::move(writer).Finish();
  limpet::Result<std::vector<FormPart>> again = limpet::ParseForm(type, body);
  Require(again.has_value() && again->size() == parts.size());
  for (size_t i = 0; i < parts.size(); ++i) Require((*again)[i].content == parts[i].content);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view in(reinterpret_cast<const char*>(data), size);
  size_t line = in.find('\n');
  if (line == std::string_view::npos) return 0;
  std::string_view body = in.substr(line + 1);
  limpet::Result<std::vector<FormPart>> parts = limpet::ParseForm(in.substr(0, line), body);
  if (!parts) return 0;
  for (const FormPart& part : *parts) {
    if (part.content.empty()) continue;
    Require(part.content.data() >= body.data() &&
            part.content.data() + part.content.size() <= body.data() + body.size());
  }
  WriteAndReadAgain(*parts);
  return 0;
}
