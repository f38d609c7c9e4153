// The standard WebSocket API: pairs inside one script, upgrades through objects, and every error text.
import { eventually, objectClass, thrown, worker } from "./lib.mjs";
import { outcome } from "./modules/rows.mjs";
import { connect, next, open, pair, pause, record, until, untilClosed } from "./modules/sockets.mjs";

let atGlobalScope;
try {
  new WebSocketPair();
  atGlobalScope = "made";
} catch (error) {
  atGlobalScope = `${error.name}: ${error.message}`.slice(0, 50);
}
const kUpgrade = { headers: { Upgrade: "websocket" } };
const upgraded = (webSocket, init) => new Response(null, { status: 101, webSocket, ...init });
const gets = (object, path, init = kUpgrade) => object.fetch(`http://object${path}`, init);

const rows = {
  "a pair at global scope": [() => atGlobalScope, "Error: Disallowed operation called within global s"],
  "a pair has two keys": [() => { const made = new WebSocketPair(); return [Object.keys(made), made[0] instanceof WebSocket, made[1] === made["1"], made.constructor.name, String(made)]; }, [["0","1"],true,true,"WebSocketPair","[object WebSocketPair]"]],
  "a pair is iterable or not": [() => { const [a, b] = new WebSocketPair(); return [a instanceof WebSocket, b instanceof WebSocket]; }, [true,true]],
  "WebSocketPair without new": [() => WebSocketPair(), "TypeError: Failed to construct 'WebSocketPair': Please use the 'new' operator, this object constructor cannot be called as a function.", { limpet: "TypeError: Class constructor WebSocketPair cannot be invoked without 'new'", because: "V8's text for classes" }],
  "what a new end looks like": [() => { const [a] = pair(); return [a.readyState, String(a.url), String(a.protocol), String(a.extensions), String(a.binaryType), String(a), a instanceof EventTarget]; }, [1,"null","","","arraybuffer","[object WebSocket]",true]],
  "the constants": [() => [WebSocket.CONNECTING, WebSocket.OPEN, WebSocket.CLOSING, WebSocket.CLOSED, WebSocket.READY_STATE_OPEN, WebSocket.READY_STATE_CLOSED, pair()[0].OPEN ?? "none", WebSocket.prototype.READY_STATE_CLOSING ?? "none"], [0,1,2,3,1,3,1,2]],
  "members of WebSocket": [() => Object.getOwnPropertyNames(WebSocket.prototype).sort().join(), "CLOSED,CLOSING,CONNECTING,OPEN,READY_STATE_CLOSED,READY_STATE_CLOSING,READY_STATE_CONNECTING,READY_STATE_OPEN,accept,binaryType,bufferedAmount,close,constructor,deserializeAttachment,extensions,protocol,readyState,send,serializeAttachment,url"],
  "handler properties": [() => { const [a] = pair(); return ["onopen", "onmessage", "onclose", "onerror"].map((each) => each in a); }, [false,false,false,false]],
  "a handler property is called": [async () => { const [a, b] = open(); const got = new Promise((done) => { a.onmessage = (event) => done(event.data); }); b.send("x"); return Promise.race([got, pause(5000).then(() => "nothing")]); }, "x"],
  "a message arrives as a MessageEvent": [async () => { const [a, b] = open(); const event = next(b); a.send("hi"); const got = await event; return [got.type, got.data, got.constructor.name, got.target === b, got instanceof MessageEvent, String(got.origin)]; }, ["message","hi","MessageEvent",true,true,"null"]],
  "messages keep their order": [async () => { const [a, b] = open(); const seen = record(b); for (let i = 0; i < 5; i++) a.send(String(i)); return until(seen, 5); }, ["message 0","message 1","message 2","message 3","message 4"]],
  "a message comes in a later turn": [async () => { const [a, b] = open(); const seen = record(b); a.send("1"); await Promise.resolve(); const early = seen.length; await until(seen, 1); return [early, seen]; }, [0,["message 1"]]],
  "bytes arrive as an ArrayBuffer": [async () => { const [a, b] = open(); const seen = record(b); a.send(new Uint8Array([1, 2, 3])); a.send(new Uint8Array([9, 8, 7]).buffer); a.send(new Uint8Array([1, 2, 3, 4]).subarray(1, 3)); a.send(new DataView(new ArrayBuffer(2))); return until(seen, 4); }, ["message bytes 1,2,3","message bytes 9,8,7","message bytes 2,3","message bytes 0,0"]],
  "bytes are copied at the call": [async () => { const [a, b] = open(); const seen = record(b); const bytes = new Uint8Array([1]); a.send(bytes); bytes[0] = 2; return until(seen, 1); }, ["message bytes 1"]],
  "send of other values": [async () => { const [a, b] = open(); const seen = record(b); a.send(5); a.send(null); a.send(true); a.send({}); a.send([1, 2]); return until(seen, 5); }, ["message 5","message null","message true","message [object Object]","message 1,2"]],
  "send of a Blob": [async () => { const [a, b] = open(); const seen = record(b); a.send(new Blob(["x"])); return until(seen, 1); }, ["message [object Blob]"]],
  "send of a symbol": [() => { const [a] = open(); a.send(Symbol("x")); }, "TypeError: Cannot convert a Symbol value to a string"],
  "send without an argument": [() => { const [a] = open(); a.send(); }, "TypeError: Failed to execute 'send' on 'WebSocket': parameter 1 is not of type 'ArrayBuffer or ArrayBufferView or string'."],
  "an empty message": [async () => { const [a, b] = open(); const seen = record(b); a.send(""); a.send(new ArrayBuffer(0)); return until(seen, 2); }, ["message ","message bytes "]],
  "text beyond ASCII": [async () => { const [a, b] = open(); const seen = record(b); a.send("grüße 😀"); a.send("\ud800"); return until(seen, 2); }, ["message grüße 😀","message ���"], { limpet: ["message grüße 😀", "message �"], because: "one lone surrogate is one U+FFFD" }],
  "a message of a megabyte": [async () => { const [a, b] = open(); const event = next(b); a.send("x".repeat(1 << 20)); return (await event).data.length; }, 1048576],
  "send before accept": [() => pair()[0].send("x"), "TypeError: You must call one of accept() or state.acceptWebSocket() on this WebSocket before sending messages."],
  "close before accept": [() => pair()[0].close(), "TypeError: You must call one of accept() or state.acceptWebSocket() on this WebSocket before sending messages."],
  "accept twice": [() => { const [a] = pair(); a.accept(); a.accept(); return "fine"; }, "fine"],
  "accept with a wrong option": [() => { const [a] = pair(); a.accept(5); return "fine"; }, "TypeError: Failed to execute 'accept' on 'WebSocket': parameter 1 is not of type 'AcceptOptions'."],
  "messages wait for accept": [async () => { const [a, b] = pair(); a.accept(); a.send("early"); await pause(5); const seen = record(b); b.accept(); return until(seen, 1); }, ["message early"]],
  "messages before a listener are lost": [async () => { const [a, b] = open(); a.send("lost"); await pause(10); const seen = record(b); a.send("kept"); return until(seen, 1); }, ["message kept"]],
  "send after close": [() => { const [a] = open(); a.close(); a.send("x"); }, "TypeError: Can't call WebSocket send() after close()."],
  "close twice": [() => { const [a] = open(); a.close(1000); a.close(1000); return a.readyState; }, 2],
  "close is seen by the other side": [async () => { const [a, b] = open(); const seen = record(b); a.close(4001, "because"); return until(seen, 1); }, ["close 4001 because true state 2"]],
  "close without a code": [async () => { const [a, b] = open(); const seen = record(b); a.close(); return until(seen, 1); }, ["close 1005  true state 2"]],
  "close with undefined": [async () => { const [a, b] = open(); const seen = record(b); a.close(undefined); return until(seen, 1); }, ["close 1005  true state 2"]],
  "close answered by close": [async () => { const [a, b] = open(); const seen = record(a, [], "a "); b.addEventListener("close", () => b.close(4002, "answer")); record(b, seen, "b "); a.close(4001, "ask"); await until(seen, 2, 300); return [...seen.sort(), a.readyState, b.readyState]; }, ["a close 4002 answer true state 3","b close 4001 ask true state 3","b error Uncaught Error: Network connection lost.",3,3], { limpet: ["a close 4002 answer true state 3", "b close 4001 ask true state 3", 3, 3], because: "workerd reads on after both Close frames, and reports that" }],
  "close that nobody answers": [async () => { const [a, b] = open(); const seen = record(a, [], "a "); record(b, seen, "b "); a.close(4001, "ask"); await until(seen, 2, 100); return [...seen.sort(), a.readyState, b.readyState]; }, ["b close 4001 ask true state 2",2,2]],
  "close of a socket that allows half open": [async () => { const [a, b] = open({ allowHalfOpen: true }); const seen = record(a, [], "a "); record(b, seen, "b "); a.close(4001, "ask"); await until(seen, 1, 100); b.send("still"); await until(seen, 2, 100); return [...seen, a.readyState, b.readyState]; }, ["b close 4001 ask true state 2","a message still",2,2]],
  "close of a socket that forbids half open": [async () => { const [a, b] = open({ allowHalfOpen: false }); const seen = record(a, [], "a "); record(b, seen, "b "); a.close(4001, "ask"); await until(seen, 2, 100); return [...seen.sort(), a.readyState, b.readyState]; }, ["a close 4001 ask true state 3","b close 4001 ask true state 3","b error Uncaught Error: Network connection lost.",3,3], { limpet: ["a close 4001 ask true state 3", "b close 4001 ask true state 3", 3, 3], because: "workerd reads on after both Close frames, and reports that" }],
  "send after the other side has closed": [async () => { const [a, b] = open(); const closed = next(b, "close"); a.close(1000); await closed; b.send("late"); return b.readyState; }, 2],
  "send in a close event": [async () => { const [a, b] = open(); const seen = record(a); b.addEventListener("close", () => { try { b.send("bye"); seen.push("sent"); } catch (error) { seen.push(error.message); } }); a.close(1000); return until(seen, 2, 100); }, ["sent","message bye"]],
  "readyState through a close": [async () => { const [a, b] = pair(); const states = [a.readyState]; a.accept(); b.accept(); states.push(a.readyState); const closed = next(b, "close"); a.close(); states.push(a.readyState); await closed; states.push(b.readyState); b.close(); states.push(b.readyState); await pause(10); states.push(a.readyState, b.readyState); return states; }, [1,1,2,2,3,3,3]],
  "the close event": [async () => { const [a, b] = open(); const event = next(b, "close"); a.close(3000, "r"); const got = await event; return [got.constructor.name, got instanceof CloseEvent, got.type, got.code, got.reason, got.wasClean, got.target === b]; }, ["CloseEvent",true,"close",3000,"r",true,true]],
  "a CloseEvent by hand": [() => { const event = new CloseEvent("close", { code: 4000, reason: "r", wasClean: true }); const bare = new CloseEvent("x"); return [event.code, event.reason, event.wasClean, bare.code, bare.reason, bare.wasClean, bare.type]; }, [4000,"r",true,0,"",false,"x"]],
  "a CloseEvent without a type": [() => new CloseEvent(), "TypeError: Failed to construct 'CloseEvent': constructor parameter 1 is not of type 'string'."],
  "close codes": [async () => { const seen = []; for (const code of [0, 1, 999, 1000, 1001, 1003, 1004, 1005, 1006, 1007, 1011, 1014, 1015, 1016, 2999, 3000, 4999, 5000, 70000, -1, "1000", "abc", 1000.9, null, true, NaN]) { const [a] = open(); seen.push(`${code}: ${await outcome(() => a.close(code) ?? "fine")}`); } return seen; }, ["0: DOMException InvalidAccessError: Invalid WebSocket close code: 0.","1: DOMException InvalidAccessError: Invalid WebSocket close code: 1.","999: DOMException InvalidAccessError: Invalid WebSocket close code: 999.","1000: fine","1001: fine","1003: fine","1004: DOMException InvalidAccessError: Invalid WebSocket close code: 1004.","1005: DOMException InvalidAccessError: Invalid WebSocket close code: 1005.","1006: DOMException InvalidAccessError: Invalid WebSocket close code: 1006.","1007: fine","1011: fine","1014: fine","1015: DOMException InvalidAccessError: Invalid WebSocket close code: 1015.","1016: fine","2999: fine","3000: fine","4999: fine","5000: DOMException InvalidAccessError: Invalid WebSocket close code: 5000.","70000: DOMException InvalidAccessError: Invalid WebSocket close code: 70000.","-1: DOMException InvalidAccessError: Invalid WebSocket close code: -1.","1000: fine","abc: DOMException InvalidAccessError: Invalid WebSocket close code: 0.","1000.9: fine","null: DOMException InvalidAccessError: Invalid WebSocket close code: 0.","true: DOMException InvalidAccessError: Invalid WebSocket close code: 1.","NaN: DOMException InvalidAccessError: Invalid WebSocket close code: 0."]],
  "a reason without a code": [() => { const [a] = open(); a.close(undefined, "why"); }, "DOMException InvalidAccessError: If you specify a WebSocket close reason, you must also specify a code."],
  "an empty reason without a code": [() => { const [a] = open(); a.close(undefined, ""); return "fine"; }, "DOMException InvalidAccessError: If you specify a WebSocket close reason, you must also specify a code."],
  "a reason of 124 bytes": [async () => { const [a, b] = open(); const event = next(b, "close"); const result = await outcome(() => a.close(1000, "x".repeat(124)) ?? "fine"); return [result, (await event).reason?.length]; }, ["fine",124], { limpet: ["fine", 123], because: "what fits into a Close frame is sent" }],
  "a listener that throws": [async () => { const [a, b] = open(); const seen = []; b.addEventListener("message", (event) => { seen.push(event.data); if (event.data === "1") throw new Error("mine"); }); record(b, seen); a.send("1"); a.send("2"); await until(seen, 3, 100); return seen; }, ["1","error Uncaught Error: mine"]],
  "a socket in a clone": [() => structuredClone(pair()[0]), "DOMException DataCloneError: Could not serialize object of type \"WebSocket\". This type does not support serialization."],
  "illegal invocation": [() => WebSocket.prototype.send.call({}, "x"), "TypeError: Illegal invocation: function called with incorrect `this` reference. See https://developers.cloudflare.com/workers/observability/errors/#illegal-invocation-errors for details."],
  "close of an unaccepted end of which the other is accepted": [async () => { const [a, b] = pair(); a.accept(); const seen = record(a); a.close(1000, "x"); b.accept(); record(b, seen); return until(seen, 1, 200); }, ["close 1000 x true state 2"]],
  "attachments of an accepted socket": [() => { const [a] = open(); const before = a.deserializeAttachment(); a.serializeAttachment({ x: [1, new Date(5)] }); return [before, a.deserializeAttachment()]; }, [null, { x: [1, new Date(5)] }]],
  "attachments before accept": [() => { const [a] = pair(); a.serializeAttachment(1); return a.deserializeAttachment(); }, 1],
  "an attachment that is too large": [() => { const [a] = open(); a.serializeAttachment("x".repeat(16384)); }, "Error: A WebSocket 'attachment' cannot be larger than 16384 bytes.'attachment' was 16390 bytes."],
  "an attachment that just fits": [() => { const [a] = open(); a.serializeAttachment("x".repeat(16379)); return a.deserializeAttachment().length; }, 16379],
  "an attachment that can't be cloned": [() => { const [a] = open(); a.serializeAttachment(() => {}); }, "DOMException DataCloneError: () => {} could not be cloned."],
  "a standalone response with a socket": [() => { const [a] = pair(); const response = upgraded(a); return [response.status, response.webSocket === a, String(response.body), response.ok, response.statusText]; }, [101,true,"null",false,""]],
  "101 without a socket": [() => new Response(null, { status: 101 }).status, "RangeError: Responses may only be constructed with status codes in the range 200 to 599, inclusive."],
  "a socket with status 200": [() => new Response(null, { webSocket: pair()[0] }).status, "RangeError: Responses with a WebSocket must have status code 101."],
  "a socket with a body": [() => new Response("x", { status: 101, webSocket: pair()[0] }).status, "TypeError: Response with null body status (101, 204, 205, or 304) cannot have a body."],
  "an empty body with a socket": [() => new Response("", { status: 101, webSocket: pair()[0] }).status, 101],
  "a null socket": [() => [new Response(null, { webSocket: null }).webSocket, new Response("x").webSocket], [null,null]],
  "a socket of a wrong type": [() => new Response(null, { status: 101, webSocket: {} }).status, "TypeError: Incorrect type for the 'webSocket' field on 'InitializerDict': the provided value is not of type 'WebSocket'."],
  "a socket from another response": [() => { const first = upgraded(pair()[0]); return new Response(null, first).status; }, 101],
  "an accepted socket in a response": [() => { const [a] = pair(); a.accept(); return upgraded(a).status; }, 101],
  "one socket in two responses": [() => { const [a] = pair(); upgraded(a); return upgraded(a).status; }, 101],
  "accept after use in a response": [() => { const [a] = pair(); upgraded(a); a.accept(); return "fine"; }, "fine"],
  "clone of an upgrade": [() => upgraded(pair()[0]).clone().status, "TypeError: Cannot clone a response to a WebSocket handshake."],
  "Response.json with a socket": [() => Response.json({}, { status: 101, webSocket: pair()[0] }).status, "TypeError: Response with null body status (101, 204, 205, or 304) cannot have a body."],
  "new WebSocket with other schemes": [async () => { const seen = []; for (const url of ["http://x/", "https://x/", "ftp://x/", "x", "/x", "ws://x/#f", "ws://", "wss://x/#"]) seen.push(`${url}: ${await outcome(() => { new WebSocket(url); return "made"; })}`); return seen.slice(2, 6); }, ["ftp://x/: DOMException SyntaxError: WebSocket Constructor: The url scheme must be ws or wss.","x: DOMException SyntaxError: WebSocket Constructor: The url is invalid.","/x: DOMException SyntaxError: WebSocket Constructor: The url is invalid.","ws://x/#f: DOMException SyntaxError: WebSocket Constructor: The url fragment must be empty."]],
  "new WebSocket with http": [() => { new WebSocket("http://127.0.0.1:9/"); return "made"; }, "DOMException SyntaxError: WebSocket Constructor: The url scheme must be ws or wss."],
  "new WebSocket without arguments": [() => new WebSocket(), "TypeError: Failed to construct 'WebSocket': constructor parameter 1 is not of type 'string'."],
  "new WebSocket with bad protocols": [async () => { const seen = []; for (const given of [["a", "a"], ["a b"], [""], "", "a,b", ["ok"], "ü", ["A", "a"]]) seen.push(`${JSON.stringify(given)}: ${await outcome(() => { new WebSocket("ws://127.0.0.1:9/", given); return "made"; })}`); return seen; }, ["[\"a\",\"a\"]: DOMException SyntaxError: WebSocket Constructor: The protocols header cannot have repeating values.","[\"a b\"]: DOMException SyntaxError: WebSocket Constructor: One of the protocol header tokens is invalid.","[\"\"]: DOMException SyntaxError: WebSocket Constructor: One of the protocol header tokens is invalid.","\"\": DOMException SyntaxError: WebSocket Constructor: The protocol header token is invalid.","\"a,b\": DOMException SyntaxError: WebSocket Constructor: The protocol header token is invalid.","[\"ok\"]: made","\"ü\": DOMException SyntaxError: WebSocket Constructor: The protocol header token is invalid.","[\"A\",\"a\"]: made"]],
  "a new WebSocket": [() => { const made = new WebSocket("ws://127.0.0.1:9/a?b"); made.addEventListener("error", () => {}); return [made.readyState, made.url, made.protocol, made.extensions]; }, [0,"ws://127.0.0.1:9/a?b","",""]],
  "accept of new WebSocket": [() => new WebSocket("ws://127.0.0.1:9/").accept(), "TypeError: Websockets obtained from the 'new WebSocket()' constructor cannot call accept"],
  "send while connecting": [() => new WebSocket("ws://127.0.0.1:9/").send("x"), "TypeError: You must call one of accept() or state.acceptWebSocket() on this WebSocket before sending messages."],
  "close while connecting": [() => { const made = new WebSocket("ws://127.0.0.1:9/"); made.close(); return made.readyState; }, 1, { limpet: 2, because: "as browsers have it" }],
  "new WebSocket in a response": [() => upgraded(new WebSocket("ws://127.0.0.1:9/")).status, 101],
  "a connection that is refused": [async () => { const made = new WebSocket("ws://127.0.0.1:9/"); const seen = record(made); await untilClosed(made, seen); return [seen.map((each) => each.split(" ")[0]), seen.at(-1), made.readyState]; }, [["error","close"],"close 1006 Failed to establish websocket connection false state 3",3]],
  "an upgrade that the server refuses": [async ({ env }) => { const made = new WebSocket(env.ECHO.replace("http:", "ws:")); const seen = record(made); await untilClosed(made, seen); return seen; }, ["error Uncaught TypeError: Failed to establish the WebSocket connection: expected server to reply with HTTP status code 101 (switching protocols), but received 200 instead.","close 1006 Failed to establish websocket connection false state 3"]],
  "fetch with ws:": [async () => (await fetch("ws://127.0.0.1:9/", kUpgrade)).status, "TypeError: Fetch API cannot load: ws://127.0.0.1:9/"],
  "fetch with an upgrade that the server ignores": [async ({ env }) => { const response = await fetch(env.ECHO, kUpgrade); await response.text(); return [response.status, response.webSocket]; }, [200,null]],

  // Through an object.
  "an object's echo": [async ({ object }) => { const socket = await connect(object, "/echo"); const seen = record(socket); socket.send("a"); socket.send(new Uint8Array([1, 2])); return until(seen, 2); }, ["message a","message bytes 1,2"]],
  "the response of an upgrade": [async ({ object }) => { const response = await gets(object, "/echo"); return [response.status, response.statusText, response.webSocket instanceof WebSocket, response.webSocket.readyState, String(response.webSocket.url), String(response.webSocket.protocol), String(response.body), response.ok]; }, [101,"Switching Protocols",true,1,"null","","null",false]],
  "headers of an upgrade": [async ({ object }) => { const response = await gets(object, "/headers"); return [response.headers.get("x-mine"), response.headers.get("sec-websocket-protocol"), String(response.webSocket.protocol), response.headers.get("upgrade")]; }, ["yes","chosen","",null]],
  "what the object sees of an upgrade": [async ({ object }) => { const socket = await connect(object, "/request", { "Sec-WebSocket-Protocol": "p" }); return (await next(socket)).data; }, "[\"GET\",\"websocket\",null,null,\"p\"]"],
  "an upgrade that was not asked for": [async ({ object }) => (await gets(object, "/echo", {})).status, "TypeError: Worker tried to return a WebSocket in a response to a request which did not contain the header \"Upgrade: websocket\"."],
  "an upgrade that the object declines": [async ({ object }) => { const response = await gets(object, "/decline"); return [response.status, response.webSocket, await response.text()]; }, [403,null,"no"]],
  "close from the object": [async ({ object }) => untilClosed(await connect(object, "/closes")), ["message first","close 4005 from the object true state 2"]],
  "close from the client": [async ({ object }) => { const socket = await connect(object, "/remembers"); socket.close(4003, "mine"); return eventually(async () => (await gets(object, "/seen", {})).json(), (all) => all.length > 0); }, ["close 4003 mine true state 2"]],
  "the object drops its end": [async ({ object }) => untilClosed(await connect(object, "/drops"), undefined, 500), []],
  "the object aborts": [async ({ object }) => { const socket = await connect(object, "/echo"); const seen = record(socket); await gets(object, "/abort", {}).catch(() => {}); return untilClosed(socket, seen); }, ["close 1006 WebSocket disconnected without sending Close frame. false state 1"]],
  "two sockets of one object": [async ({ object }) => { const [a, b] = [await connect(object, "/room"), await connect(object, "/room")]; const seen = record(b); a.send("hello"); return until(seen, 1); }, ["message hello"]],
  "a message waits for the input gate": [async ({ object }) => { const socket = await connect(object, "/gate"); const seen = record(socket); for (let i = 0; i < 5; i++) socket.send("add"); await until(seen, 5); return seen; }, ["message 1","message 2","message 3","message 4","message 5"]],
  "messages during blockConcurrencyWhile wait": [async ({ object }) => { const socket = await connect(object, "/blocking"); const seen = record(socket); socket.send("block"); socket.send("after"); return until(seen, 3); }, ["message in","message out","message after"]],
  "messages follow writes in order": [async ({ object }) => { const socket = await connect(object, "/writes"); const seen = record(socket); socket.send("go"); return until(seen, 6); }, ["message before 0","message after 0","message before 1","message after 1","message before 2","message after 2"]],
  "a socket of another request": [async ({ object }) => { const response = await gets(object, "/echo"); globalThis.kept = response.webSocket; kept.accept(); return "kept"; }, "kept"],
};


