// Hibernatable WebSockets of an object that stays in memory meanwhile: handlers, tags, attachments, automatic responses,
// and every error text. (What eviction changes is in tests/system/websocket.test.mjs.)
import { eventually, objectClass, worker } from "./lib.mjs";
import { outcome } from "./modules/rows.mjs";
import { connect, open, pair, pause, record, until, untilClosed } from "./modules/sockets.mjs";

const gets = async (object, path) => (await object.fetch(`http://object${path}`)).json();
const upgraded = (webSocket) => new Response(null, { status: 101, webSocket });

const rows = {
  "a message": [async ({ object }) => { const socket = await connect(object, "/accept"); const seen = record(socket); socket.send("hello"); await until(seen, 1); return [seen, await gets(object, "/log")]; }, [["message hello"],["message hello true 1"]]],
  "bytes": [async ({ object }) => { const socket = await connect(object, "/accept"); socket.send(new Uint8Array([1, 2])); const seen = record(socket); await until(seen, 1); return [seen, await gets(object, "/log")]; }, [["message bytes 1,2"],["message bytes 1,2 true 1"]]],
  "messages start in order": [async ({ object }) => { const socket = await connect(object, "/accept"); const seen = record(socket); for (const each of ["a", "b", "c"]) socket.send(each); return until(seen, 3); }, ["message a","message b","message c"]],
  "close from the client": [async ({ object }) => { const socket = await connect(object, "/accept"); const seen = record(socket); socket.close(4001, "bye"); await until(seen, 1, 100); return [seen, await gets(object, "/log"), socket.readyState]; }, [[],["close 4001 bye true state 2"],2], { limpet: [["close 4001 bye true state 3"], ["close 4001 bye true state 2"], 3], because: "a Close that the handler does not answer is answered after it: else the connection would stay for ever" }],
  "close from the client, answered": [async ({ object }) => { const socket = await connect(object, "/accept?answer=4002"); const seen = record(socket); socket.close(4001, "bye"); await until(seen, 1); return [seen, await gets(object, "/log"), socket.readyState]; }, [["close 4002 answer true state 3"],["close 4001 bye true state 2"],3]],
  "close from the object": [async ({ object }) => { const socket = await connect(object, "/accept"); const seen = record(socket); socket.send("close"); await until(seen, 1); socket.close(4010); const log = await eventually(() => gets(object, "/log"), (all) => all.length > 1); return [seen, log]; }, [["close 4005 from the object true state 2","error Uncaught Error: Network connection lost."],["message close true 1","close 4010  true state 3"]], { limpet: [["close 4005 from the object true state 2"], ["message close true 1", "close 4010  true state 3"]], because: "workerd reads on after both Close frames, and reports that" }],
  "send after close": [async ({ object }) => { const socket = await connect(object, "/accept"); const seen = record(socket); socket.send("close, send"); await until(seen, 1); return gets(object, "/log"); }, ["message close, send true 1","TypeError: Can't call WebSocket send() after close()."]],
  "a handler that throws": [async ({ object }) => { const socket = await connect(object, "/accept"); const seen = record(socket); socket.send("throw"); socket.send("after"); await until(seen, 1); return [seen, await gets(object, "/log")]; }, [["message after"],["message throw true 1","message after true 1"]]],
  "a handler that rejects": [async ({ object }) => { const socket = await connect(object, "/accept"); const seen = record(socket); socket.send("reject"); socket.send("after"); await until(seen, 1); return [seen, await gets(object, "/log")]; }, [["message after"],["message reject true 1","message after true 1"]]],
  "handlers of one socket overlap at awaits": [async ({ object }) => { const socket = await connect(object, "/accept"); const seen = record(socket); socket.send("slow"); socket.send("fast"); await until(seen, 2); return seen; }, ["message fast","message slow"]],
  "the object aborts": [async ({ object }) => { const socket = await connect(object, "/accept"); const seen = record(socket); socket.send("abort"); return untilClosed(socket, seen); }, ["close 1006 WebSocket disconnected without sending Close frame. false state 1"]],
  "listeners get nothing": [async ({ object }) => { const socket = await connect(object, "/accept?listen"); const seen = record(socket); socket.send("x"); await until(seen, 1); return gets(object, "/log"); }, ["message x true 1"]],
  "getWebSockets": [async ({ object }) => { await connect(object, "/accept"); await connect(object, "/accept?tags=a,b"); await connect(object, "/accept?tags=b"); return gets(object, "/sockets"); }, [3,1,2]],
  "getWebSockets after a close": [async ({ object }) => { const socket = await connect(object, "/accept?answer=1000"); await connect(object, "/accept"); socket.close(1000); return eventually(() => gets(object, "/sockets"), ([count]) => count === 1); }, [1,0,0]],
  "getWebSockets after a close that nobody answers": [async ({ object }) => { const socket = await connect(object, "/accept"); socket.close(1000); return eventually(() => gets(object, "/sockets"), ([count]) => count === 0); }, [0,0,0]],
  "the wrapper is the one that was accepted": [async ({ object }) => { await connect(object, "/accept"); return gets(object, "/same"); }, [true,true]],
  "tags are kept apart and once": [async ({ object }) => { await connect(object, "/accept?tags=x,y,x"); return gets(object, "/tags"); }, ["x","y"]],
  "readyState of a hibernatable socket": [async ({ object }) => { await connect(object, "/accept"); return gets(object, "/state"); }, 1],
  "an attachment": [async ({ object }) => { await connect(object, "/accept?attach=1"); return gets(object, "/attachment"); }, [{"n":"1"}]],
  "an attachment of nothing": [async ({ object }) => { await connect(object, "/accept"); return gets(object, "/attachment"); }, [null]],
  "an attachment that was set before": [async ({ object }) => { await connect(object, "/accept?early=5"); return gets(object, "/attachment"); }, ["5"]],
  "a handler that ends before the event timeout": [async ({ object }) => { await gets(object, "/timeout?ms=5000"); const socket = await connect(object, "/accept"); const seen = record(socket); socket.send("slow"); await until(seen, 1); return seen; }, ["message slow"]],
  "a handler that ends after the event timeout": [async ({ object }) => { await gets(object, "/timeout?ms=5"); const socket = await connect(object, "/accept"); const seen = record(socket); socket.send("slow"); await until(seen, 1, 5000); return [seen, await gets(object, "/log")]; }, [[],["message slow true 1"]], { limpet: [["close 1006 WebSocket disconnected without sending Close frame. false state 1"], []], because: "as in production the object ends; workerd forgets the handler and keeps the object" }],
  "an automatic response": [async ({ object }) => { await gets(object, "/auto?ping=pong"); const socket = await connect(object, "/accept"); const seen = record(socket); socket.send("ping"); socket.send("other"); await until(seen, 2); return [seen, await gets(object, "/log"), await gets(object, "/times")]; }, [["message pong","message other"],["message other true 1"],[true]]],
  "an automatic response to bytes": [async ({ object }) => { await gets(object, "/auto?ping=pong"); const socket = await connect(object, "/accept"); const seen = record(socket); socket.send(new TextEncoder().encode("ping")); await until(seen, 1); return seen; }, ["message bytes 112,105,110,103"]],
  "an automatic response that was taken back": [async ({ object }) => { await gets(object, "/auto?ping=pong"); await gets(object, "/auto"); const socket = await connect(object, "/accept"); const seen = record(socket); socket.send("ping"); await until(seen, 1); return seen; }, ["message ping"]],
};

