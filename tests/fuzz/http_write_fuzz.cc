// Writes the heads of requests and responses from what a script could give (a method, a URL, a status, headers), and
// reads them with our own strict reader: what is written is one message, with the framing that was meant, whatever the
// input. The input is lines: method, URL, status, status text, then "name:value" for each header.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "net/http_head.h"
#include "net/request_head.h"
#include "net/response_head.h"

namespace {

using limpet::net::Framing;
using limpet::net::HeadScanner;

constexpr limpet::net::HeadLimits kLimits{
    .head_bytes_max = 1 << 20, .header_count_max = 1 << 16, .target_bytes_max = 1 << 20};

void Require(bool condition) {
  if (!condition) std::abort();
}

// Lines end with a byte 1, so that CR, LF and NUL may be anywhere.
std::string_view TakeLine(std::string_view& in) {
  size_t end = in.find('\1');
  std::string_view line = in.substr(0, end);
  in.remove_prefix(end == std::string_view::npos ? in.size() : end + 1);
  return line;
}

// That `head` is one head and nothing else.
void RequireOneHead(std::string_view head) {
  HeadScanner scanner;
  HeadScanner::Found found = scanner.Scan(head, kLimits);
  Require(!found.problem && found.head_size == head.size());
}

void WriteRequest(const limpet::HttpRequest& request, bool has_body) {
  limpet::Result<limpet::net::Target> target = limpet::net::ParseUrl(request.url);
  if (!target) return;
  limpet::Result<std::string> head = limpet::net::MakeRequestHead(request, *target);
  if (!head) return;
  RequireOneHead(*head);
  limpet::net::RequestHead read;
  limpet::HeaderList headers;
  std::optional<limpet::net::HeadProblem> problem = limpet::net::ParseRequestHead(*head, kLimits, read, headers);
  // Methods that our own server does not have, and values that it refuses in others, may be sent.
  if (problem && problem->status == 501 && problem->text.starts_with("This method")) return;
  if (problem && problem->text == "A header value holds a control character.") return;
  Require(!problem);
  Require(read.method == request.method && read.host == target->authority && read.target == target->path);
  Require(read.keep_alive && !read.expect_continue);
  Require(!has_body || (read.framing == Framing::kLength && read.length == request.body.bytes.size()));
  Require(headers.size() <= request.headers.size() + 2);  // Host, Content-Length.
}

void WriteResponse(const limpet::HttpResponse& response, const limpet::net::ExchangeFacts& facts) {
  std::string head = "before";
  limpet::Result<limpet::net::ResponsePlan> plan = limpet::net::AppendResponseHead(response, facts, head);
  if (!plan) return Require(head == "before");
  head.erase(0, 6);
  RequireOneHead(head);
  limpet::net::ResponseHead read;
  limpet::HeaderList headers;
  std::optional<limpet::net::HeadProblem> problem = limpet::net::ParseResponseHead(head, kLimits, read, headers);
  if (problem && problem->text.ends_with("control character.")) return;
  Require(!problem);
  Require(read.status == response.status);
  Require(!plan->keep_alive || read.keep_alive);
  bool no_body = facts.head_request || response.status == 204 || response.status == 304;
  if (no_body) return Require(plan->framing == Framing::kNone);
  Require(read.framing == Framing::kLength);
  if (response.status != 205) Require(read.length == response.body.bytes.size() && plan->length == read.length);
  Require(headers.size() <= response.headers.size() + 2);  // Content-Length, Connection.
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  std::string_view in(reinterpret_cast<const char*>(data) + 1, size - 1);
  bool has_body = (data[0] & 1) != 0;
  limpet::net::ExchangeFacts facts{
      .head_request = (data[0] & 2) != 0, .http_1_0 = (data[0] & 4) != 0, .keep_alive = (data[0] & 8) != 0};
  limpet::HttpRequest request;
  limpet::HttpResponse response;
  request.method = TakeLine(in);
  request.url = TakeLine(in);
  response.status = 0;
  for (char c : TakeLine(in).substr(0, 4)) response.status = response.status * 10 + (c - '0');
  response.status_text = TakeLine(in);
  limpet::HeaderList headers;
  while (!in.empty()) {
    std::string_view line = TakeLine(in);
    size_t colon = line.find(':');
    headers.Append(line.substr(0, colon), colon == std::string_view::npos ? "" : line.substr(colon + 1));
  }
  request.headers = response.headers = headers;
  if (has_body) {
    request.body = limpet::Body::Of("four");
    response.body = limpet::Body::Of("eleven byte");
  }
  WriteRequest(request, has_body);
  WriteResponse(response, facts);
  return 0;
}
