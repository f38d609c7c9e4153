// The Workers that the system tests deploy, and their random choices.

// increment, value and identity of many counters: /increment?name=N, /value?name=N
export const kCounters = `
export default {
  fetch(request, env) {
    const url = new URL(request.url);
    return env.Counter.get(env.Counter.idFromName(url.searchParams.get("name") ?? "A")).fetch(request);
  },
};
export class Counter {
  constructor(state) { this.state = state; this.events = 0; }
  async fetch(request) {
    const url = new URL(request.url);
    const wasInitialized = this.events++ > 0;
    let count = (await this.state.storage.get("value")) ?? 0;
    if (url.pathname === "/increment") this.state.storage.put("value", ++count);
    return Response.json({ count, wasInitialized, version: VERSION });
  }
}
`;
export const counters = (version = 1) => kCounters.replace("VERSION", JSON.stringify(version));

export const kHello = `export default { fetch: () => new Response("hello") };`;

// What a script may do to harm others, one path each.
export const kHostile = `
const forever = () => { for (;;) {} };
export default {
  async fetch(request, env) {
    const path = new URL(request.url).pathname;
    switch (path) {
      case "/ok": return new Response("ok");
      case "/loop": forever();
      case "/microtask-loop": { const again = () => Promise.resolve().then(again); await again(); }
      case "/regexp": return new Response(String(/^(a+)+$/.test("a".repeat(60) + "b")));
      case "/atomics-wait": Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60000); return new Response("waited");
      case "/array": { const all = []; for (;;) all.push(new Array(1000).fill(Math.random())); }
      case "/map": { const all = new Map(); for (let n = 0; ; n++) all.set("key" + n, { n }); }
      case "/keys": { const all = {}; for (let n = 0; ; n++) all["key" + n] = n; }
      case "/string": { let text = "x".repeat(1 << 20); const all = []; for (let n = 0; ; n++) { text = text + n; all.push(text.replace(/x/g, "y" + n)); } }
      case "/array-buffer": { const all = []; for (;;) all.push(new Uint8Array(8 << 20).fill(1)); }
      case "/one-allocation": return new Response(String(new ArrayBuffer(2 ** 32).byteLength));
      case "/wasm-memory": { const all = []; for (;;) { const memory = new WebAssembly.Memory({ initial: 256 }); new Uint8Array(memory.buffer).fill(1); all.push(memory); } }
      case "/recursion": { const down = (n) => down(n + 1) + 1; return new Response(String(down(0))); }
      case "/rejection": Promise.reject(new Error("nobody waits for this")); return new Response("rejected");
      case "/throw": throw new Error("thrown");
      case "/admin": return fetch(new URL(request.url).searchParams.get("url")).then((r) => r.text()).then((text) => new Response("reached: " + text.slice(0, 100)));
      case "/length": return new Response(String((await request.arrayBuffer()).byteLength));
      case "/echo": return Response.json({ body: await request.text(), query: new URL(request.url).search });
    }
    return new Response("no such path", { status: 404 });
  },
};
`;

// mulberry32: small, seeded. Gives numbers from 0 up to 1.
export function seededRandom(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