const twice = (text) => [text, text];
const inObject = {
  "no sockets at first": [({ state }) => state.getWebSockets(), []],
  "acceptWebSocket without arguments": [({ state }) => state.acceptWebSocket(), "TypeError: Failed to execute 'acceptWebSocket' on 'DurableObjectState': parameter 1 is not of type 'WebSocket'."],
  "acceptWebSocket of something else": [({ state }) => state.acceptWebSocket({}), "TypeError: Failed to execute 'acceptWebSocket' on 'DurableObjectState': parameter 1 is not of type 'WebSocket'."],
  "ten tags": [({ state }) => { const [a] = pair(); const tags = Array.from({ length: 10 }, (_, i) => `t${i}`); state.acceptWebSocket(a, tags); return state.getTags(a).length; }, 10],
  "eleven tags": [({ state }) => state.acceptWebSocket(pair()[0], Array.from({ length: 11 }, (_, i) => `t${i}`)), "Error: a Hibernatable WebSocket cannot have more than 10 tags"],
  "eleven tags of which two are the same": [({ state }) => state.acceptWebSocket(pair()[0], Array.from({ length: 11 }, (_, i) => `t${i % 10}`)), "Error: a Hibernatable WebSocket cannot have more than 10 tags"],
  "the same tag twice": [({ state }) => { const [a] = pair(); state.acceptWebSocket(a, twice("x")); return state.getTags(a); }, ["x"]],
  "a tag that is too long": [({ state }) => state.acceptWebSocket(pair()[0], ["x".repeat(257)]), "Error: \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\" is longer than the max tag length (256 characters)."],
  "a tag that is just not too long": [({ state }) => { const [a] = pair(); state.acceptWebSocket(a, ["x".repeat(256)]); return state.getTags(a)[0].length; }, 256],
  "tags that are no list": [({ state }) => state.acceptWebSocket(pair()[0], "tag"), "TypeError: Failed to execute 'acceptWebSocket' on 'DurableObjectState': parameter 2 is not of type 'Array'."],
  "tags that are no strings": [({ state }) => { const [a] = pair(); state.acceptWebSocket(a, [1, null]); return state.getTags(a); }, ["1","null"]],
  "an empty tag": [({ state }) => { const [a] = pair(); state.acceptWebSocket(a, [""]); return [state.getTags(a), state.getWebSockets("").length]; }, [[""],1]],
  "acceptWebSocket twice": [({ state }) => { const [a] = pair(); state.acceptWebSocket(a); state.acceptWebSocket(a); }, "Error: Cannot call `acceptWebSocket()` if the WebSocket was already accepted via `accept()`"],
  "acceptWebSocket after accept": [({ state }) => { const [a] = pair(); a.accept(); state.acceptWebSocket(a); }, "Error: Cannot call `acceptWebSocket()` if the WebSocket was already accepted via `accept()`"],
  "acceptWebSocket whose other end was accepted": [({ state }) => { const [a, b] = pair(); b.accept(); state.acceptWebSocket(a); return "fine"; }, "Error: Cannot call `acceptWebSocket()` on this WebSocket because its pair has already been accepted or used in a Response."],
  "acceptWebSocket of both ends": [({ state }) => { const [a, b] = pair(); state.acceptWebSocket(b); state.acceptWebSocket(a); return "fine"; }, "Error: Cannot call `acceptWebSocket()` on this WebSocket because its pair has already been accepted or used in a Response."],
  "acceptWebSocket after use in a response": [({ state }) => { const [a] = pair(); new Response(null, { status: 101, webSocket: a }); state.acceptWebSocket(a); return "fine"; }, "fine"],
  "accept after acceptWebSocket": [({ state }) => { const [a] = pair(); state.acceptWebSocket(a); a.accept(); }, "TypeError: Can't accept() WebSocket after enabling hibernation."],
  "getTags of another socket": [({ state }) => state.getTags(pair()[0]), "Error: you must call 'acceptWebSocket()' before attempting to access the tags of a WebSocket."],
  "getTags of an accepted socket": [({ state }) => state.getTags(open()[0]), "Error: only hibernatable websockets can have tags."],
  "getTags of something else": [({ state }) => state.getTags(5), "TypeError: Failed to execute 'getTags' on 'DurableObjectState': parameter 1 is not of type 'WebSocket'."],
  "getWebSockets of an unknown tag": [({ state }) => { state.acceptWebSocket(pair()[0], ["a"]); return [state.getWebSockets("b").length, state.getWebSockets("a").length, state.getWebSockets(undefined).length]; }, [0,1,1]],
  "an attachment that is too large": [({ state }) => { const [a] = pair(); state.acceptWebSocket(a); a.serializeAttachment("x".repeat(16384)); }, "Error: A WebSocket 'attachment' cannot be larger than 16384 bytes.'attachment' was 16390 bytes."],
  "getWebSocketAutoResponse at first": [({ state }) => state.getWebSocketAutoResponse(), null],
  "getWebSocketAutoResponse": [({ state }) => { state.setWebSocketAutoResponse(new WebSocketRequestResponsePair("a", "b")); const pair = state.getWebSocketAutoResponse(); state.setWebSocketAutoResponse(); return [pair.request, pair.response, pair.constructor.name, state.getWebSocketAutoResponse()]; }, ["a","b","WebSocketRequestResponsePair",null]],
  "setWebSocketAutoResponse of something else": [({ state }) => state.setWebSocketAutoResponse({ request: "a", response: "b" }), "TypeError: Failed to execute 'setWebSocketAutoResponse' on 'DurableObjectState': parameter 1 is not of type 'WebSocketRequestResponsePair'."],
  "an automatic request that is too large": [({ state }) => state.setWebSocketAutoResponse(new WebSocketRequestResponsePair("a".repeat(2049), "b")), "RangeError: Request cannot be larger than 2048 bytes. A request of size 2049 was provided."],
  "an automatic response that is too large": [({ state }) => state.setWebSocketAutoResponse(new WebSocketRequestResponsePair("a", "b".repeat(2049))), "RangeError: Response cannot be larger than 2048 bytes. A response of size 2049 was provided."],
  "automatic texts that just fit": [({ state }) => { state.setWebSocketAutoResponse(new WebSocketRequestResponsePair("a".repeat(2048), "b".repeat(2048))); return "fine"; }, "fine"],
  "a pair of nothing": [() => new WebSocketRequestResponsePair(), "TypeError: Failed to construct 'WebSocketRequestResponsePair': constructor parameter 1 is not of type 'string'."],
  "a pair of one": [() => new WebSocketRequestResponsePair("a"), "TypeError: Failed to construct 'WebSocketRequestResponsePair': constructor parameter 2 is not of type 'string'."],
  "a pair of numbers": [() => new WebSocketRequestResponsePair(1, 2).response, "2"],
  "a pair can't be changed": [() => { const pair = new WebSocketRequestResponsePair("a", "b"); try { pair.request = "x"; } catch (error) { return error.name; } return pair.request; }, "TypeError"],
  "getWebSocketAutoResponseTimestamp at first": [({ state }) => { const [a] = pair(); state.acceptWebSocket(a); return state.getWebSocketAutoResponseTimestamp(a); }, null],
  "getWebSocketAutoResponseTimestamp of another socket": [({ state }) => state.getWebSocketAutoResponseTimestamp(pair()[0]), null],
  "getWebSocketAutoResponseTimestamp of something else": [({ state }) => state.getWebSocketAutoResponseTimestamp("x"), "TypeError: Failed to execute 'getWebSocketAutoResponseTimestamp' on 'DurableObjectState': parameter 1 is not of type 'WebSocket'."],
  "the event timeout": [({ state }) => { const seen = [state.getHibernatableWebSocketEventTimeout()]; for (const each of [500, 0, 604800000]) { state.setHibernatableWebSocketEventTimeout(each); seen.push(state.getHibernatableWebSocketEventTimeout()); } state.setHibernatableWebSocketEventTimeout(); seen.push(state.getHibernatableWebSocketEventTimeout()); return seen; }, [null,500,null,604800000,null]],
  "an event timeout that is too long": [({ state }) => state.setHibernatableWebSocketEventTimeout(604800001), "Error: Event timeout should not exceed 604800000 ms."],
  "an event timeout that is no number": [({ state }) => state.setHibernatableWebSocketEventTimeout("soon"), "TypeError: The value cannot be converted because it is not an integer."],
  "a negative event timeout": [({ state }) => state.setHibernatableWebSocketEventTimeout(-1), "TypeError: The value cannot be converted because it is negative and this API expects a positive number."],
};

