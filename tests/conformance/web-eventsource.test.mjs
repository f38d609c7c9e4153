// EventSource. A case is [body, what comes out].
import { thrown, worker } from "./lib.mjs";

const tick = () => new Promise((done) => setTimeout(done, 5));
const stream = (...chunks) => new ReadableStream({
  start(controller) {
    for (const each of chunks) controller.enqueue(typeof each === "string" ? new TextEncoder().encode(each) : each);
    controller.close();
  },
});
const ended = (source) => new Promise((done) => source.addEventListener("error", done));

// [type, data, lastEventId] of each message, and of each event called `name`, in what a stream of `chunks` gives.
async function eventsOf(chunks, name) {
  const seen = [];
  const source = EventSource.from(stream(...[chunks].flat()));
  for (const type of ["message", ...(name ? [name] : [])]) {
    source.addEventListener(type, (event) => seen.push([event.type, event.data, event.lastEventId]));
  }
  await ended(source);
  return seen;
}

// Answers one message, with an id that counts up and what the request was.
export class Events {
  count = 0;
  async fetch(request) {
    if (request.url.endsWith("/redirect")) return Response.redirect("http://events/x", 302);
    const { method, url, headers } = request;
    const told = [method, url, headers.get("accept"), headers.get("cache-control"), headers.get("last-event-id")];
    const text = `retry: 10\nid: ${++this.count}\ndata: ${JSON.stringify(told)}\n\n`;
    return new Response(text, { headers: { "Content-Type": "text/event-stream; charset=utf-8" } });
  }
}

