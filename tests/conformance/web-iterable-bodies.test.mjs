// Objects that iterate, as bodies: a stream of what they give, or the text that they are.
import { workerOfRows } from "./lib.mjs";

const bytes = (text) => new TextEncoder().encode(text);
const sync = { *[Symbol.iterator]() { yield bytes("items"); } };
const later = { async *[Symbol.asyncIterator]() { yield bytes("items"); } };
const text = { toString() { return "text"; } };
const primitive = { [Symbol.toPrimitive]() { return "primitive"; } };
class Items {
  *[Symbol.iterator]() { yield bytes("items"); }
  toString() { return "text"; }
}
const read = async (body) => {
  const response = new Response(body);
  return [await response.text(), String(response.headers.get("content-type"))];
};

const rows = [
  [() => read(sync),
    ["items","null"]],
  [() => read(later),
    ["items","null"]],
  [() => read({ ...sync, ...text }),
    ["text","text/plain;charset=UTF-8"]],
  [() => read({ ...sync, ...primitive }),
    ["primitive","text/plain;charset=UTF-8"]],
  [() => read({ ...sync, valueOf: () => "value" }),
    ["items","null"]],
  [() => read({ ...later, ...text }),
    ["items","null"]],
  [() => read({ ...later, ...primitive }),
    ["items","null"]],
  [() => read(new Items()),
    ["text","text/plain;charset=UTF-8"]],
  [() => read(new (class extends Items {})()),
    ["text","text/plain;charset=UTF-8"]],
  [() => read([bytes("items")]),
    ["items","null"]],
  [() => read(Object.assign([bytes("items")], text)),
    ["items","null"]],
  [() => read(["not bytes"]),
    "TypeError: This ReadableStream did not return bytes."],
  [() => read(new Set([bytes("items")])),
    ["items","null"]],
  [() => read(sync[Symbol.iterator]()),
    ["items","null"]],
  [() => read(new String("text")),
    ["text","text/plain;charset=UTF-8"]],
  [() => read(new Number(5)),
    ["5","text/plain;charset=UTF-8"]],
  [() => read(Object.assign(Object.create(null), sync)),
    "TypeError: Cannot convert object to primitive value"],
  [() => read(Object.assign(() => 1, sync)),
    ["() => 1","text/plain;charset=UTF-8"]],
];
export default workerOfRows(rows);
