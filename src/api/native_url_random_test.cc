// Addresses at random through our binding of ada: it lives in the host, so libFuzzer can't instrument it. A seed is one
// round of mutations of the list below, and all that is asked of a result holds for any input. More rounds, or one
// again:
//   LIMPET_URL_SEED=17 LIMPET_URL_ROUNDS=100000 node tests/host.cjs build/…/limpet_api_test.node
//   --gtest_filter='*AtRandom*'
#include <stdlib.h>

#include "api/native_testing.h"

namespace limpet::api {
namespace {

constexpr const char* kScript = R"JS((first, rounds) => {
  const corpus = ["http://example.com/", "https://user:pw@host:8080/a/../b;c?q=1&r=%41#frag", "HTTP://EXAMPLE.com:80/%7Efoo", "//host/path",
    "/abs", "rel/../..", "?q", "#h", "", "http://[::1]:81/", "http://[1:2::3.4.5.6]/", "http://0x7f.1/", "http://1.2.3/", "http://256.1.1.1/",
    "http://\u{e9}x\u{e4}mple.\u4e2d\u56fd/\u{1f600}?\u{e9}#\u{e9}", "http://xn--bcher-kva.example/", "http://ex\u00adample.com/", "http://a%2eb/",
    "file:///C:/x/../y", "file://host/C|/x", "file:c:\\x\\y", "data:text/plain,x y ", "javascript:alert(1)//  ", "mailto:a@b?c", "blob:https://x/y",
    "non-special://h/p/../q", "non-special:/..//p", "web+demo:/.//not-a-host/", "ws://h:65536/", "ws://h:0443/", "http:\\\\x\\y", "http://a b/",
    "http://h/\t\n\r x", " \u0000http://x \u0000", "http://u@@h/", "http://h:/", "http://:80/", "http://h?a/b@c", "ftp://h:21/;type=a",
    "http://\ud800/", "http://h/\udc00?\ud800#\udfff", "about:blank", "urn:x:y", "http://" + "a.".repeat(130), "http://h/" + "../".repeat(40)];
  const parts = ["href", "protocol", "username", "password", "host", "hostname", "port", "pathname", "search", "hash"];
  const pieces = ["/", "//", "\\", "..", ".", "%2e", "%", "%zz", ":", "@", "[", "]", "?", "#", "|", " ", "\t", "\n", "\u0000", "\u{e9}", "\u{1f600}", "\ud800",
    "http:", "file:", "x:", "0x", "::", "\u3002", "\uff0e", "xn--", "localhost", "443", "<", "^", "'", "\"", "\u00df", "\u200d"];
  let state = 0;
  const next = (below) => {  // xorshift32
    state ^= state << 13; state ^= state >>> 17; state ^= state << 5;
    return (state >>> 0) % below;
  };
  const mutated = (text) => {
    for (let changes = next(4); changes > 0; changes--) {
      const at = next(text.length + 1);
      switch (next(5)) {
        case 0: text = text.slice(0, at) + pieces[next(pieces.length)] + text.slice(at); break;
        case 1: text = text.slice(0, at) + text.slice(at + 1 + next(6)); break;
        case 2: text = text.slice(0, at) + String.fromCharCode(next(4) === 0 ? next(65536) : next(128)) + text.slice(at + 1); break;
        case 3: text = text.slice(0, at) + corpus[next(corpus.length)].slice(next(12)); break;
        default: text = text.slice(0, at) + text.slice(0, at); break;
      }
    }
    return text.slice(0, 4096);
  };
  const wrong = (what, seed, ...about) => `seed ${seed}: ${what}: ${JSON.stringify(about)}`;
  // What is the matter with a serialised address; undefined: nothing.
  const problemOf = (href) => {
    if (/[^\x21-\x7e ]/.test(href)) return "not ASCII";
    if (native.urlParse(href, undefined) !== href) return "is another one when parsed again";
    const [whole, protocol, username, password, host, hostname, port, pathname, search, hash, origin] = native.urlParts(href);
    // An empty query or fragment shows in the whole alone.
    const ends = [search, "?"].flatMap((query) => [hash, "#"].map((fragment) => pathname + query + fragment));
    if (whole !== href || !href.startsWith(protocol) || !ends.some((end) => href.endsWith(end))) return "is not made of its parts";
    if (host !== hostname + (port === "" ? "" : `:${port}`)) return "host is not hostname and port";
    if ((username !== "" || password !== "") && host === "") return "a user without a host";
    if (port !== "" && !(Number(port) <= 65535 && String(Number(port)) === port)) return "port";
    if (search === "?" || hash === "#") return "an empty query or fragment that is not";
    if (origin !== "null" && native.urlParse(origin, undefined) === undefined) return "origin is no address";
    return undefined;
  };
  for (let seed = first; seed < first + rounds; seed++) {
    state = (Math.imul(seed, 2654435761) ^ 0x9e3779b9) || 1;
    const input = mutated(corpus[next(corpus.length)]);
    const base = next(3) === 0 ? mutated(corpus[next(corpus.length)]) : undefined;
    const href = native.urlParse(input, base);
    native.domainToAscii(input);
    if (href === undefined) continue;
    const problem = problemOf(href);
    if (problem !== undefined) return wrong(problem, seed, input, base, href);
    const part = parts[next(parts.length)];
    const value = mutated(next(2) === 0 ? pieces[next(pieces.length)] : corpus[next(corpus.length)]);
    const changed = native.urlSet(href, part, value);
    if (changed === undefined && part !== "href") return wrong("a setter gave nothing", seed, href, part, value);
    const after = changed === undefined ? undefined : problemOf(changed);
    if (after !== undefined) return wrong(after, seed, href, part, value, changed);
  }
  return "";
})JS";

std::string Setting(const char* name, const char* otherwise) {
  const char* given = ::getenv(name);
  return std::to_string(::strtoul(given != nullptr ? given : otherwise, nullptr, 10));
}

TEST_F(Natives, AddressesAtRandomStayAddresses) {
  std::string call = "(" + Setting("LIMPET_URL_SEED", "1") + ", " + Setting("LIMPET_URL_ROUNDS", "20000") + ")";
  EXPECT_EQ(Eval("(" + std::string(kScript) + ")" + call), "");
}

}  // namespace
}  // namespace limpet::api