const cases = {};
for (const [name, [run, expect, more]] of Object.entries(rows)) cases[name] = { run: (tools) => outcome(() => run(tools)), expect, ...more };
for (const [name, [run, expect, more]] of Object.entries(inObject)) cases[name] = { inObject: (tools) => outcome(() => run(tools)), expect, ...more };

const replies = {
  close: (socket) => socket.close(4005, "from the object"),
  "close, send": (socket, log) => { socket.close(4005, "from the object"); try { socket.send("x"); } catch (error) { log.push(`${error.name}: ${error.message}`); } },
  throw: () => { throw new Error("mine"); },
  reject: async () => { throw new Error("mine"); },
  slow: async (socket) => { await pause(20); socket.send("slow"); },
  abort: (socket, log, state) => state.abort("gone"),
};

export class Subject extends objectClass(cases) {
  log = [];
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    switch (pathname) {
      case "/accept": {
        const [client, server] = pair();
        if (searchParams.has("early")) server.serializeAttachment(searchParams.get("early"));
        if (searchParams.has("listen")) record(server, this.log);
        this.state.acceptWebSocket(server, ...(searchParams.has("tags") ? [searchParams.get("tags").split(",")] : []));
        if (searchParams.has("attach")) server.serializeAttachment({ n: searchParams.get("attach") });
        this.answer = Number(searchParams.get("answer"));
        this.accepted = server;
        return upgraded(client);
      }
      case "/log": return Response.json(this.log);
      case "/sockets": return Response.json(["", "a", "b"].map((tag) => this.state.getWebSockets(tag === "" ? undefined : tag).length));
      case "/same": return Response.json([this.state.getWebSockets()[0] === this.accepted, this.state.getWebSockets()[0] === this.state.getWebSockets()[0]]);
      case "/tags": return Response.json(this.state.getTags(this.accepted));
      case "/state": return Response.json(this.accepted.readyState);
      case "/attachment": return Response.json(this.state.getWebSockets().map((each) => each.deserializeAttachment()));
      case "/auto": { const [[ask, answer] = []] = searchParams; this.state.setWebSocketAutoResponse(...(ask === undefined ? [] : [new WebSocketRequestResponsePair(ask, answer)])); return Response.json("set"); }
      case "/timeout": this.state.setHibernatableWebSocketEventTimeout(Number(searchParams.get("ms"))); return Response.json("set");
      case "/times": return Response.json(this.state.getWebSockets().map((each) => this.state.getWebSocketAutoResponseTimestamp(each) instanceof Date));
    }
    return super.fetch(request);
  }
  webSocketMessage(socket, message) {
    this.log.push(`message ${message instanceof ArrayBuffer ? `bytes ${new Uint8Array(message)}` : message} ${socket === this.accepted} ${socket.readyState}`);
    return (replies[message] ?? (() => socket.send(message)))(socket, this.log, this.state);
  }
  webSocketClose(socket, code, reason, wasClean) {
    this.log.push(`close ${code} ${reason} ${wasClean} state ${socket.readyState}`);
    if (this.answer) socket.close(this.answer, "answer");
  }
  webSocketError(socket, error) {
    this.log.push(`error ${error.message}`);
  }
}
export default worker(cases);
