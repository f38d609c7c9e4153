// Modules of every kind, imported statically and dynamically.
import { thrown, worker } from "./lib.mjs";
import defaultValue, { live, raise, url, value } from "./modules/value.mjs";
import * as all from "./modules/value.mjs";
import { both } from "./modules/cycle-a.mjs";
import text from "./modules/note.txt";
import page from "./modules/page.html";
import data from "./modules/data.bin";
import config from "./modules/config.json";
import add from "./modules/add.wasm";

// Named only in a dynamic import: part of the upload because it stands here.
const lazily = () => import("./modules/lazy.mjs");
const throwing = () => import("./modules/throws.mjs");

const kAbsent = "./absent.mjs";

const cases = {
  "named and default imports": { run: () => [value, defaultValue, Object.keys(all).sort()], expect: [42, "default of value", ["default", "live", "raise", "url", "value"]] },
  "bindings are live": { run: () => { const before = live; raise(); return live - before; }, expect: 1 },
  "cycles between modules work": { run: () => both(), expect: "ab after a" },
  "a .txt module is text": { run: () => text, expect: "plain text, ä\n" },
  "a .html module is text": { run: () => page, expect: "<p>page</p>" },
  "a .bin module is an ArrayBuffer": { run: () => data, expect: new Uint8Array([0, 1, 255]).buffer },
  "a .json module is its value": { run: () => config, expect: { list: [1, 2], text: "x" } },
  "a .wasm module is compiled": { run: () => [add instanceof WebAssembly.Module, new WebAssembly.Instance(add).exports.add(2, 3)], expect: [true, 5] },
  "WebAssembly.instantiate of a module": { run: async () => (await WebAssembly.instantiate(add)).exports.add(20, 22), expect: 42 },
  "a dynamic import loads once": { run: async () => { const [a, b] = await Promise.all([lazily(), lazily()]); return [a.lazy, a === b, globalThis.lazyRuns]; }, expect: ["loaded when asked for", true, 1] },
  "a dynamic import of what a static one loaded is the same": { run: async () => (await import("./modules/value.mjs")).default === defaultValue, expect: true },
  "a dynamic import of nothing is refused": { run: async () => (await thrown(() => import(kAbsent))).split(":")[0], expect: "Error" },
  "a module that throws rejects its dynamic import": { run: () => thrown(throwing), expect: "RangeError: at load" },
  "import.meta.url": { run: () => url, expect: "undefined" },
  "a module is strict and has no this": { run: () => [(function () { return this; })()], expect: [undefined] },
  "modules have no require": { run: () => typeof require, expect: "undefined" },
};

export default worker(cases);
