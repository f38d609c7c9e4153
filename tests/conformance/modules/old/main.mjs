// ES modules beside CommonJS ones.
import whole from "./whole.cjs";
import * as space from "./parts.cjs";
import parts from "./parts.cjs";
import { value as fromEs } from "./es.mjs";

const kCases = {
  whole: () => [typeof whole, typeof whole === "function" ? whole(2) : Object.keys(whole)],
  parts: () => [Object.keys(parts), parts.a, parts.b()],
  namespace: () => [Object.keys(space).sort(), space.default === parts, typeof parts, Object.keys(parts).length, typeof parts.exports],
  required: () => parts.seen,
  cycle: () => parts.cycle,
  once: () => [globalThis.partsLoaded, parts.requireAgain()],
  es: () => [fromEs, parts.es()],
  data: () => parts.files(),
  missing: () => parts.missing(),
  builtin: () => parts.builtin(),
  names: () => parts.names,
  throws: () => parts.throws(),
  builtinNode: () => parts.node(),
  dynamic: async () => { const module = await import("./lazy.cjs"); return [Object.keys(module), module.default]; },
};

export default {
  async fetch(request) {
    try {
      return Response.json(await kCases[new URL(request.url).pathname.slice(1)]() ?? null);
    } catch (error) {
      return new Response(String(error), { status: 500 });
    }
  },
};
