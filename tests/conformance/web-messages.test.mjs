// MessageChannel, MessagePort, MessageEvent.
import { worker } from "./lib.mjs";
import { once, table } from "./modules/rows.mjs";

const next = (port) => new Promise((done) => { port.onmessage = done; });
const race = (promise, ms = 5000) => Promise.race([promise, new Promise((done) => setTimeout(() => done("PENDING"), ms))]);
let g;
try {
  new MessageChannel();
  g = "ok";
} catch (error) {
  g = String(error);
}

const cases = table(once(async () => ({})), {
  "at global scope": [() => g, "ok"],
  "a message is a clone in a MessageEvent": [async () => { const { port1, port2 } = new MessageChannel(); const p = next(port2); port1.postMessage({ a: 1, m: new Map([[1, 2]]) }); const e = await p; return [e.type, e.data.a, e.data.m instanceof Map, e.constructor.name, e instanceof MessageEvent, e instanceof Event, e.origin, e.lastEventId, e.source === port2, e.ports, e.target === port2]; }, ["message", 1, true, "MessageEvent", true, true, null, "", true, [], true]],
  "both ways": [async () => { const { port1, port2 } = new MessageChannel(); port2.onmessage = (e) => port2.postMessage(e.data + 1); const p = next(port1); port1.postMessage(1); return (await p).data; }, 2],
  "messages come in order, in microtasks": [async () => { const { port1, port2 } = new MessageChannel(); const seen = []; port2.onmessage = (e) => seen.push(e.data); port1.postMessage(1); port1.postMessage(2); seen.push("sync"); await Promise.resolve(); seen.push("micro"); await new Promise((d) => setTimeout(d, 1)); return seen; }, ["sync", 1, 2, "micro"]],
  "a listener starts the port": [async () => { const { port1, port2 } = new MessageChannel(); const p = new Promise((d) => port2.addEventListener("message", d)); port1.postMessage(1); return race(p.then((e) => e.data)); }, 1],
  "start": [async () => { const { port1, port2 } = new MessageChannel(); const p = new Promise((d) => port2.addEventListener("message", d)); port2.start(); port1.postMessage(1); return race(p.then((e) => e.data)); }, 1],
  "messages wait for a handler": [async () => { const { port1, port2 } = new MessageChannel(); port1.postMessage("early"); await new Promise((d) => setTimeout(d, 1)); return race(next(port2).then((e) => e.data)); }, "early"],
  "after close nothing comes": [async () => { const { port1, port2 } = new MessageChannel(); port1.close(); const p = next(port2); port1.postMessage(1); port2.postMessage(2); return race(p.then((e) => e.data), 30); }, "PENDING"],
  "close is an event of the other": [async () => { const { port1, port2 } = new MessageChannel(); const p = new Promise((d) => port2.addEventListener("close", d)); port2.start(); port1.close(); return race(p.then((e) => [e.type, e.constructor.name])); }, ["close", "Event"]],
  "a function can't be cloned": [() => { const { port1 } = new MessageChannel(); port1.postMessage(() => {}); }, "DOMException DataCloneError: () => {} could not be cloned."],
  "a symbol can't be cloned": [() => { const { port1 } = new MessageChannel(); port1.postMessage(Symbol("x")); }, "DOMException DataCloneError: Symbol(x) could not be cloned."],
  "a transfer list": [async () => { const { port1, port2 } = new MessageChannel(); const b = new ArrayBuffer(8); const p = next(port2); port1.postMessage(b, [b]); return race(p.then((e) => [e.data.byteLength, b.byteLength])); }, "Error: Transfer list is not supported"],
  "a transfer option": [async () => { const { port1, port2 } = new MessageChannel(); const b = new ArrayBuffer(8); const p = next(port2); port1.postMessage(b, { transfer: [b] }); return race(p.then((e) => [e.data.byteLength, b.byteLength])); }, "Error: Transfer list is not supported"],
  "a port to transfer": [async () => { const { port1, port2 } = new MessageChannel(); const c = new MessageChannel(); const p = next(port2); port1.postMessage(c.port1, [c.port1]); return race(p.then((e) => String(e.data))); }, "Error: Transfer list is not supported"],
  "a message of nothing": [() => { const { port1 } = new MessageChannel(); port1.postMessage(); }, undefined],
  "a message that is undefined": [async () => { const { port1, port2 } = new MessageChannel(); const p = next(port2); port1.postMessage(undefined); return race(p.then((e) => typeof e.data)); }, "undefined"],
  "ports are not made by hand": [() => new MessagePort(), "TypeError: Illegal constructor"],
  "onmessage holds functions": [() => { const { port1 } = new MessageChannel(); const a = port1.onmessage; const f = () => {}; port1.onmessage = f; const b = port1.onmessage === f; port1.onmessage = 5; return [a, b, port1.onmessage]; }, [null, true, null]],
  "there are no other handlers": [() => { const { port1 } = new MessageChannel(); return [port1.onmessageerror, port1.onclose]; }, [undefined, undefined]],
  "MessageEvent with all fields": [() => { const e = new MessageEvent("message", { data: 1, origin: "o", lastEventId: "l" }); return [e.type, e.data, e.origin, e.lastEventId, e.source === port2, e.ports, String(e)]; }, "ReferenceError: port2 is not defined"],
  "MessageEvent with none": [() => { const e = new MessageEvent("x"); return [e.type, e.data]; }, ["x", null]],
  "a port can't be cloned": [() => { const { port1 } = new MessageChannel(); return structuredClone(port1); }, "DOMException DataCloneError: Could not serialize object of type \"MessagePort\". This type does not support serialization."],
  "errors keep their type": [async () => { const { port1, port2 } = new MessageChannel(); const p = next(port2); port1.postMessage(new RangeError("x")); const e = await race(p); return [e.data instanceof RangeError, e.data.message]; }, [true, "x"]],
});

export default worker(cases);
