#include "net/http_head.h"

#include <gtest/gtest.h>

#include "net/chunked.h"

namespace limpet::net {
namespace {

using namespace std::string_literals;

struct Parsed {
  int problem = 0;  // The status it is refused with; 0: taken.
  std::string text;
  RequestHead head;
  HeaderList headers;
  std::string url, host;
};

// As the server does it, the bytes coming in pieces of `step`.
Parsed Parse(const std::string& bytes, size_t step = SIZE_MAX, HeadLimits limits = {}) {
  HeadScanner scanner;
  HeadScanner::Found found;
  Parsed out;
  for (size_t size = 0; size < bytes.size() && found.head_size == 0 && !found.problem;) {
    size += std::min(step, bytes.size() - size);
    found = scanner.Scan(std::string_view(bytes).substr(0, size), limits);
  }
  std::optional<HeadProblem> problem = found.problem;
  if (!problem && found.head_size == 0) return out.problem = -1, out;  // Waits for more.
  if (!problem) {
    problem = ParseRequestHead(std::string_view(bytes).substr(0, found.head_size), limits, out.head, out.headers);
  }
  if (!problem) problem = BuildUrl(out.head, "http", "local:1", out.url, out.host);
  if (problem) {
    out.problem = problem->status;
    out.text = problem->text;
  }
  return out;
}

TEST(HttpHead, ReadsAPlainRequestWhateverThePieces) {
  std::string bytes =
      "POST /a/b?c=d HTTP/1.1\r\nHost: example.test:8080\r\nX-One:  1 \t\r\nx-one: 2\r\nContent-Length: 12\r\n\r\nrest";
  for (size_t step : {size_t{1}, size_t{2}, size_t{7}, bytes.size()}) {
    Parsed parsed = Parse(bytes, step);
    ASSERT_EQ(parsed.problem, 0) << parsed.text;
    EXPECT_EQ(parsed.head.method, "POST");
    EXPECT_EQ(parsed.url, "http://example.test:8080/a/b?c=d");
    EXPECT_EQ(parsed.headers.GetCombined("X-ONE"), "1, 2");
    EXPECT_EQ(parsed.headers[1].name, "X-One");
    EXPECT_EQ(parsed.head.framing, Framing::kLength);
    EXPECT_EQ(parsed.head.length, 12u);
    EXPECT_TRUE(parsed.head.keep_alive);
  }
}

struct Vector {
  const char* name;
  std::string bytes;
  int problem;
};

// Requests that readers disagree about (request smuggling) and plainly broken ones.
const Vector kVectors[] = {
    {"length and chunked", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
     400},
    {"lengths that differ", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n", 400},
    {"lengths that repeat", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\n", 400},
    {"length list", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4, 4\r\n\r\n", 400},
    {"length signed", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +4\r\n\r\n", 400},
    {"length hex", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x4\r\n\r\n", 400},
    {"length empty", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n", 400},
    {"length huge", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", 400},
    {"coding unknown", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501},
    {"coding obscured", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n", 501},
    {"coding twice", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
     501},
    {"coding with vertical tab",
     "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \x0b"
     "chunked\r\n\r\n",
     400},
    {"coding chunked twice in one", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", 501},
    {"coding identity", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n", 501},
    {"coding empty", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\r\n\r\n", 501},
    {"coding quoted", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \"chunked\"\r\n\r\n", 501},
    {"coding with parameter", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked;a=b\r\n\r\n", 501},
    {"coding with comma", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked,\r\n\r\n", 501},
    {"coding folded", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\r\n chunked\r\n\r\n", 400},
    {"good coding in tabs and capitals", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\tChunked\t\r\n\r\n", 0},
    {"length and obscured coding",
     "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: xchunked\r\n\r\n", 400},
    {"length with a space inside", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1 2\r\n\r\n", 400},
    {"length negative", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400},
    {"length with an underscore", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1_0\r\n\r\n", 400},
    {"CR before the colon", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length\r: 4\r\n\r\n", 400},
    {"bare CR in the request line", "GET /\rX HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"CR CR LF", "GET / HTTP/1.1\r\nHost: x\r\r\n\r\n", 400},
    {"coding in 1.0", "POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"space before colon", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n", 400},
    {"space before first header", "GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400},
    {"folded header", "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", 400},
    {"bare CR in value", "GET / HTTP/1.1\r\nHost: x\r\nA: b\rB: c\r\n\r\n", 400},
    {"bare LF as line end", "GET / HTTP/1.1\nHost: x\n\n", 400},
    {"bare LF in headers", "GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n", 400},
    {"NUL in value", "GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n"s, 400},
    {"NUL in name", "GET / HTTP/1.1\r\nHost: x\r\nA\0B: c\r\n\r\n"s, 400},
    {"name empty", "GET / HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n", 400},
    {"no colon", "GET / HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n", 400},
    {"name not ASCII", "GET / HTTP/1.1\r\nHost: x\r\n\xc3\xa4: b\r\n\r\n", 400},
    {"host missing", "GET / HTTP/1.1\r\nA: b\r\n\r\n", 400},
    {"host twice", "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400},
    {"host empty", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
    {"host with user", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400},
    {"host with path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
    {"host with space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
    {"host with port over range", "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", 400},
    {"host not UTF-8", "GET / HTTP/1.1\r\nHost: \xff\r\n\r\n", 400},
    {"target missing", "GET HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"target with space", "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"target with tab", "GET /a\tb HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"target with fragment", "GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"target relative", "GET a HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"target of other scheme", "GET ftp://x/ HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"target with user", "GET http://u@x/ HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"target star", "GET * HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"method invalid", "G(T / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"method unknown", "FOO / HTTP/1.1\r\nHost: x\r\n\r\n", 501},
    {"method small", "get / HTTP/1.1\r\nHost: x\r\n\r\n", 501},
    {"good method", "PROPFIND / HTTP/1.1\r\nHost: x\r\n\r\n", 0},
    {"CONNECT", "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", 501},
    {"TRACE", "TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", 501},
    {"version 2", "GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505},
    {"version long", "GET / HTTP/1.10\r\nHost: x\r\n\r\n", 400},
    {"version small", "GET / http/1.1\r\nHost: x\r\n\r\n", 400},
    {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
    {"TLS to a plain port", "\x16\x03\x01\x02", 400},
    {"expectation unknown", "GET / HTTP/1.1\r\nHost: x\r\nExpect: magic\r\n\r\n", 417},
    {"target too long", "GET /" + std::string(17'000, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n", 414},
    {"target without end", "GET /" + std::string(20'000, 'a'), 414},
    {"header too large", "GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(140'000, 'a') + "\r\n\r\n", 431},
    {"header without end", "GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(140'000, 'a'), 431},
    {"good absolute", "GET http://other.test:81/p?q HTTP/1.1\r\nHost: x\r\n\r\n", 0},
    {"good IPv6 host", "GET / HTTP/1.1\r\nHost: [::1]:8787\r\n\r\n", 0},
    {"good 1.0", "GET / HTTP/1.0\r\n\r\n", 0},
    {"good OPTIONS star", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 0},
    {"good value not ASCII", "GET / HTTP/1.1\r\nHost: x\r\nA: \xff\xc3\xa4\r\n\r\n", 0},
};

TEST(HttpHead, RefusesWhatReadersCouldDisagreeAbout) {
  for (const Vector& vector : kVectors) {
    for (size_t step : {size_t{1}, size_t{1000}, SIZE_MAX}) {
      if (step == 1 && vector.bytes.size() > 1000) continue;
      Parsed parsed = Parse(vector.bytes, step);
      EXPECT_EQ(parsed.problem, vector.problem) << vector.name << " in steps of " << step << ": " << parsed.text;
      if (vector.problem != 0) EXPECT_FALSE(parsed.text.empty()) << vector.name;
    }
  }
}

TEST(HttpHead, CountsHeaders) {
  std::string bytes = "GET / HTTP/1.1\r\nHost: x\r\n";
  for (int i = 0; i < 600; ++i) bytes += "a: b\r\n";
  EXPECT_EQ(Parse(bytes + "\r\n").problem, 431);
}

TEST(HttpHead, MakesTheUrlFromTheTarget) {
  EXPECT_EQ(Parse("GET http://other.test:81/p?q HTTP/1.1\r\nHost: x\r\n\r\n").url, "http://other.test:81/p?q");
  EXPECT_EQ(Parse("GET http://other.test?q HTTP/1.1\r\nHost: x\r\n\r\n").url, "http://other.test/?q");
  EXPECT_EQ(Parse("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n").url, "http://x/");
  EXPECT_EQ(Parse("GET / HTTP/1.0\r\n\r\n").url, "http://local:1/");
  EXPECT_EQ(Parse("GET /\xc3\xa4\xff HTTP/1.1\r\nHost: x\r\n\r\n").url, "http://x/%C3%A4%FF");
}

TEST(HttpHead, ReadsConnectionOptions) {
  EXPECT_FALSE(Parse("GET / HTTP/1.1\r\nHost: x\r\nConnection: foo, Close\r\n\r\n").head.keep_alive);
  EXPECT_FALSE(Parse("GET / HTTP/1.0\r\n\r\n").head.keep_alive);
  EXPECT_TRUE(Parse("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").head.keep_alive);
}

TEST(HttpHead, ReadsResponses) {
  ResponseHead head;
  HeaderList headers;
  EXPECT_FALSE(ParseResponseHead("HTTP/1.1 404 Not Found\r\nA: b\r\n\r\n", {}, head, headers));
  EXPECT_EQ(head.status, 404);
  EXPECT_EQ(head.reason, "Not Found");
  EXPECT_EQ(head.framing, Framing::kUntilClose);
  for (const char* broken : {"HTTP/1.1 99 x\r\n\r\n", "HTTP/1.1 200OK\r\n\r\n", "HTTP/1.1\r\n\r\n", "\r\n\r\n",
                             "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                             "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"}) {
    EXPECT_TRUE(ParseResponseHead(broken, {}, head, headers)) << broken;
  }
}

TEST(ChunkDecoder, DecodesWhateverThePieces) {
  std::string coded = "5\r\nhello\r\n00A;a=\"b\"\r\n0123456789\r\n0\r\nT: x\r\n\r\nNEXT";
  for (size_t step = 1; step <= coded.size(); ++step) {
    ChunkDecoder decoder;
    Bytes out;
    size_t at = 0;
    for (size_t end = 0; end < coded.size() && !decoder.done();) {
      end = std::min(end + step, coded.size());
      at += decoder.Decode(std::string_view(coded).substr(at, end - at), out, 1 << 20).value();
    }
    EXPECT_TRUE(decoder.done());
    EXPECT_EQ(out, "hello0123456789");
    EXPECT_EQ(coded.substr(at), "NEXT");
  }
}

TEST(ChunkDecoder, RefusesBrokenCodings) {
  for (const char* broken :
       {"\r\n", "x\r\n", "5 \r\nhello\r\n", "-1\r\n", "0x5\r\n", "5\nhello\r\n", "5\r\nhello\n", "5\r\nhelloX\r\n",
        "5\r\nhello\rX", "1000000000000000\r\n", "5;\n\r\n", "0\r\nT: x\n\r\n", "5;a=\x01\r\n"}) {
    ChunkDecoder decoder;
    Bytes out;
    EXPECT_FALSE(decoder.Decode(broken, out, 1 << 20).has_value()) << broken;
  }
  ChunkDecoder decoder;
  Bytes out;
  EXPECT_FALSE(decoder.Decode("5;" + std::string(kChunkLineBytesMax, 'e'), out, 100).has_value());
  // Extensions without content: a little is taken, a flood is not.
  std::string flood;
  for (int i = 0; i < 20; ++i) flood += "1;" + std::string(kChunkLineBytesMax - 10, 'e') + "\r\nx\r\n";
  ChunkDecoder flooded, some;
  EXPECT_TRUE(some.Decode(flood.substr(0, flood.size() / 2), out, 100).has_value());
  EXPECT_FALSE(flooded.Decode(flood, out, 100).has_value());
  std::string small;
  for (int i = 0; i < 5000; ++i) small += "1\r\nx\r\n";
  ChunkDecoder byte_by_byte;
  EXPECT_TRUE(byte_by_byte.Decode(small, out, 10'000).has_value());
  ChunkDecoder trailers;
  EXPECT_FALSE(trailers.Decode("0\r\n" + std::string(kTrailerBytesMax + 1, 't'), out, 100).has_value());
}

}  // namespace
}  // namespace limpet::net
