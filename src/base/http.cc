#include "base/http.h"

namespace limpet {
namespace {

bool IsTokenChar(char c) {
  if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return true;
  return std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

}  // namespace

HeaderList::Entry HeaderList::operator[](size_t index) const {
  const Span& span = spans_[index];
  return {At(span.name_at, span.name_size), At(span.value_at, span.value_size)};
}

std::optional<std::string_view> HeaderList::Get(std::string_view name) const {
  for (const Span& span : spans_) {
    if (span.name_size == name.size() && EqualsIgnoreCase(At(span.name_at, span.name_size), name)) {
      return At(span.value_at, span.value_size);
    }
  }
  return std::nullopt;
}

std::optional<std::string> HeaderList::GetCombined(std::string_view name) const {
  std::optional<std::string> all;
  for (const Span& span : spans_) {
    if (!EqualsIgnoreCase(At(span.name_at, span.name_size), name)) continue;
    if (all) {
      all->append(", ");
    } else {
      all.emplace();
    }
    all->append(At(span.value_at, span.value_size));
  }
  return all;
}

void HeaderList::Append(std::string_view name, std::string_view value) {
  auto at = static_cast<uint32_t>(text_.size());
  auto name_size = static_cast<uint32_t>(name.size());
  text_.append(name).push_back('\0');
  text_.append(value).push_back('\0');
  spans_.push_back({at, name_size, at + name_size + 1, static_cast<uint32_t>(value.size())});
}

void HeaderList::Set(std::string_view name, std::string_view value) {
  bool done = false;
  packed_ = packed_ && !Has(name);
  for (size_t i = 0; i < spans_.size();) {
    Span& span = spans_[i];
    if (!EqualsIgnoreCase(At(span.name_at, span.name_size), name)) {
      ++i;
    } else if (done) {
      spans_.erase(spans_.begin() + static_cast<ptrdiff_t>(i));
    } else {
      span.value_at = static_cast<uint32_t>(text_.size());
      span.value_size = static_cast<uint32_t>(value.size());
      text_.append(value);
      done = true;
      ++i;
    }
  }
  if (!done) Append(name, value);
}

void HeaderList::Delete(std::string_view name) {
  size_t gone =
      std::erase_if(spans_, [&](const Span& span) { return EqualsIgnoreCase(At(span.name_at, span.name_size), name); });
  packed_ = packed_ && gone == 0;
}

void HeaderList::Reserve(size_t count, size_t bytes) {
  spans_.reserve(count);
  text_.reserve(bytes);
}

std::optional<std::string_view> HeaderList::PackedView() const {
  if (!packed_) return std::nullopt;
  return text_;
}

std::string HeaderList::Packed() const {
  if (packed_) return text_;
  HeaderList fresh;
  fresh.Reserve(spans_.size(), text_.size());
  for (size_t i = 0; i < spans_.size(); ++i) fresh.Append((*this)[i].name, (*this)[i].value);
  return std::move(fresh.text_);
}

HeaderList HeaderList::FromPacked(std::string packed) {
  HeaderList list;
  list.text_ = std::move(packed);
  std::string_view text = list.text_;
  for (size_t at = 0; at < text.size();) {
    size_t name_end = text.find('\0', at);
    size_t value_end = name_end == std::string_view::npos ? name_end : text.find('\0', name_end + 1);
    if (value_end == std::string_view::npos) {  // Not what Packed() gives: the rest is no header.
      list.text_.resize(at);
      break;
    }
    list.spans_.push_back({static_cast<uint32_t>(at), static_cast<uint32_t>(name_end - at),
                           static_cast<uint32_t>(name_end + 1), static_cast<uint32_t>(value_end - name_end - 1)});
    at = value_end + 1;
  }
  return list;
}

bool IsHeaderName(std::string_view name) {
  if (name.empty()) return false;
  for (char c : name) {
    if (!IsTokenChar(c)) return false;
  }
  return true;
}

bool IsHeaderValue(std::string_view value) {
  for (char c : value) {
    if (c == '\0' || c == '\r' || c == '\n') return false;
  }
  return true;
}

std::string_view StandardReason(int status) {
  switch (status) {
    case 100: return "Continue";
    case 101: return "Switching Protocols";
    case 103: return "Early Hints";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 203: return "Non-Authoritative Information";
    case 204: return "No Content";
    case 205: return "Reset Content";
    case 206: return "Partial Content";
    case 207: return "Multi-Status";
    case 208: return "Already Reported";
    case 226: return "IM Used";
    case 300: return "Multiple Choices";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 305: return "Use Proxy";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 402: return "Payment Required";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 407: return "Proxy Authentication Required";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Payload Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 417: return "Expectation Failed";
    case 418: return "I'm a teapot";
    case 421: return "Misdirected Request";
    case 422: return "Unprocessable Entity";
    case 423: return "Locked";
    case 424: return "Failed Dependency";
    case 425: return "Too Early";
    case 426: return "Upgrade Required";
    case 428: return "Precondition Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 451: return "Unavailable For Legal Reasons";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    case 507: return "Insufficient Storage";
    case 511: return "Network Authentication Required";
    default: return "";
  }
}

}  // namespace limpet