const table = {
  "from: what it is": [async () => {
    const es = EventSource.from(stream());
    return [es instanceof EventTarget, Object.prototype.toString.call(es), es.url, es.withCredentials, es.readyState, EventSource.CONNECTING, EventSource.OPEN, EventSource.CLOSED, es.OPEN, es.onmessage];
  }, [true, "[object EventSource]", "", false, 1, 0, 1, 2, 1, null]],
  "a message": [() => eventsOf("data: hello\n\n"), [["message", "hello", ""]]],
  "lines of data are joined": [() => eventsOf("data: a\ndata: b\ndata\n\n"), [["message", "a\nb\n", ""]]],
  "one space after the colon goes": [async () => {
    return await eventsOf("data:a\n\ndata:  b\n\n");
  }, [["message", "a", ""], ["message", " b", ""]]],
  "comments and unknown fields": [() => eventsOf(": hi\nfoo: bar\ndata: a\n\n"), [["message", "a", ""]]],
  "event and id": [async () => {
    return await eventsOf("event: named\nid: 7\ndata: a\n\ndata: b\n\n", "named");
  }, [["named", "a", "7"], ["message", "b", "7"]]],
  "an id with NUL": [async () => {
    return await eventsOf("id: 7\ndata: a\n\nid: 8\0\ndata: b\n\nid\ndata: c\n\n");
  }, [["message", "a", "7"], ["message", "b", "8\u0000"], ["message", "c", ""]], { limpet: [["message", "a", "7"], ["message", "b", "7"], ["message", "c", ""]], because: "the HTML standard ignores such an id" }],
  "no data, no event": [() => eventsOf("event: x\n\n\ndata\n\n", "x"), []],
  "CR, LF, CRLF": [async () => {
    return await eventsOf("data: a\r\rdata: b\r\n\r\ndata: c\n\n");
  }, [["message", "a", ""], ["message", "b", ""], ["message", "c", ""]]],
  "a line cut into chunks": [async () => {
    return await eventsOf(["da", "ta: a\r", "\ndata: b\n", "\n"]);
  }, [["message", "a", ""], ["message", "b", ""]], { limpet: [["message", "a\nb", ""]], because: "CR and LF are one end of line, also when they come in two chunks" }],
  "a character cut into chunks": [async () => {
    return await eventsOf([new Uint8Array([100, 97, 116, 97, 58, 0xc3]), new Uint8Array([0xa9, 10, 10])]);
  }, [["message", "é", ""]]],
  "a byte order mark": [() => eventsOf("\ufeffdata: a\n\n"), [["message", "a", ""]]],
  "an end without an empty line": [() => eventsOf("data: a\n\ndata: b\n"), [["message", "a", ""]]],
  "retry": [() => eventsOf("retry: 10\ndata: a\n\nretry: x\n\n"), [["message", "a", ""]]],
  "onmessage and a listener": [async () => {
    const seen = [];
    const es = EventSource.from(stream("data: a\n\n"));
    es.onmessage = (e) => seen.push("on " + e.data);
    es.addEventListener("message", (e) => seen.push("listener " + e.data));
    await ended(es);
    return seen;
  }, ["on a", "listener a"]],
  "open comes first": [async () => {
    const seen = [];
    const es = EventSource.from(stream("data: a\n\n"));
    es.onopen = (e) => seen.push(e.type, e.constructor.name, es.readyState);
    es.onmessage = (e) => seen.push(e.type, e.constructor.name, e.target === es);
    await ended(es);
    return seen;
  }, ["message", "MessageEvent", true]],
  "the end is an error event": [async () => {
    const es = EventSource.from(stream());
    const e = await ended(es);
    return [e.type, e.constructor.name, String(e.error), e.message, es.readyState];
  }, ["error", "ErrorEvent", "Error: The server disconnected.", "", 2]],
  "a stream that fails": [async () => {
    const es = EventSource.from(new ReadableStream({ start(c) { c.error(new RangeError("mine")); } }));
    const e = await ended(es);
    return [e.type, e.constructor.name, String(e.error), e.message, es.readyState];
  }, ["error", "ErrorEvent", "RangeError: mine", "", 2]],
  "close": [async () => {
    const seen = [];
    let cancelled = "no";
    const es = EventSource.from(new ReadableStream({ async pull(c) { await tick(); c.enqueue(new TextEncoder().encode("data: a\n\n")); }, cancel() { cancelled = "yes"; } }));
    await new Promise((done) => { es.onmessage = (e) => { seen.push(e.data); es.close(); done(); }; });
    es.onerror = () => seen.push("error");
    await tick();
    return [seen, es.readyState, cancelled];
  }, [["a"], 2, "no"], { limpet: [["a"], 2, "yes"], because: "nobody will read the rest" }],
  "from: what is no stream": [async () => {
    return [await thrown(() => EventSource.from()), await thrown(() => EventSource.from("x"))];
  }, ["TypeError: Failed to execute 'from' on 'EventSource': parameter 1 is not of type 'JsReadableStream'.", "TypeError: Failed to execute 'from' on 'EventSource': parameter 1 is not of type 'JsReadableStream'."]],
  "from: a locked stream": [async () => {
    const s = stream("data: a\n\n");
    s.getReader();
    return await thrown(() => EventSource.from(s));
  }, "TypeError: This ReadableStream is locked."],
  "from: a stream of strings": [async () => {
    const es = EventSource.from(new ReadableStream({ start(c) { c.enqueue("data: a\n\n"); c.close(); } }));
    const seen = [];
    es.onmessage = (e) => seen.push(e.data);
    const e = await ended(es);
    return [seen, String(e.error), es.readyState];
  }, [["a"], "Error: The server disconnected.", 2]],
  "a URL that is none": [async () => {
    return [await thrown(() => new EventSource("nope")), await thrown(() => new EventSource()), await thrown(() => new EventSource("ftp://a/"))];
  }, ["SyntaxError: Cannot open an EventSource to 'nope'. The URL is invalid.", "TypeError: Failed to construct 'EventSource': constructor parameter 1 is not of type 'string'.", "nothing thrown"]],
  "withCredentials": [async () => {
    return [await thrown(() => new EventSource("http://a/", { withCredentials: true })), await thrown(() => new EventSource("http://a/", { withCredentials: false }).close())];
  }, ["NotSupportedError: The init.withCredentials option is not supported. It must be false or undefined.", "nothing thrown"]],
  "a response of another type": [async ({ env }) => {
    const es = new EventSource(env.ECHO + "/x");
    const states = [es.readyState, es.url === env.ECHO + "/x"];
    const e = await ended(es);
    return [states, e.constructor.name, String(e.error), es.readyState];
  }, [[0, true], "ErrorEvent", "AbortError: The content type 'application/json' is invalid.", 2]],
  "a status that is no success": [async ({ env }) => {
    const es = new EventSource(env.ECHO + "/x?status=500");
    const e = await ended(es);
    return [String(e.error), es.readyState];
  }, ["AbortError: The response status code was 500.", 2]],
  "204 is an end": [async ({ env }) => {
    const es = new EventSource(env.ECHO + "/x?status=204");
    const e = await ended(es);
    return [String(e.error), es.readyState];
  }, ["AbortError: The content type 'application/json' is invalid.", 2]],
  "origin of a message": [async () => {
    const es = EventSource.from(stream("data: a\n\n"));
    const e = await new Promise((done) => { es.onmessage = done; });
    return [e.origin, e.lastEventId, e.source, e.ports];
  }, [null, "", null, []]],
  "handlers": [async () => {
    const es = EventSource.from(stream());
    es.onopen = 7;
    const a = es.onopen;
    es.onopen = () => {};
    const b = typeof es.onopen;
    es.onopen = null;
    return [a, b, es.onopen];
  }, [null, "function", null]],
  "a server that is not there": [async () => {
    const es = new EventSource("http://127.0.0.1:1/");
    const e = await ended(es);
    const state = es.readyState;
    es.close();
    return [e.constructor.name, e.error instanceof Error, state, es.readyState];
  }, ["ErrorEvent", true, 2, 2]],
  "fetched by an object, and again with the last id": [async ({ env }) => {
    const es = new EventSource("http://events/x?y", { fetcher: env.Events.get(env.Events.newUniqueId()) });
    const seen = [];
    const states = [];
    es.onopen = () => states.push("open " + es.readyState);
    es.onerror = (e) => states.push("error " + es.readyState + " " + e.error);
    await new Promise((done) => { es.onmessage = (e) => { seen.push(JSON.parse(e.data), e.lastEventId, e.origin); if (seen.length === 6) { es.close(); done(); } }; });
    await tick();
    return [seen, states, es.readyState];
  }, [[["GET", "http://events/x?y", "text/event-stream", "no-cache", null], "1", "http://events", ["GET", "http://events/x?y", "text/event-stream", "no-cache", "1"], "2", "http://events"], ["open 1", "error 0 Error: The server disconnected.", "open 1"], 2]],
  "a fetcher that is none": [async () => {
    return await thrown(() => new EventSource("http://a/", { fetcher: {} }).close());
  }, "TypeError: Incorrect type for the 'fetcher' field on 'EventSourceInit': the provided value is not of type 'Fetcher'."],
  "a redirect": [async ({ env }) => {
    const es = new EventSource("http://events/redirect", { fetcher: env.Events.get(env.Events.newUniqueId()) });
    const e = await new Promise((done) => { es.onmessage = es.onerror = done; });
    es.close();
    return [e.type, String(e.error), e.data, es.url];
  }, ["message", "undefined", "[\"GET\",\"http://events/x\",\"text/event-stream\",\"no-cache\",null]", "http://events/x"]],
};

export default worker(Object.fromEntries(Object.entries(table).map(([name, [run, expect, more]]) => [name, { run, expect, ...more }])));
