// HTTP/1.1 byte for byte on the running server, towards clients and towards upstreams, and the limits of what a client may
// take of it. Times are those of the flags below; what is waited for is always an event.
import assert from "node:assert/strict";
import net from "node:net";
import { after, before, test } from "node:test";
import { brotliDecompressSync, constants, gunzipSync, gzipSync } from "node:zlib";
import { startLimpet, until } from "./lib.mjs";

const kScript = `
let lost;
export default { async fetch(request, env, ctx) {
  const url = new URL(request.url);
  switch (url.pathname) {
    case "/text": return new Response(await request.text());
    case "/later": await scheduler.wait(100); return new Response("later");
    case "/unread": return new Response("unread");
    case "/through": return new Response(request.body);
    case "/length": return new Response(null, { headers: { "Content-Length": "1234" } });
    case "/large": return new Response("x".repeat(30_000_000));
    case "/lost": return new Response(String(lost));
    case "/note": {
      lost = undefined;
      const read = request.text().then(() => "read", (error) => "rejected: " + error.message).then((text) => (lost = text));
      ctx.waitUntil(read);  // The event goes with its client, this does not.
      return new Response(await read);
    }
    case "/socket": {
      const [ours, theirs] = Object.values(new WebSocketPair());
      ours.accept();
      return new Response(null, { status: 101, webSocket: theirs });
    }
    case "/coded": {
      const coding = url.searchParams.get("coding");
      return new Response("coded ".repeat(50), { headers: { "Content-Encoding": coding }, encodeBody: url.searchParams.get("body") ?? "automatic" });
    }
    case "/coded-stream": return new Response(request.body, { headers: { "Content-Encoding": url.searchParams.get("coding") } });
    case "/recoded": {
      const answer = await fetch(url.searchParams.get("url"));
      return new Response(answer.body, { headers: { "Content-Encoding": url.searchParams.get("coding") } });
    }
    case "/upstream": return fetch(url.searchParams.get("url"), { headers: request.headers });
    case "/upstream-text": {
      try {
        const answer = await fetch(url.searchParams.get("url"));
        return new Response(answer.status + " " + await answer.text());
      } catch (error) {
        return new Response("rejected: " + error.message);
      }
    }
  }
  const names = [...request.headers.keys()].filter((name) => !/^(cf-|x-forwarded)/.test(name));
  return new Response([request.method, request.url, names.join()].join(" ") + "|" + await request.text());
} };`;
// Little room, and little time: two servers, or who has to be served would have to be quick as well.
const kTight = ["--head-max", "4", "--headers-max", "20", "--url-max", "1", "--body-max", "1", "--write-timeout-ms", "400",
                "--connections-per-address", "5", "--connections-max", "12", "--trusted-proxy", "none", "--trusted-proxy", "127.0.0.99"];
const kHasty = ["--head-timeout-ms", "1500", "--idle-timeout-ms", "1500", "--body-timeout-ms", "1500", "--min-rate", "1000"];

let server, tight, hasty;
before(async () => {
  [server, tight, hasty] = await Promise.all([startLimpet({ shards: 1, flags: ["--allow-private-network"] }), startLimpet({ shards: 2, flags: kTight }),
                                              startLimpet({ shards: 1, flags: kHasty })]);
  for (const each of [server, tight, hasty]) await each.deploy({ name: "http", code: kScript });
});
after(() => Raw.all.forEach((raw) => raw.close()));
after(() => Promise.all([server, tight, hasty].map((each) => each?.stop("SIGKILL"))));

// A socket whose bytes are all kept as text.
class Raw {
  static all = [];
  text = "";
  closed = false;
  constructor(to = server, localAddress = "127.0.0.1") {
    Raw.all.push(this);
    this.socket = net.connect({ port: to.port, host: "127.0.0.1", localAddress });
    this.socket.on("data", (data) => (this.text += data.toString("latin1")));
    this.socket.on("error", () => {});
    this.socket.on("close", () => (this.closed = true));
  }
  send(text) { this.socket.write(Buffer.from(text, "latin1")); return this; }
  async sees(what) {
    await until(`${what} in ${JSON.stringify(this.text.slice(0, 300))}`, () => (what instanceof RegExp ? what.test(this.text) : this.text.includes(what)) || this.closed);
    assert.ok(what instanceof RegExp ? what.test(this.text) : this.text.includes(what), `${what} in ${JSON.stringify(this.text.slice(0, 2000))}`);
    return this.text;
  }
  async end() { await until("the server to close", () => this.closed); return this.text; }
  close() { this.socket.destroy(); }
}
const head = (method, path, headers = "", version = "1.1") => `${method} ${path} HTTP/${version}\r\nHost: http.localhost\r\n${headers}\r\n`;
const statuses = (text) => [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]));
// What the server says to `text`, sent at once over a connection that it closes.
async function refusal(text, to = server) {
  const raw = new Raw(to).send(text);
  const answer = await raw.end();
  assert.match(answer, /Connection: close\r\n/);
  return statuses(answer).join();
}

