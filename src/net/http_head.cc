#include "net/http_head.h"

#include <array>
#include <cstring>

#include "base/bytes.h"

namespace limpet::net {
namespace {

constexpr size_t kRequestLineExtraBytes = 64;  // What a request line holds beside its target.

// What scripts can have in a Request, but for TRACE, which would show them the headers that proxies add.
constexpr std::string_view kMethods[] = {
    "GET",        "POST",     "HEAD",  "PUT",      "DELETE",    "OPTIONS",   "PATCH",       "PURGE", "COPY",
    "LOCK",       "MKCOL",    "MOVE",  "PROPFIND", "PROPPATCH", "SEARCH",    "UNLOCK",      "ACL",   "REPORT",
    "MKACTIVITY", "CHECKOUT", "MERGE", "MSEARCH",  "NOTIFY",    "SUBSCRIBE", "UNSUBSCRIBE", "QUERY", "BAN"};

constexpr std::array<bool, 256> MakeTokenTable() {
  std::array<bool, 256> table{};
  for (int c = '0'; c <= '9'; ++c) table[c] = true;
  for (int c = 'a'; c <= 'z'; ++c) table[c] = table[c - 'a' + 'A'] = true;
  for (char c : std::string_view("!#$%&'*+-.^_`|~")) table[static_cast<unsigned char>(c)] = true;
  return table;
}
constexpr std::array<bool, 256> kToken = MakeTokenTable();

bool IsTokenChar(char c) { return kToken[static_cast<unsigned char>(c)]; }
// field-vchar, obs-text, space or tab.
bool IsValueChar(char c) {
  auto byte = static_cast<unsigned char>(c);
  return (byte >= 0x20 && byte != 0x7f) || byte == '\t';
}
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsAlphanumeric(char c) { return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

std::string_view TrimSpace(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// What the headers say about connection and framing.
struct Facts {
  std::optional<uint64_t> length;
  bool lengths_repeat = false;
  std::string_view transfer_encoding;
  size_t transfer_encodings = 0;
  bool close = false;
  bool keep_alive = false;
  std::string_view host;
  size_t hosts = 0;
  std::string_view expect;
};

std::optional<HeadProblem> NoteLength(std::string_view value, Facts& facts) {
  if (value.empty()) return HeadProblem{400, "Content-Length is empty."};
  uint64_t length = 0;
  for (char c : value) {
    if (!IsDigit(c)) return HeadProblem{400, "Content-Length is not a number."};
    if (length > (UINT64_MAX - 9) / 10) return HeadProblem{400, "Content-Length is out of range."};
    length = length * 10 + static_cast<uint64_t>(c - '0');
  }
  if (facts.length && *facts.length != length) return HeadProblem{400, "Content-Length headers differ."};
  facts.lengths_repeat = facts.length.has_value();
  facts.length = length;
  return std::nullopt;
}

void NoteConnection(std::string_view value, Facts& facts) {
  while (!value.empty()) {
    size_t comma = value.find(',');
    std::string_view option = TrimSpace(value.substr(0, comma));
    if (EqualsIgnoreCase(option, "close")) facts.close = true;
    if (EqualsIgnoreCase(option, "keep-alive")) facts.keep_alive = true;
    value = comma == std::string_view::npos ? std::string_view() : value.substr(comma + 1);
  }
}

std::optional<HeadProblem> Note(std::string_view name, std::string_view value, Facts& facts) {
  switch (name.size()) {
    case 4:
      if (EqualsIgnoreCase(name, "host")) {
        facts.host = value;
        ++facts.hosts;
      }
      break;
    case 6:
      if (EqualsIgnoreCase(name, "expect")) facts.expect = value;
      break;
    case 10:
      if (EqualsIgnoreCase(name, "connection")) NoteConnection(value, facts);
      break;
    case 14:
      if (EqualsIgnoreCase(name, "content-length")) return NoteLength(value, facts);
      break;
    case 17:
      if (EqualsIgnoreCase(name, "transfer-encoding")) {
        facts.transfer_encoding = value;
        ++facts.transfer_encodings;
      }
      break;
    default: break;
  }
  return std::nullopt;
}

// Takes one line off `rest`, which ends with a line end.
std::string_view TakeLine(std::string_view& rest) {
  size_t end = rest.find('\n');
  std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

std::optional<HeadProblem> ParseFields(std::string_view rest, const HeadLimits& limits, Facts& facts,
                                       HeaderList& headers) {
  headers.Reserve(12, rest.size() + 64);  // Room for what the server adds.
  size_t count = 0;
  for (std::string_view line = TakeLine(rest); !line.empty(); line = TakeLine(rest)) {
    if (++count > limits.header_count_max) return HeadProblem{431, "There are too many headers."};
    size_t colon = 0;
    while (colon < line.size() && IsTokenChar(line[colon])) ++colon;
    if (colon == 0 || colon == line.size() || line[colon] != ':') {
      if (line.front() == ' ' || line.front() == '\t') return HeadProblem{400, "A header is folded over two lines."};
      return HeadProblem{400, "A header name is invalid."};
    }
    std::string_view value = TrimSpace(line.substr(colon + 1));
    for (char c : value) {
      if (!IsValueChar(c)) return HeadProblem{400, "A header value holds a control character."};
    }
    std::string_view name = line.substr(0, colon);
    if (std::optional<HeadProblem> problem = Note(name, value, facts)) return problem;
    headers.Append(name, value);
  }
  return std::nullopt;
}

std::optional<HeadProblem> DecideFraming(const Facts& facts, bool http_1_0, Framing& framing, uint64_t& length) {
  if (facts.transfer_encodings > 0) {
    if (facts.length) return HeadProblem{400, "There are both Content-Length and Transfer-Encoding."};
    if (http_1_0) return HeadProblem{400, "HTTP/1.0 has no Transfer-Encoding."};
    if (facts.transfer_encodings > 1 || !EqualsIgnoreCase(facts.transfer_encoding, "chunked")) {
      return HeadProblem{501, "Transfer-Encoding is not supported but for chunked alone."};
    }
    framing = Framing::kChunked;
  } else if (facts.length) {
    framing = Framing::kLength;
    length = *facts.length;
  }
  return std::nullopt;
}

// "HTTP/1.1" or "HTTP/1.0"; a later minor version is read as 1.1.
std::optional<HeadProblem> ParseVersion(std::string_view text, bool& http_1_0) {
  if (text.size() != 8 || text.substr(0, 5) != "HTTP/" || !IsDigit(text[5]) || text[6] != '.' || !IsDigit(text[7])) {
    return HeadProblem{400, "The HTTP version is invalid."};
  }
  if (text[5] != '1') return HeadProblem{505, "This HTTP version is not supported."};
  http_1_0 = text[7] == '0';
  return std::nullopt;
}

std::optional<HeadProblem> ParseRequestLine(std::string_view line, const HeadLimits& limits, RequestHead& out) {
  size_t space = line.find(' ');
  size_t last = line.rfind(' ');
  if (space == std::string_view::npos || space == last) return HeadProblem{400, "The request line is invalid."};
  out.method = line.substr(0, space);
  out.target = line.substr(space + 1, last - space - 1);
  if (!IsHeaderName(out.method)) return HeadProblem{400, "The method is invalid."};
  if (out.target.size() > limits.target_bytes_max) return HeadProblem{414, "The request target is too long."};
  if (out.target.empty()) return HeadProblem{400, "The request target is empty."};
  for (char c : out.target) {
    auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte == 0x7f || byte == '#') return HeadProblem{400, "The request target is invalid."};
  }
  if (std::optional<HeadProblem> problem = ParseVersion(line.substr(last + 1), out.http_1_0)) return problem;
  for (std::string_view method : kMethods) {
    if (out.method == method) return std::nullopt;
  }
  return HeadProblem{501, "This method is not supported."};
}

bool IsPort(std::string_view port) {
  unsigned value = 0;
  for (char c : port) {
    if (!IsDigit(c)) return false;
    value = value * 10 + static_cast<unsigned>(c - '0');
    if (value > 65535) return false;
  }
  return true;
}

void AppendPath(std::string_view path, std::string& url) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  for (char c : path) {
    auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      url.push_back(c);
    } else {
      url.push_back('%');
      url.push_back(kHex[byte >> 4]);
      url.push_back(kHex[byte & 15]);
    }
  }
}

}  // namespace

HeadScanner::Found HeadScanner::Scan(std::string_view in, const HeadLimits& limits) {
  if (scanned_ == 0 && !in.empty() && !IsTokenChar(in[0])) return {0, HeadProblem{400, "This is not HTTP."}};
  while (scanned_ < in.size()) {
    const void* found = std::memchr(in.data() + scanned_, '\n', in.size() - scanned_);
    if (found == nullptr) {
      scanned_ = in.size();
      break;
    }
    auto at = static_cast<size_t>(static_cast<const char*>(found) - in.data());
    if (at == 0 || in[at - 1] != '\r') return {0, HeadProblem{400, "A line ends without a carriage return."}};
    bool blank = at == line_start_ + 1;
    // As below, for a line that came in one piece: the same bytes have the same end however they come.
    bool too_long = line_start_ == 0 && at + 1 > limits.target_bytes_max + kRequestLineExtraBytes;
    if (too_long) return {0, HeadProblem{414, "The request target is too long."}};
    scanned_ = line_start_ = at + 1;
    if (scanned_ > limits.head_bytes_max) break;
    if (blank) return {scanned_, std::nullopt};
  }
  if (line_start_ == 0 && scanned_ > limits.target_bytes_max + kRequestLineExtraBytes) {
    return {0, HeadProblem{414, "The request target is too long."}};
  }
  if (scanned_ > limits.head_bytes_max) return {0, HeadProblem{431, "The headers are too large."}};
  return {};
}

std::optional<HeadProblem> ParseRequestHead(std::string_view head, const HeadLimits& limits, RequestHead& out,
                                            HeaderList& headers) {
  std::string_view rest = head;
  if (std::optional<HeadProblem> problem = ParseRequestLine(TakeLine(rest), limits, out)) return problem;
  Facts facts;
  if (std::optional<HeadProblem> problem = ParseFields(rest, limits, facts, headers)) return problem;
  if (facts.lengths_repeat) return HeadProblem{400, "Content-Length is given twice."};
  if (facts.hosts > 1) return HeadProblem{400, "There is more than one Host header."};
  if (facts.hosts == 0 && !out.http_1_0) return HeadProblem{400, "The Host header is missing."};
  if (facts.hosts == 1 && !IsHost(facts.host)) return HeadProblem{400, "The Host header is invalid."};
  out.host = facts.host;
  out.keep_alive = !facts.close && (!out.http_1_0 || facts.keep_alive);
  if (!facts.expect.empty() && !out.http_1_0) {
    if (!EqualsIgnoreCase(facts.expect, "100-continue")) return HeadProblem{417, "This expectation can't be met."};
    out.expect_continue = true;
  }
  return DecideFraming(facts, out.http_1_0, out.framing, out.length);
}

std::optional<HeadProblem> ParseResponseHead(std::string_view head, const HeadLimits& limits, ResponseHead& out,
                                             HeaderList& headers) {
  std::string_view rest = head;
  std::string_view line = TakeLine(rest);
  bool http_1_0 = false;
  if (std::optional<HeadProblem> problem = ParseVersion(line.substr(0, 8), http_1_0)) return problem;
  if (line.size() < 12 || line[8] != ' ' || !IsDigit(line[9]) || !IsDigit(line[10]) || !IsDigit(line[11]) ||
      (line.size() > 12 && line[12] != ' ') || line[9] == '0') {
    return HeadProblem{502, "The status line is invalid."};
  }
  out.status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
  out.reason = line.size() > 13 ? line.substr(13) : std::string_view();
  for (char c : out.reason) {
    if (!IsValueChar(c)) return HeadProblem{502, "The reason phrase holds a control character."};
  }
  Facts facts;
  if (std::optional<HeadProblem> problem = ParseFields(rest, limits, facts, headers)) return problem;
  out.keep_alive = !facts.close && (!http_1_0 || facts.keep_alive);
  out.framing = Framing::kUntilClose;
  return DecideFraming(facts, http_1_0, out.framing, out.length);
}

bool IsHost(std::string_view host) {
  std::string_view port;
  if (host.empty()) return false;
  if (host.front() == '[') {
    size_t end = host.find(']');
    if (end == std::string_view::npos || end < 3) return false;
    for (char c : host.substr(1, end - 1)) {
      if (!IsAlphanumeric(c) && c != ':' && c != '.') return false;
    }
    port = host.substr(end + 1);
    if (!port.empty() && port.front() != ':') return false;
  } else {
    size_t colon = host.find(':');
    std::string_view name = host.substr(0, colon);
    if (name.empty()) return false;
    for (char c : name) {
      if (!IsAlphanumeric(c) && c != '-' && c != '.' && c != '_' && c != '~') return false;
    }
    port = colon == std::string_view::npos ? std::string_view() : host.substr(colon);
  }
  return port.empty() || IsPort(port.substr(1));
}

std::optional<HeadProblem> BuildUrl(const RequestHead& head, std::string_view scheme, std::string_view local_host,
                                    std::string& url, std::string& host) {
  std::string_view target = head.target;
  std::string_view authority = head.host.empty() ? local_host : head.host;
  if (target == "*") {
    if (head.method != "OPTIONS") return HeadProblem{400, "The request target is invalid."};
    target = "/";
  } else if (target.front() != '/') {
    // Absolute form: the host of the target counts, whatever Host says (RFC 9112, 3.2.2).
    size_t colon = target.find("://");
    std::string_view given = target.substr(0, colon);
    if (colon == std::string_view::npos || (!EqualsIgnoreCase(given, "http") && !EqualsIgnoreCase(given, "https"))) {
      return HeadProblem{400, "The request target is invalid."};
    }
    target.remove_prefix(colon + 3);
    size_t end = target.find_first_of("/?");
    authority = target.substr(0, end);
    target = end == std::string_view::npos ? std::string_view() : target.substr(end);
    if (!IsHost(authority)) return HeadProblem{400, "The host in the request target is invalid."};
  }
  host.assign(authority);
  url.clear();
  url.reserve(scheme.size() + 4 + authority.size() + target.size());
  url.append(scheme).append("://").append(authority);
  if (target.empty() || target.front() != '/') url.push_back('/');
  AppendPath(target, url);
  return std::nullopt;
}

}  // namespace limpet::net
