#include "base/multipart.h"

namespace limpet {
namespace {

Error Bad(std::string what) { return Error(ErrorCode::kInvalidArgument, "upload form: " + std::move(what)); }

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Browsers and undici write quotes and line ends in names as %22, %0D and %0A (HTML standard, "escape a multipart
// name").
std::string UnescapeName(std::string_view text) {
  std::string name;
  for (size_t i = 0; i < text.size(); ++i) {
    std::string_view code = text.substr(i, 3);
    char c = code == "%22" ? '"' : code == "%0D" ? '\r' : code == "%0A" ? '\n' : '\0';
    if (c == '\0') {
      name += text[i];
    } else {
      name += c;
      i += 2;
    }
  }
  return name;
}

Result<Done> ReadHead(std::string_view head, FormPart* part) {
  bool named = false;
  while (!head.empty()) {
    size_t end = head.find("\r\n");
    std::string_view line = head.substr(0, end);
    head.remove_prefix(end == std::string_view::npos ? head.size() : end + 2);
    size_t colon = line.find(':');
    if (colon == std::string_view::npos) return Bad("a part's header has no colon");
    std::string_view value = Trim(line.substr(colon + 1));
    std::string_view field = Trim(line.substr(0, colon));
    if (EqualsIgnoreCase(field, "content-type")) {
      part->content_type = std::string(value);
    } else if (EqualsIgnoreCase(field, "content-disposition")) {
      if (MediaType(value) != "form-data") return Bad("a part is not form-data");
      std::optional<std::string> name = HeaderParameter(value, "name");
      if (!name) return Bad("a part has no name");
      part->name = UnescapeName(*name);
      named = true;
      if (auto filename = HeaderParameter(value, "filename")) part->filename = UnescapeName(*filename);
    }
  }
  if (!named) return Bad("a part has no Content-Disposition");
  if (!IsUtf8(part->name)) return Bad("a part's name is not UTF-8");
  return Done{};
}

}  // namespace

std::string MediaType(std::string_view content_type) {
  return ToLowerAscii(Trim(content_type.substr(0, content_type.find(';'))));
}

std::optional<std::string> HeaderParameter(std::string_view value, std::string_view name) {
  size_t at = value.find(';');
  while (at != std::string_view::npos && at < value.size()) {
    ++at;
    size_t equals = value.find('=', at);
    if (equals == std::string_view::npos) return std::nullopt;
    std::string_view key = Trim(value.substr(at, equals - at));
    std::string text;
    at = equals + 1;
    if (at < value.size() && value[at] == '"') {
      for (++at; at < value.size() && value[at] != '"'; ++at) {
        // A backslash escapes only a quote or itself: file names of old browsers hold bare ones.
        if (value[at] == '\\' && at + 1 < value.size() && (value[at + 1] == '"' || value[at + 1] == '\\')) ++at;
        text += value[at];
      }
      if (at >= value.size()) return std::nullopt;
      at = value.find(';', at);
    } else {
      size_t end = value.find(';', at);
      text = std::string(Trim(value.substr(at, end == std::string_view::npos ? end : end - at)));
      at = end;
    }
    if (EqualsIgnoreCase(key, name)) return text;
  }
  return std::nullopt;
}

Result<std::vector<FormPart>> ParseForm(std::string_view content_type, BytesView body) {
  if (MediaType(content_type) != "multipart/form-data") {
    return Bad("the Content-Type must be multipart/form-data");
  }
  std::optional<std::string> boundary = HeaderParameter(content_type, "boundary");
  if (!boundary || boundary->empty() || boundary->size() > 200) return Bad("the Content-Type has no usable boundary");
  std::string delimiter = "\r\n--" + *boundary;
  std::string_view opening = std::string_view(delimiter).substr(2);

  size_t at = 0;
  if (!body.starts_with(opening)) {
    at = body.find(delimiter);  // A preamble, which nobody writes.
    if (at == BytesView::npos) return Bad("the first boundary is missing");
    at += 2;
  }
  at += opening.size();
  std::vector<FormPart> parts;
  for (;;) {
    if (body.substr(at, 2) == "--") return parts;
    while (at < body.size() && (body[at] == ' ' || body[at] == '\t')) ++at;
    if (body.substr(at, 2) != "\r\n") return Bad("a boundary is not followed by a line end");
    at += 2;
    if (parts.size() == kFormPartsMax) {
      return Error(ErrorCode::kOverloaded, "upload form: more than " + std::to_string(kFormPartsMax) + " parts");
    }
    size_t head_end = body.substr(at, kFormPartHeadBytesMax).find("\r\n\r\n");
    if (head_end == BytesView::npos) return Bad("a part's head does not end");
    FormPart& part = parts.emplace_back();
    LIMPET_TRY([[maybe_unused]] Done read, ReadHead(body.substr(at, head_end), &part));
    // The line end before the delimiter belongs to it; an empty content begins with the delimiter itself.
    size_t content = at + head_end + 4;
    size_t end = body.find(delimiter, content - 2);
    if (end == BytesView::npos) return Bad("the last boundary is missing");
    part.content = end < content ? BytesView() : body.substr(content, end - content);
    at = end + delimiter.size();
  }
}

std::string FormWriter::Escape(std::string_view name) {
  std::string text;
  for (char c : name) {
    if (c == '"') {
      text += "%22";
    } else if (c == '\r') {
      text += "%0D";
    } else if (c == '\n') {
      text += "%0A";
    } else if (c == '\\') {
      text += "\\\\";  // Alone at the end it would escape the closing quote.
    } else {
      text += c;
    }
  }
  return text;
}

void FormWriter::Add(std::string_view name, std::optional<std::string_view> filename, std::string_view content_type,
                     BytesView content) {
  body_.append("--")
      .append(boundary_)
      .append("\r\nContent-Disposition: form-data; name=\"")
      .append(Escape(name))
      .append("\"");
  if (filename) body_.append("; filename=\"").append(Escape(*filename)).append("\"");
  if (!content_type.empty()) body_.append("\r\nContent-Type: ").append(content_type);
  body_.append("\r\n\r\n").append(content).append("\r\n");
}

Bytes FormWriter::Finish() && {
  body_.append("--").append(boundary_).append("--\r\n");
  return std::move(body_);
}

}  // namespace limpet