test("pipelined requests are answered in order, the slow one first", async () => {
  const raw = new Raw().send(head("GET", "/later") + head("POST", "/text", "Content-Length: 2\r\n") + "ab" + head("GET", "/unread"));
  const text = await raw.sees("unread");
  assert.deepEqual(text.match(/later|ab$|\r\n\r\nab|unread/g), ["later", "\r\n\r\nab", "unread"]);
  raw.close();
});

test("a body that the script does not read is read over, up to a bound", async () => {
  const raw = new Raw().send(head("POST", "/unread", "Content-Length: 100000\r\n") + "b".repeat(100_000) + head("GET", "/next"));
  await raw.sees("GET http://http.localhost/next");
  raw.close();
  const large = new Raw().send(head("POST", "/unread", "Content-Length: 50000000\r\n") + "b".repeat(1000));
  assert.match(await large.end(), /^HTTP\/1\.1 200 [^]*Connection: close\r\n/);
});

test("100 Continue comes when the script begins to read", async () => {
  const raw = new Raw().send(head("POST", "/text", "Expect: 100-continue\r\nContent-Length: 2\r\n"));
  await raw.sees("HTTP/1.1 100 Continue\r\n\r\n");
  raw.send("ok");
  await raw.sees(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 [^]*\r\n\r\nok$/);
  raw.close();
});

for (const [framing, body, seen] of [["Content-Length: 2\r\n", "ok", "ok"], ["Transfer-Encoding: chunked\r\n", "2\r\nok\r\n0\r\n\r\n", "2\r\nok\r\n0\r\n\r\n"]]) {
  test(`100 Continue comes before an answer that passes the body through (${framing.trim()})`, async () => {
    const raw = new Raw().send(head("POST", "/through", `Expect: 100-continue\r\n${framing}`));
    await raw.sees("HTTP/1.1 100 Continue\r\n\r\n");
    raw.send(body);
    await raw.sees(seen);
    assert.deepEqual(statuses(raw.text), [100, 200]);
    raw.send(head("GET", "/next"));  // The connection lives on.
    await raw.sees("/next");
    raw.close();
  });
}

test("no 100 Continue when the answer comes first; another expectation is a 417", async () => {
  const raw = new Raw().send(head("POST", "/unread", "Expect: 100-continue\r\nContent-Length: 2\r\n"));
  assert.deepEqual(statuses(await raw.end()), [200]);
  assert.equal(await refusal(head("POST", "/text", "Expect: more\r\nContent-Length: 2\r\n") + "ok"), "417");
});

test("trailers are ignored and bounded", async () => {
  const chunked = head("POST", "/echo", "Transfer-Encoding: chunked\r\n") + "2\r\nab\r\n0\r\n";
  const raw = new Raw().send(`${chunked}X-Trailer: secret\r\nContent-Length: 9\r\n\r\n` + head("GET", "/next"));
  await raw.sees("/next");
  assert.match(raw.text, /echo host,transfer-encoding\|ab/);
  raw.close();
  assert.equal(await refusal(chunked + `X: ${"t".repeat(20_000)}\r\n\r\n`), "400");
});

test("HEAD has the length and no body; the connection lives on", async () => {
  const raw = new Raw().send(head("HEAD", "/length") + head("HEAD", "/unread") + head("GET", "/unread"));
  await raw.sees(/\r\n\r\nunread$/);
  assert.deepEqual(statuses(raw.text), [200, 200, 200]);
  assert.deepEqual([...raw.text.matchAll(/Content-Length: (\d+)/g)].map((match) => match[1]), ["1234", "6", "6"]);
  raw.close();
});