const cases = {
  "the URL of a WebSocket is as it was given": {
    run: () => ["ws://127.0.0.1:1", "WS://127.0.0.1:1/A", "ws://127.0.0.1:1/a b?ä", "ws://127.0.0.1:80/a/../b", "wss://EXAMPLE.com:443?x"].map((url) => {
      const socket = new WebSocket(url);
      socket.addEventListener("error", () => {});
      return socket.url === url;
    }),
    expect: [true, true, true, true, true],
  },
  "URLs of a WebSocket that are none": {
    run: async () => {
      const texts = new Set();
      for (const url of [" ws://127.0.0.1:1/", "ws:127.0.0.1:1", "ws://ä.de/", "/x"]) texts.add(await thrown(() => new WebSocket(url)));
      return [...texts];
    },
    expect: ["SyntaxError: WebSocket Constructor: The url is invalid."],
  },};
for (const [name, [run, expect, more]] of Object.entries(rows)) cases[name] = { run: (tools) => outcome(() => run(tools)), expect, ...more };

const seenBy = [];
const room = new Set();
const routes = {
  echo: (socket) => socket.addEventListener("message", (event) => socket.send(event.data)),
  headers: () => {},
  request: (socket, { request }) => socket.send(JSON.stringify([request.method, request.headers.get("upgrade"), request.headers.get("connection"), request.headers.get("sec-websocket-key"), request.headers.get("sec-websocket-protocol")])),
  closes: (socket) => { socket.send("first"); socket.close(4005, "from the object"); },
  remembers: (socket) => record(socket, seenBy),
  room: (socket) => { room.add(socket); socket.addEventListener("message", (event) => { for (const each of room) if (each !== socket) each.send(event.data); }); },
  gate: (socket, { storage }) => socket.addEventListener("message", async () => { const value = (await storage.get("n")) ?? 0; await storage.put("n", value + 1); socket.send(String(value + 1)); }),
  blocking: (socket, { state }) => socket.addEventListener("message", (event) => { if (event.data === "after") return socket.send("after"); state.blockConcurrencyWhile(async () => { socket.send("in"); await pause(20); socket.send("out"); }); }),
  writes: (socket, { storage }) => socket.addEventListener("message", () => { for (let i = 0; i < 3; i++) { socket.send(`before ${i}`); storage.put("k", i); socket.send(`after ${i}`); } }),
};

class Base extends objectClass(cases) {
  async fetch(request) {
    const path = new URL(request.url).pathname.slice(1);
    if (path === "seen") return Response.json(seenBy.splice(0));
    if (path === "decline") return new Response("no", { status: 403 });
    if (path === "abort") this.state.abort("gone");
    const [client, server] = pair();
    if (path === "drops") return upgraded(client);
    if (!(path in routes)) return super.fetch(request);
    server.accept();
    routes[path](server, { request, state: this.state, storage: this.storage });
    return upgraded(client, { headers: path === "headers" ? { "x-mine": "yes", "Sec-WebSocket-Protocol": "chosen" } : {} });
  }
}
export { Base as Subject };
export default worker(cases);
