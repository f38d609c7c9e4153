// Bindings to other Workers: fetch and RPC to default and named entrypoints, props, streams, sockets, errors.
import { RpcTarget, ServiceStub, WorkerEntrypoint } from "cloudflare:workers";
import { failure, objectClass, thrown, worker } from "./lib.mjs";

const kTakesMore = `TypeError: Cannot call handler function "four" over RPC because it has the wrong number of arguments. A simple function ` +
  "handler can only be called over RPC if it has exactly the arguments (arg, env, ctx), where only the first argument comes from the " +
  "client. To support multi-argument RPC functions, use class-based syntax (extending WorkerEntrypoint) instead.";
const kGivenOther = `TypeError: Attempted to call RPC function "double" with the wrong number of arguments. When calling a top-level handler ` +
  "function that is not declared as part of a class, you must always send exactly one argument. In order to support variable numbers of " +
  "arguments, the server must use class-based syntax (extending WorkerEntrypoint) instead.";

const json = async (response) => await response.json();
const text = async (response) => await response.text();

class Local extends RpcTarget {
  hello(name) { return `local ${name}`; }
}

const cases = {
  // -- what a binding is
  "a binding is a Fetcher": { run: ({ env }) => [typeof env.CALLEE, env.CALLEE instanceof ServiceStub, Object.prototype.toString.call(env.CALLEE), Object.keys(env.CALLEE)], expect: ["object", true, "[object Fetcher]", []] },
  "two looks at a binding are one object": { run: ({ env }) => env.CALLEE === env.CALLEE, expect: true },

  // -- fetch
  "fetch reaches the default entrypoint with its own env": { run: async ({ env }) => await json(await env.CALLEE.fetch("http://any.host/path?q=1", { headers: { host: "other.host" } })), expect: { url: "http://any.host/path?q=1", method: "GET", host: "other.host", env: ["WORD"], props: {} } },
  "a Request passes as it is": { run: async ({ env }) => { const answer = await env.CALLEE.fetch(new Request("http://callee/body", { method: "PUT", body: "content" })); return [await answer.text(), answer.headers.get("x-method"), answer.url]; }, expect: ["content", "PUT", "http://callee/body"] },
  "fetch to an object's handler": { run: async ({ env }) => await text(await env.PLAIN.fetch("http://plain/leaf")), expect: "plain /leaf" },
  "fetch to a named entrypoint has its props": { run: async ({ env }) => await text(await env.GREETER.fetch("http://x/")), expect: `fetched {"greeting":"Moin"}` },
  "fetch to a named object has its props": { run: async ({ env }) => await text(await env.HANDLERS.fetch("http://x/")), expect: `object {"a":[1,{"b":null}]}` },
  "an error of the callee is the caller's": { run: async ({ env }) => await failure(() => env.CALLEE.fetch("http://callee/throw")), expect: { error: "RangeError: from the callee", remote: true }, },
  "a redirect is followed to the callee": { run: async ({ env }) => (await json(await env.CALLEE.fetch("http://callee/redirect"))).url, expect: "http://callee/target" },
  "or not": { run: async ({ env }) => (await env.CALLEE.fetch("http://callee/redirect", { redirect: "manual" })).status, expect: 302 },
  "a relative address": { run: async ({ env }) => await thrown(() => env.CALLEE.fetch("/path")), expect: "TypeError: Invalid URL: /path" },
  "no argument": { run: async ({ env }) => await thrown(() => env.CALLEE.fetch()), expect: "TypeError: Failed to execute 'fetch' on 'Fetcher': parameter 1 is not of type 'Request or string'." },
  "a body that the callee makes bit by bit": { run: async ({ env }) => await text(await env.CALLEE.fetch("http://callee/stream")), expect: "abc" },
  "a stream as the body": { run: async ({ env }) => { const { readable, writable } = new TransformStream(); const writer = writable.getWriter(); writer.write(new TextEncoder().encode("one ")); writer.write(new TextEncoder().encode("two")); writer.close(); return await text(await env.CALLEE.fetch("http://callee/body", { method: "POST", body: readable })); }, expect: "one two" },
  "a WebSocket to the callee": { run: async ({ env }) => {
    const { webSocket, status } = await env.CALLEE.fetch("http://callee/socket", { headers: { Upgrade: "websocket" } });
    webSocket.accept();
    const said = new Promise((resolve) => webSocket.addEventListener("message", (event) => resolve(event.data)));
    webSocket.send("hi");
    const heard = await said;
    webSocket.close();
    return [status, heard];
  }, expect: [101, "echo hi"] },
  "a Worker calls itself": { run: async ({ env }) => await text(await env.PLAIN.fetch("http://plain/self")), expect: "plain /leaf" },
  "a Worker calls on": { run: async ({ env }) => (await json(await env.PLAIN.fetch("http://plain/on"))).url, expect: "http://plain/further" },
  "and by RPC": { run: async ({ env }) => await text(await env.PLAIN.fetch("http://plain/rpc")), expect: "5" },
  "a signal ends the wait": { run: async ({ env }) => await thrown(() => env.CALLEE.fetch("http://callee/", { signal: AbortSignal.abort() })), expect: "AbortError: The operation was aborted" },

  "an error of our own entrypoint is as remote": { run: ({ ctx }) => failure(() => ctx.exports.Ours.fetch("http://x/")), expect: { error: "RangeError: ours", remote: true } },

  // -- RPC
  "a method": { run: ({ env }) => env.CALLEE.add(1, 2), expect: 3 },
  "a property": { run: ({ env }) => env.CALLEE.color, expect: "blue" },
  "no such method": { run: ({ env }) => thrown(() => env.CALLEE.nothing()), expect: `TypeError: The RPC receiver does not implement the method "nothing".` },
  "a method that throws": { run: ({ env }) => failure(() => env.CALLEE.raise()), expect: { error: "TypeError: no", remote: true } },
  "a function of ours is called back": { run: ({ env }) => env.CALLEE.twice((n) => n * 10), expect: 100 },
  "a function of theirs": { run: async ({ env }) => { using add = await env.CALLEE.adder(3); return await add(4); }, expect: 7 },
  "an object of theirs keeps its state": { run: async ({ env }) => { using tally = await env.CALLEE.tally(); await tally.add(2); await tally.add(3); return await tally.sum; }, expect: 5 },
  "calls before answers": { run: ({ env }) => env.CALLEE.tally().add(8), expect: 8 },
  "and through properties": { run: ({ env }) => env.CALLEE.deep().inner.tally.add(4), expect: 4 },
  "a value with a stub in it": { run: async ({ env }) => { using deep = await env.CALLEE.deep(); return [deep.inner.list, await deep.inner.tally.add(1)]; }, expect: [[1, 2], 1] },
  "an object of ours": { run: ({ env }) => env.CALLEE.ask(new Local()), expect: "local me" },
  "a stream there": { run: ({ env }) => env.CALLEE.readBack(new Response("up").body), expect: "up" },
  "a stream back": { run: async ({ env }) => await new Response(await env.CALLEE.stream()).text(), expect: "streamed" },
  "a Request and a Response": { run: async ({ env }) => await text(await env.CALLEE.fetch(new Request("http://callee/body", { method: "POST", body: "b" }))), expect: "b" },
  "the Worker is one": { run: async ({ env }) => { const before = await env.CALLEE.count(); return (await env.CALLEE.count()) - before; }, expect: 1 },
  "a named entrypoint with props": { run: ({ env }) => env.GREETER.hello("you"), expect: "Moin, you" },
  "and without": { run: ({ env }) => env.BARE.hello("you"), expect: "Hello, you" },
  "props are what the binding says": { run: ({ env }) => env.GREETER.props, expect: { greeting: "Moin" } },
  "a handler of a named object": { run: ({ env }) => env.HANDLERS.double(4), expect: [8, "object", "function"] },
  "handlers that take fewer": { run: async ({ env }) => [await env.HANDLERS.none(4), await env.HANDLERS.short(4), await env.HANDLERS.rest(4)], expect: [3, 4, ["number", "object", "object"]] },
  "a handler that takes more": { run: ({ env }) => thrown(() => env.HANDLERS.four(4)), expect: kTakesMore },
  "a handler that is given another number": { run: async ({ env }) => [await thrown(() => env.HANDLERS.double()), await thrown(() => env.HANDLERS.double(1, 2))], expect: [kGivenOther, kGivenOther] },
  "a handler of a default object": { run: ({ env }) => env.PLAIN.method(4), expect: "method 4" },
  "reserved names": { run: async ({ env }) => [await thrown(() => env.CALLEE.alarm()), await thrown(() => env.CALLEE.constructor())], expect: ["TypeError: 'alarm' is a reserved method and cannot be called over RPC.", "TypeError: Illegal constructor"] },
  "then is nothing": { run: async ({ env }) => [env.CALLEE.then, (await env.CALLEE) === env.CALLEE], expect: [undefined, true] },

  // -- bindings that travel
  "a binding as an argument": { run: ({ env }) => env.CALLEE.ask(env.GREETER), expect: "Moin, me" },
  "a stub of ours as an argument": { run: ({ env, ctx }) => env.CALLEE.ask(ctx.exports.Ours({ props: { is: "ours" } })), expect: "ours, me" },
  "a stub of theirs, called here": { run: async ({ env }) => { using stub = await env.CALLEE.loopback(); return await stub.hello("here"); }, expect: "Hola, here" },
  "their exports are theirs": { run: async ({ env }) => [await env.CALLEE.own("Greeter"), await env.CALLEE.own("Ours")], expect: [true, false] },
  "a binding in a structured clone": { run: ({ env }) => thrown(() => structuredClone(env.CALLEE)), expect: "DataCloneError: ServiceStub cannot be serialized in this context." },

  // -- objects
  "an object calls through a binding": { inObject: async ({ env }) => [await env.CALLEE.add(5, 6), await (await env.PLAIN.fetch("http://plain/o")).text()], expect: [11, "plain /o"] },
  "what it wrote before is durable": { inObject: async ({ env, storage }) => { storage.put("key", 1); const sum = await env.CALLEE.add(1, 1); return [sum, await storage.get("key")]; }, expect: [2, 1] },
};

export const Subject = objectClass(cases);
export class Ours extends WorkerEntrypoint {
  fetch() { throw new RangeError("ours"); }
  hello(name) { return `${this.ctx.props.is}, ${name}`; }
}

export default {
  ...worker(cases), entrypoints: ["Ours"],
  services: [
    { name: "CALLEE", service: "callee" }, { name: "PLAIN", service: "plain" },
    { name: "GREETER", service: "callee", entrypoint: "Greeter", props: { greeting: "Moin" } },
    { name: "BARE", service: "callee", entrypoint: "Greeter" },
    { name: "HANDLERS", service: "callee", entrypoint: "handlers", props: { a: [1, { b: null }] } },
  ],
  others: {
    callee: { main: "modules/callee.mjs", vars: { WORD: "word" } },
    plain: { main: "modules/plain.mjs", services: [{ name: "SELF", service: "plain" }, { name: "CALLEE", service: "callee" }] },
  },
};