test("HTTP/1.0 ends with the connection, unless it asks to keep it; its streams end with it too", async () => {
  assert.match(await new Raw().send(head("GET", "/unread", "", "1.0")).end(), /Connection: close\r\n[^]*unread$/);
  const streamed = await new Raw().send(head("POST", "/through", "Content-Length: 3\r\nConnection: keep-alive\r\n", "1.0") + "abc").sees("abc");
  assert.doesNotMatch(streamed, /chunked/);
  const raw = new Raw().send(head("GET", "/unread", "Connection: keep-alive\r\n", "1.0"));
  await raw.sees(/Connection: keep-alive\r\n[^]*unread$/);
  raw.close();
});

test("absolute targets, OPTIONS *", async () => {
  const absolute = new Raw().send(`GET http://http.localhost/a?b HTTP/1.1\r\nHost: elsewhere.localhost\r\n\r\n`);
  await absolute.sees("GET http://http.localhost/a?b");
  absolute.close();
  const star = new Raw().send(head("OPTIONS", "*"));
  await star.sees("OPTIONS http://http.localhost/ ");
  star.close();
});

const kRefused = [
  ["both lengths", head("POST", "/", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n", "400"],
  ["lengths that differ", head("POST", "/", "Content-Length: 5\r\nContent-Length: 6\r\n") + "abcdef", "400"],
  ["a list of lengths", head("POST", "/", "Content-Length: 5, 5\r\n") + "abcde", "400"],
  ["chunked twice", head("POST", "/", "Transfer-Encoding: chunked, chunked\r\n") + "0\r\n\r\n", "501"],
  ["xchunked", head("POST", "/", "Transfer-Encoding: xchunked\r\n") + "0\r\n\r\n", "501"],
  ["identity", head("POST", "/", "Transfer-Encoding: identity\r\n"), "501"],
  ["chunked behind a vertical tab", head("POST", "/", "Transfer-Encoding: \x0bchunked\r\n") + "0\r\n\r\n", "400"],
  ["a space before the colon", head("POST", "/", "Content-Length : 5\r\n") + "abcde", "400"],
  ["a folded header", head("GET", "/", "A: b\r\n c\r\n"), "400"],
  ["a bare CR", head("GET", "/", "A: b\rContent-Length: 5\r\n"), "400"],
  ["a bare LF", head("GET", "/", "A: b\nContent-Length: 5\r\n"), "400"],
  ["a NUL", head("GET", "/", "A: b\0\r\n"), "400"],
  ["a chunk size out of range", head("POST", "/text", "Transfer-Encoding: chunked\r\n") + "fffffffffffffffff\r\n", "400"],
  ["a chunk size with 0x", head("POST", "/text", "Transfer-Encoding: chunked\r\n") + "0x2\r\nab\r\n0\r\n\r\n", "400"],
  ["a chunk size behind a space", head("POST", "/text", "Transfer-Encoding: chunked\r\n") + " 2\r\nab\r\n0\r\n\r\n", "400"],
  ["a chunk longer than its size", head("POST", "/text", "Transfer-Encoding: chunked\r\n") + "2\r\nabc\r\n0\r\n\r\n", "400"],
  ["a chunk extension without end", head("POST", "/text", "Transfer-Encoding: chunked\r\n") + `2;${"e".repeat(2000)}\r\nab\r\n0\r\n\r\n`, "400"],
  ["a chunk extension with a bare LF", head("POST", "/text", "Transfer-Encoding: chunked\r\n") + "2;a\nab\r\n0\r\n\r\n", "400"],
  ["an unknown method", head("GETT", "/"), "501"],
  ["a method in small letters", head("get", "/"), "501"],
  ["CONNECT", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", "501"],
];
for (const [what, text, status] of kRefused) {
  test(`${what}: ${status}, and what follows is no request`, async () => {
    assert.equal(await refusal(text + head("GET", "/smuggled")), status);
  });
}

test("a client that goes in the middle of a body is an error to its reader", async () => {
  for (const start of ["Transfer-Encoding: chunked\r\n\r\n5\r\nab", "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n", "Content-Length: 5\r\n\r\nab"]) {
    const raw = new Raw().send(`POST /note HTTP/1.1\r\nHost: http.localhost\r\n${start}`);
    raw.socket.end();
    await raw.end();
    const lost = await until("the script to hear of it", async () => { const { body } = await server.fetch("http", "/lost"); return body !== "undefined" && body; });
    assert.match(lost, /^rejected: /);
  }
});

// A server that answers every connection's first bytes with `answer(request)`, byte for byte, and closes unless told to keep.
async function upstream(answer, keep = false) {
  const requests = [];
  const sockets = [];
  const listening = net.createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    socket.once("data", (data) => {
      requests.push(data.toString("latin1"));
      const text = Buffer.from(answer(requests.at(-1)), "latin1");
      if (keep) socket.write(text);
      else socket.end(text);
    });
  });
  await new Promise((done) => listening.listen(0, "127.0.0.1", done));
  return { requests, url: encodeURIComponent(`http://127.0.0.1:${listening.address().port}/`), close: () => { listening.close(); sockets.forEach((socket) => socket.destroy()); } };
}
const fetched = async (answer, path = "/upstream-text") => {
  const other = await upstream(() => answer);
  try {
    return (await server.fetch("http", `${path}?url=${other.url}`)).body;
  } finally {
    other.close();
  }
};

test("a range goes to the upstream, its 206 comes back as it is", async () => {
  const other = await upstream((request) => {
    const [, from, to] = request.match(/^range: bytes=(\d+)-(\d+)/im);
    const part = "0123456789".slice(Number(from), Number(to) + 1);
    return `HTTP/1.1 206 Partial Content\r\nContent-Range: bytes ${from}-${to}/10\r\nAccept-Ranges: bytes\r\nETag: "e"\r\nContent-Length: ${part.length}\r\n\r\n${part}`;
  });
  const raw = new Raw().send(head("GET", `/upstream?url=${other.url}`, "Range: bytes=2-4\r\nIf-Range: \"e\"\r\n"));
  const text = await raw.sees(/\r\n\r\n234$/);
  assert.match(text, /^HTTP\/1\.1 206 Partial Content\r\n/);
  assert.match(text, /Content-Range: bytes 2-4\/10\r\n/);
  assert.match(text, /ETag: "e"\r\n/);
  assert.match(text, /Content-Length: 3\r\n/);
  assert.match(other.requests[0], /if-range: "e"/i);
  raw.close();
  other.close();
});

test("1xx of an upstream are read over, trailers ignored", async () => {
  assert.equal(await fetched("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), "200 ok");
  assert.equal(await fetched("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nContent-Length: 1\r\n\r\n"), "200 ok");
});

const kBrokenAnswers = {
  "ends within a chunk": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
  "ends between chunks": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
  "ends within the trailers": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX: y\r\n",
  "ends before its length": "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
  "has both lengths": "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
  "has lengths that differ": "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
  "has a coding that is not chunked": "HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
  "has a chunk size out of range": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nab",
  "has a folded header": "HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 2\r\n\r\nab",
  "switches protocols": "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
  "is no HTTP": "220 mail.example ESMTP\r\n",
};
for (const [what, answer] of Object.entries(kBrokenAnswers)) {
  test(`an upstream's answer that ${what} is an error to the script`, async () => assert.match(await fetched(answer), /^rejected: /));
}

test("an upstream's answer that ends early cuts the answer that passes it on", async () => {
  for (const [what, start] of [["chunked", "Transfer-Encoding: chunked\r\n\r\n5\r\nab"], ["length", "Content-Length: 5\r\n\r\nab"]]) {
    const other = await upstream(() => `HTTP/1.1 200 OK\r\n${start}`);
    const text = await new Raw().send(head("GET", `/upstream?url=${other.url}`)).end();
    assert.doesNotMatch(text, /\r\n0\r\n\r\n$/, what);
    assert.doesNotMatch(text, /Content-Length: 2\r\n/, what);
    other.close();
  }
});

test("bytes behind an upstream's answer answer no later request", async () => {
  let count = 0;
  const other = await upstream(() => `HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${++count}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil`, true);
  for (const expected of ["200 1", "200 2"]) assert.equal((await server.fetch("http", `/upstream-text?url=${other.url}`)).body, expected);
  other.close();
});

// The body of a raw answer, its chunks put together.
function bodyOf(text) {
  const at = text.indexOf("\r\n\r\n");
  let rest = text.slice(at + 4);
  if (!/^transfer-encoding: chunked\r$/im.test(text.slice(0, at + 2))) return Buffer.from(rest, "latin1");
  let body = "";
  for (let size = 1; size > 0;) {
    const line = rest.indexOf("\r\n");
    size = parseInt(rest.slice(0, line), 16);
    body += rest.slice(line + 2, line + 2 + size);
    rest = rest.slice(line + 4 + size);
  }
  return Buffer.from(body, "latin1");
}
const ended = (path, version = "1.1") => new Raw().send(head("GET", path, "Connection: close\r\n", version)).end();
const kDecode = { gzip: gunzipSync, br: brotliDecompressSync };
const kCoded = "coded ".repeat(50);

for (const coding of ["gzip", "br"]) {
  test(`an answer whose Content-Encoding is ${coding} is compressed on its way out`, async () => {
    const text = await ended(`/coded?coding=${coding}`);
    assert.equal(kDecode[coding](bodyOf(text)).toString(), kCoded);
    assert.ok(bodyOf(text).length < 100);
  });

  test(`a stream in ${coding} goes out as it comes`, async () => {
    const raw = new Raw().send(head("POST", `/coded-stream?coding=${coding}`, "Connection: close\r\nTransfer-Encoding: chunked\r\n") + "6\r\nfirst \r\n");
    const first = () => { try { return kDecode[coding](bodyOf(`${raw.text}0\r\n\r\n`), { finishFlush: coding === "gzip" ? constants.Z_SYNC_FLUSH : constants.BROTLI_OPERATION_FLUSH }).toString(); } catch { return ""; } };
    await until("the first part", () => first() === "first ");
    raw.send("4\r\nlast\r\n0\r\n\r\n");
    assert.equal(kDecode[coding](bodyOf(await raw.end())).toString(), "first last");
  });
}

test("encodeBody: manual, other names and lists go out as they are", async () => {
  for (const path of ["/coded?coding=gzip&body=manual", "/coded?coding=GZIP", "/coded?coding=deflate", "/coded?coding=gzip,%20br"]) {
    const text = await ended(path);
    assert.equal(bodyOf(text).toString(), kCoded, path);
    assert.match(text, /Content-Length: 300\r\n/);
  }
});

test("a compressed upstream's answer that only passes is not touched, broken or not; another coding is made of it", async () => {
  for (const bytes of [gzipSync(kCoded), Buffer.from("not compressed at all")]) {
    const other = await upstream(() => `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${bytes.length}\r\n\r\n${bytes.toString("latin1")}`);
    const text = await ended(`/upstream?url=${other.url}`);
    assert.deepEqual(bodyOf(text), bytes);
    assert.match(text, new RegExp(`Content-Length: ${bytes.length}\\r\\n`));
    assert.deepEqual(bodyOf(await ended(`/recoded?coding=gzip&url=${other.url}`)), bytes);
    if (bytes[0] === 0x1f) assert.equal(brotliDecompressSync(bodyOf(await ended(`/recoded?coding=br&url=${other.url}`))).toString(), kCoded);
    other.close();
  }
});

test("br before its compatibility date is a name like any other", async () => {
  await server.deploy({ name: "old", code: kScript, compatibilityDate: "2024-04-01" });
  const raw = new Raw().send(`GET /coded?coding=br HTTP/1.1\r\nHost: old.localhost\r\nConnection: close\r\n\r\n`);
  assert.equal(bodyOf(await raw.end()).toString(), kCoded);
});

// -- limits

test("headers: their bytes and their number are limited, 431", async () => {
  assert.equal(await refusal(head("GET", "/", `A: ${"a".repeat(5000)}\r\n`), tight), "431");
  assert.equal(await refusal(head("GET", "/", "A: b\r\n".repeat(21)), tight), "431");
  const raw = new Raw(tight).send(head("GET", "/unread", "A: b\r\n".repeat(18)));
  await raw.sees(/^HTTP\/1\.1 200 /);
  raw.close();
});

test("the URL is limited, 414", async () => assert.equal(await refusal(head("GET", `/${"u".repeat(1100)}`), tight), "414"));

test("a body is limited, announced or counted, 413", async () => {
  assert.equal(await refusal(head("POST", "/text", "Content-Length: 1048577\r\n"), tight), "413");
  assert.equal(await refusal(head("POST", "/text", "Transfer-Encoding: chunked\r\n") + `100001\r\n${"b".repeat(0x100001)}\r\n`, tight), "413");
});

// Sends `piece` again and again, sooner than any timeout, until the connection ends.
async function drip(raw, piece) {
  const timer = setInterval(() => { if (!raw.closed) raw.send(piece); }, 20);
  try {
    return await raw.end();
  } finally {
    clearInterval(timer);
  }
}

test("a head that trickles (slow loris) is a 408, however steadily it comes", async () => {
  const raw = new Raw(hasty).send("GET / HTTP/1.1\r\nHost: http.localhost\r\nX-Slow: ");
  assert.match(await drip(raw, "a"), /^HTTP\/1\.1 408 /);
  const lines = new Raw(hasty).send("GET / HTTP/1.1\r\nHost: http.localhost\r\n");
  assert.match(await drip(lines, "A:\r\n"), /^HTTP\/1\.1 (408|431) /);
});

test("a connection that says nothing is closed, before a request and after one", async () => {
  assert.equal(await new Raw(hasty).end(), "");
  assert.match(await new Raw(hasty).send(head("GET", "/unread")).end(), /^HTTP\/1\.1 200 [^]*unread$/);
  assert.equal(await drip(new Raw(hasty), "\r\n"), "", "empty lines are no request");
});

test("a body that stalls or trickles is a 408", async () => {
  const start = head("POST", "/text", "Content-Length: 100000\r\n");
  assert.match(await new Raw(hasty).send(start + "abc").end(), /^HTTP\/1\.1 408 /);
  assert.match(await drip(new Raw(hasty).send(start), "a"), /^HTTP\/1\.1 408 /);
});

// Opens connections from `address` until one is refused; those that were not, each of them answered once.
async function fill(address, most) {
  const held = [];
  const close = () => held.forEach((raw) => raw.close());
  for (let i = 0; i < most; i++) {
    const raw = new Raw(tight, address).send(head("GET", "/unread"));
    const text = await raw.sees(/^HTTP\/1\.1 (200|503) /).catch((error) => { close(); throw error; });
    if (text.startsWith("HTTP/1.1 503 ")) break;
    held.push(raw);
  }
  return { held, close };
}

test("connections of one address are limited over all shards; a trusted proxy's by the sum alone", async () => {
  await until("the places of other tests to be free", async () => (await tight.metric("limpet_http_connections")) === 0);
  const before = await tight.metric("limpet_http_connections_refused_total");
  const one = await fill("127.0.0.4", 20);
  assert.equal(one.held.length, 5);
  const proxy = await fill("127.0.0.99", 20);
  assert.equal(proxy.held.length, 7, "12 in all");
  const other = await fill("127.0.0.5", 20);
  other.close();
  assert.equal(other.held.length, 0);
  assert.equal(await tight.metric("limpet_http_connections_refused_total"), before + 3);
  one.close();
  proxy.close();
  await until("a place to be free again", async () => { const again = await fill("127.0.0.4", 1); again.close(); return again.held.length === 1; });
});

test("a WebSocket keeps its connection's place until it ends", async () => {
  const sockets = [];
  for (let i = 0; i < 5; i++) {
    const raw = new Raw(tight, "127.0.0.6").send(head("GET", "/socket", "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"));
    await raw.sees("HTTP/1.1 101 ");
    sockets.push(raw);
  }
  const more = await fill("127.0.0.6", 1);
  more.close();
  assert.equal(more.held.length, 0);
  sockets.forEach((raw) => raw.close());
  await until("a place to be free again", async () => { const again = await fill("127.0.0.6", 1); again.close(); return again.held.length === 1; });
});

test("a client that takes nothing of its answer is cut", async () => {
  const raw = new Raw(tight, "127.0.0.3");
  raw.socket.pause();
  const before = await tight.metric("limpet_http_requests_total");
  raw.send(head("GET", "/large"));
  await until("the request to be answered", async () => (await tight.metric("limpet_http_requests_total")) > before);
  await until("its place to be free", async () => {
    const places = await fill("127.0.0.3", 5);
    places.close();
    return places.held.length === 5;
  });
  raw.socket.resume();
  assert.ok((await raw.end()).length < 30_000_000);
});
