// Reads the head of an HTTP/1.1 message, strictly (RFC 9112): what two readers could take for two different messages
// is refused, never repaired. Pure functions over bytes: no I/O, any thread. Views point into the bytes given.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/http.h"

namespace limpet::net {

struct HeadLimits {
  size_t head_bytes_max = 128 * 1024;   // Request line and headers together: 431.
  size_t header_count_max = 512;        // 431.
  size_t target_bytes_max = 16 * 1024;  // 414.
};

// Why a head is refused: the status that a server answers with and what is wrong, as a sentence for people.
struct HeadProblem {
  int status;
  std::string_view text;
};

// How the length of a body is known.
enum class Framing : uint8_t { kNone, kLength, kChunked, kUntilClose };

struct RequestHead {
  std::string_view method;
  std::string_view target;  // As sent.
  std::string_view host;    // The Host header; empty only if HTTP/1.0 sent none.
  bool http_1_0 = false;
  bool keep_alive = true;
  bool expect_continue = false;
  Framing framing = Framing::kNone;  // Never kUntilClose.
  uint64_t length = 0;               // If kLength.
};

struct ResponseHead {
  int status = 0;
  std::string_view reason;
  bool keep_alive = true;
  Framing framing = Framing::kNone;  // Before what HEAD, 1xx, 204 and 304 say about it.
  uint64_t length = 0;
};

// Finds the blank line that ends a head, looking at each byte once over many calls.
class HeadScanner {
 public:
  // `in`: all bytes of the head so far. The size of the whole head with its blank line, or 0 if more is needed, or a
  // problem that shows already (an unending head is refused before it is complete).
  struct Found {
    size_t head_size = 0;
    std::optional<HeadProblem> problem;
  };
  Found Scan(std::string_view in, const HeadLimits& limits);
  void Reset() { *this = HeadScanner(); }

 private:
  size_t scanned_ = 0;
  size_t line_start_ = 0;
};

// `head`: what HeadScanner found. Headers are appended to `headers` in order, without surrounding spaces.
std::optional<HeadProblem> ParseRequestHead(std::string_view head, const HeadLimits& limits, RequestHead& out,
                                            HeaderList& headers);
std::optional<HeadProblem> ParseResponseHead(std::string_view head, const HeadLimits& limits, ResponseHead& out,
                                             HeaderList& headers);

// The absolute URL of a request: "SCHEME://HOST/path?query". Bytes beyond ASCII come out percent-encoded. A target in
// absolute form brings its own host (its scheme is that of the connection all the same); `host` is set to it.
// `local_host` stands in where HTTP/1.0 sent no Host.
std::optional<HeadProblem> BuildUrl(const RequestHead& head, std::string_view scheme, std::string_view local_host,
                                    std::string& url, std::string& host);

// "name", "name:80", "[::1]:80": what may stand in Host. No user info, no spaces, no empty name.
bool IsHost(std::string_view host);

}  // namespace limpet::net
