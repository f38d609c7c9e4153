// URL, URLSearchParams, text encoding, base64.
import { thrown, worker } from "./lib.mjs";

const cases = {
  "URL: all its parts": { run: () => { const u = new URL("https://user:pa%20ss@Example.COM:8080/a/./b/../c?x=1&y=2#frag"); return { href: u.href, origin: u.origin, protocol: u.protocol, username: u.username, password: u.password, host: u.host, hostname: u.hostname, port: u.port, pathname: u.pathname, search: u.search, hash: u.hash }; }, expect: { href: "https://user:pa%20ss@example.com:8080/a/c?x=1&y=2#frag", origin: "https://example.com:8080", protocol: "https:", username: "user", password: "pa%20ss", host: "example.com:8080", hostname: "example.com", port: "8080", pathname: "/a/c", search: "?x=1&y=2", hash: "#frag" } },
  "URL: relative to a base": { run: () => ["../x", "/y", "?q", "#h", "//other/z", "z"].map((text) => new URL(text, "http://host/a/b?c#d").href), expect: ["http://host/x", "http://host/y", "http://host/a/b?q", "http://host/a/b?c#h", "http://other/z", "http://host/a/z"] },
  "URL: default ports vanish": { run: () => [new URL("http://h:80/").host, new URL("https://h:443/").host, new URL("http://h:443/").host], expect: ["h", "h", "h:443"] },
  "URL: an invalid one is refused": { run: async () => [await thrown(() => new URL("nonsense")), await thrown(() => new URL("http://")), await thrown(() => new URL("http://a b/"))], expect: ["TypeError: Invalid URL string.", "TypeError: Invalid URL string.", "TypeError: Invalid URL string."] },
  "URL: international hosts become punycode": { run: () => new URL("http://m\u00fcnchen.example/\u00e4?\u00f6#\u00fc").href, expect: "http://xn--mnchen-3ya.example/%C3%A4?%C3%B6#%C3%BC" },
  "URL: IPv4 and IPv6 hosts are normalised": { run: () => [new URL("http://0x7f.1/").hostname, new URL("http://[0:0::1]/").host], expect: ["127.0.0.1", "[::1]"] },
  "URL: setters": { run: () => { const u = new URL("http://h/a"); u.protocol = "https"; u.host = "x:9"; u.pathname = "p q"; u.search = "a=b c"; u.hash = "z"; u.username = "me"; return u.href; }, expect: "https://me@x:9/p%20q?a=b%20c#z" },
  "URL: searchParams and search follow each other": { run: () => { const u = new URL("http://h/?a=1"); u.searchParams.append("b", "2 3"); const one = u.search; u.search = "?c=4"; return [one, u.searchParams.get("c"), u.searchParams.get("a")]; }, expect: ["?a=1&b=2+3", "4", null] },
  "URL: canParse and parse": { run: () => [URL.canParse("http://h/"), URL.canParse("x"), URL.parse("http://h/")?.href, URL.parse("x")], expect: [true, false, "http://h/", null] },
  "URL: toString and toJSON": { run: () => [String(new URL("http://h")), JSON.stringify({ u: new URL("http://h") })], expect: ["http://h/", "{\"u\":\"http://h/\"}"] },
  "URL: other schemes": { run: () => { const u = new URL("mailto:a@b"); return [u.protocol, u.pathname, u.origin, u.host]; }, expect: ["mailto:", "a@b", "null", ""] },
  "URLSearchParams: from a text": { run: () => [...new URLSearchParams("?a=1&b=2&a=3&c")], expect: [["a", "1"], ["b", "2"], ["a", "3"], ["c", ""]] },
  "URLSearchParams: from pairs and objects": { run: () => [new URLSearchParams([["a", "1"], ["a", "2"]]).toString(), new URLSearchParams({ x: "1", y: "\u00e4 &" }).toString()], expect: ["a=1&a=2", "x=1&y=%C3%A4+%26"] },
  "URLSearchParams: get, getAll, has": { run: () => { const p = new URLSearchParams("a=1&a=2"); return [p.get("a"), p.getAll("a"), p.get("b"), p.has("a"), p.has("a", "2"), p.has("a", "3"), p.size]; }, expect: ["1", ["1", "2"], null, true, true, false, 2] },
  "URLSearchParams: set, append, delete, sort": { run: () => { const p = new URLSearchParams("b=1&a=2&b=3"); p.set("b", "9"); p.append("c", "4"); p.append("a", "0"); p.sort(); const one = p.toString(); p.delete("a", "2"); const two = p.toString(); p.delete("c"); return [one, two, p.toString()]; }, expect: ["a=2&a=0&b=9&c=4", "a=0&b=9&c=4", "a=0&b=9"] },
  "URLSearchParams: plus is a blank, percent is decoded": { run: () => [new URLSearchParams("a=1+2%2B3").get("a"), new URLSearchParams({ a: "1+2 3" }).toString()], expect: ["1 2+3", "a=1%2B2+3"] },
  "URLSearchParams: broken percent escapes": { run: () => [new URLSearchParams("a=%zz&b=%ff").get("a"), new URLSearchParams("b=%ff").get("b")], expect: ["%zz", "�"] },
  "URLSearchParams: forEach, keys, values": { run: () => { const p = new URLSearchParams("a=1&b=2"); const seen = []; p.forEach((value, key) => seen.push(key + value)); return [seen, [...p.keys()], [...p.values()]]; }, expect: [["a1", "b2"], ["a", "b"], ["1", "2"]] },

  "TextEncoder: UTF-8": { run: () => [new TextEncoder().encode("a\u00e4\u20ac\u{1F600}"), new TextEncoder().encoding], expect: [new Uint8Array([97, 195, 164, 226, 130, 172, 240, 159, 152, 128]), "utf-8"] },
  "TextEncoder: a lone surrogate becomes U+FFFD": { run: () => new TextEncoder().encode("\ud800"), expect: new Uint8Array([239, 191, 189]) },
  "TextEncoder: encodeInto": { run: () => { const into = new Uint8Array(4); const result = new TextEncoder().encodeInto("a\u20ac\u20ac", into); return [result, into]; }, expect: [{ read: 2, written: 4 }, new Uint8Array([97, 226, 130, 172])] },
  "TextDecoder: UTF-8": { run: () => new TextDecoder().decode(new Uint8Array([0x61, 0xc3, 0xa4, 0xf0, 0x9f, 0x98, 0x80])), expect: "aä😀" },
  "TextDecoder: broken input becomes U+FFFD": { run: () => new TextDecoder().decode(new Uint8Array([0xff, 0x61, 0xe2, 0x82])), expect: "�a�" },
  "TextDecoder: fatal refuses broken input": { run: () => thrown(() => new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array([0xff]))), expect: "TypeError: Failed to decode input." },
  "TextDecoder: a byte order mark": { run: () => [new TextDecoder().decode(new Uint8Array([0xef, 0xbb, 0xbf, 0x61])).length, new TextDecoder("utf-8", { ignoreBOM: true }).decode(new Uint8Array([0xef, 0xbb, 0xbf, 0x61])).length], expect: [1, 2] },
  "TextDecoder: streaming over a split character": { run: () => { const d = new TextDecoder(); return [d.decode(new Uint8Array([0xe2, 0x82]), { stream: true }), d.decode(new Uint8Array([0xac]), { stream: true }), d.decode()]; }, expect: ["", "€", ""] },
  "TextDecoder: an ArrayBuffer and a DataView": { run: () => { const bytes = new Uint8Array([97, 98, 99]); return [new TextDecoder().decode(bytes.buffer), new TextDecoder().decode(new DataView(bytes.buffer, 1, 1)), new TextDecoder().decode()]; }, expect: ["abc", "b", ""] },
  "TextDecoder: an unknown label is refused": { run: () => thrown(() => new TextDecoder("nonsense")), expect: "RangeError: \"nonsense\" is not a valid encoding." },
  "TextDecoder: names of UTF-8": { run: () => ["utf8", "UTF-8", " unicode-1-1-utf-8 "].map((label) => new TextDecoder(label).encoding), expect: ["utf-8", "utf-8", "utf-8"] },

  "btoa and atob": { run: () => [btoa("hello"), atob("aGVsbG8="), btoa(""), atob(""), atob("aGVs bG8"), btoa("\u00ff")], expect: ["aGVsbG8=", "hello", "", "", "hello", "/w=="] },
  "btoa refuses what is not Latin-1": { run: () => thrown(() => btoa("\u20ac")), expect: "InvalidCharacterError: btoa() can only operate on characters in the Latin1 (ISO/IEC 8859-1) range." },
  "atob refuses what is not base64": { run: async () => [await thrown(() => atob("a")), await thrown(() => atob("!!!!"))], expect: ["InvalidCharacterError: atob() called with invalid base64-encoded data. (Only whitespace, '+', '/', alphanumeric ASCII, and up to two terminal '=' signs when the input data length is divisible by 4 are allowed.)", "InvalidCharacterError: atob() called with invalid base64-encoded data. (Only whitespace, '+', '/', alphanumeric ASCII, and up to two terminal '=' signs when the input data length is divisible by 4 are allowed.)"] },
};

export default worker(cases);
