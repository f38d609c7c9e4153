// URLs put together by a seed: what parses is written so that it parses to the same, and both runtimes write the same.
import { worker } from "./lib.mjs";

const kPieces = ["http:", "HTTPS:", "ftp:", "file:", "ws:", "data:", "x-a+b:", "javascript:", "//", "/", "\\", "///", ":", "@", "?", "#", ".", "..", "/./", "/../",
                 "%2e", "%2E%2e", "%00", "%zz", "%", "%c3%a4", "a", "B", "host", "EXAMPLE.com", "xn--a", "xn--mgba3gch31f060k", "b\u00fccher.de", "\u{1f600}", "\u3002", "\uff0e", "\u00ad",
                 "\ud800", "1", "0x7f", "017", "256", "4294967295", "127.1", "1.2.3.4.5", "[::1]", "[1:2::3.4.5.6]", "[", "]", ":80", ":443", ":0", ":65536", ":8a", "user:pw@", " ", "\t",
                 "\n", "\0", "<", ">", "\"", "`", "{", "}", "|", "^", "'", "~", "&=", "+", ";", "C:", "c|", "localhost", "\u00df", "\u200d", "-", "_", "!$()*,"];
const kSeeds = 30_000;

function* inputs() {
  let state = 2463534242;
  const below = (most) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % most;
  };
  for (let seed = 0; seed < kSeeds; seed++) {
    let text = below(3) ? kPieces[below(8)] + (below(4) ? "//" : "") : "";
    for (let count = 1 + below(9); count > 0; count--) text += kPieces[below(kPieces.length)];
    yield text;
  }
}
const parse = (text, base) => {
  try {
    return new URL(text, base);
  } catch {
    return undefined;
  }
};
const kSpecial = new Set(["http:", "https:", "ws:", "wss:", "ftp:", "file:"]);

// What is wrong with how `url` is written; undefined: nothing.
function wrong(url) {
  if (parse(url.href)?.href !== url.href) return "parses to another";
  if (!URL.canParse(url.href)) return "canParse says no";
  if (kSpecial.has(url.protocol)) {
    const user = url.username || url.password ? `${url.username}${url.password ? ":" + url.password : ""}@` : "";
    const start = `${url.protocol}//${user}${url.host}${url.pathname}`;
    if (!url.href.startsWith(start)) return "parts differ";
    if (!/^\//.test(url.pathname)) return "path is not absolute";
    if (/[\0-\x20\x7f-\uffff<>]/.test(url.href)) return "holds a character that is percent-encoded";
  }
  for (const part of ["protocol", "username", "password", "host", "hostname", "port", "hash", "search"]) {
    if (url[part] === "") continue;
    const copy = new URL(url.href);
    copy[part] = url[part];
    if (copy.href !== url.href) return `${part} set to itself changes it`;
  }
  return undefined;
}

const cases = {
  "what parses is written so that it parses to the same": {
    run: () => {
      const seen = [];
      for (const text of inputs()) {
        const url = parse(text);
        const problem = url && wrong(url);
        if (problem) seen.push(`${JSON.stringify(text)} ${JSON.stringify(url.href)}: ${problem}`);
      }
      return seen.slice(0, 5);
    }, expect: [],
  },
  "both runtimes write the same": {
    run: async () => {
      let all = "";
      let parsed = 0;
      for (const text of inputs()) {
        const url = parse(text);
        parsed += url ? 1 : 0;
        all += `${url?.href ?? "!"}\n${parse(text, "http://base.test/a/b?c#d")?.href ?? "!"}\n`;
      }
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(all)));
      return [parsed, [...digest.slice(0, 6)]];
    }, expect: [9258, [193, 252, 37, 235, 37, 226]],
  },
};

export default worker(cases);
