// What every conformance file is made of. A file is a Worker: its default export answers `/case/NAME` with the outcome of
// one case as JSON, its other exports are Durable Object classes, but for those that it lists as `entrypoints`. run.mjs reads the cases from the same file.
//
// What a file's default export may have beside them:
//   services   [{ name, service, entrypoint?, props? }]: bindings to the others;
//   others     { service: { main, script?, services?, tails?, vars?, … } }: other Workers; `main` is a file beside this one,
//              `script`: it is in service-worker format. One may bind those before it and itself;
//   tails      [service]: whose tail() is told of the file's events.
//
// A case: { run | inObject | steps, expect | http, send?, limpet?, because? }
//   run({ env, ctx, request, object, call, args })   in the Worker;
//   inObject({ storage, state, env, self, request }) as one event of a new object;
//   steps: [inObject, inObject, …]                   several events of one object, one after the other;
//   expect   the value that comes out (as `describe` writes it);
//   send     method, headers, body, path of the client's request;
//   http     what the client sees of the raw response { status, headers, body }, instead of `expect`;
//   limpet   what limpet answers instead, where it follows production and workerd does not; `because` says why.

// Writes any value as JSON that tells undefined, -0, Map, bytes, errors and dates apart.
export function describe(value) {
  if (value === undefined) return { $: "undefined" };
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "number") {
    return Number.isFinite(value) && !Object.is(value, -0) ? value : { $: "number", text: Object.is(value, -0) ? "-0" : String(value) };
  }
  if (typeof value === "bigint") return { $: "bigint", text: String(value) };
  if (typeof value === "symbol" || typeof value === "function") return { $: typeof value };
  if (Array.isArray(value)) return Array.from(value, describe);
  if (value instanceof Map) return { $: "Map", entries: [...value].map(([key, item]) => [describe(key), describe(item)]) };
  if (value instanceof Set) return { $: "Set", items: [...value].map(describe) };
  if (value instanceof Date) return { $: "Date", text: Number.isNaN(value.getTime()) ? "invalid" : value.toISOString() };
  if (value instanceof RegExp) return { $: "RegExp", text: String(value) };
  if (value instanceof Error) return { $: "Error", text: `${value.name}: ${value.message}` };
  if (value instanceof ArrayBuffer) return { $: "ArrayBuffer", bytes: [...new Uint8Array(value)] };
  if (ArrayBuffer.isView(value)) {
    const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    return { $: value.constructor.name, bytes: [...bytes] };
  }
  const plain = {};
  for (const key of Object.keys(value)) plain[key] = describe(value[key]);
  return plain;
}

// What `probe` gives once `holds` is true of it, or after a long while: for what comes some time after its cause.
export async function eventually(probe, holds) {
  let seen;
  for (let tries = 0; tries < 1000 && !holds(seen = await probe()); tries++) await scheduler.wait(tries < 100 ? 2 : 20);
  return seen;
}

// "Name: message" of what `action` throws or rejects with; "nothing thrown" if it does neither.
export async function thrown(action) {
  try {
    await action();
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : `not an Error: ${String(error)}`;
  }
  return "nothing thrown";
}

// What `action` gives, or "Name: message" of what it throws: for what is synchronous.
export function tried(action) {
  try {
    return action();
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : `not an Error: ${String(error)}`;
  }
}

// `thrown` with the flags that callers of an object look at; absent flags are left out.
export async function failure(action) {
  try {
    await action();
  } catch (error) {
    const seen = { error: `${error.name}: ${error.message}` };
    for (const flag of ["remote", "retryable", "overloaded", "durableObjectReset"]) {
      if (error[flag] !== undefined) seen[flag] = error[flag];
    }
    return seen;
  }
  return { error: "nothing thrown" };
}

async function outcome(action) {
  try {
    return { value: describe(await action()) };
  } catch (error) {
    return { threw: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
  }
}

// Calls `action` of the object behind `stub` with a JSON argument; what it throws comes out as the runtime carries it.
export async function call(stub, action, argument) {
  const body = JSON.stringify(argument ?? null);
  const response = await stub.fetch(`http://object/action/${action}`, { method: "POST", body });
  return response.status === 204 ? undefined : await response.json();
}

// The default export of a conformance file.
export function worker(cases) {
  return {
    cases,
    async fetch(request, env, ctx) {
      const parts = new URL(request.url).pathname.split("/").map(decodeURIComponent);
      const test = cases[parts[2]];
      if (parts[1] !== "case" || !test) return new Response("no such case", { status: 404 });
      const newObject = () => env.Subject.get(env.Subject.newUniqueId());
      const tools = { env, ctx, request, object: env.Subject ? newObject() : undefined, newObject, call };
      if (test.http) return await test.run(tools);
      if (test.run) return Response.json(await outcome(() => test.run(tools)));
      const steps = [];
      for (let step = 0; step < (test.steps?.length ?? 1); step++) {
        const path = `${encodeURIComponent(parts[2])}/${step}`;
        const response = await tools.object.fetch(`http://object/case/${path}`);
        steps.push(await response.json());
      }
      return Response.json(test.steps ? { steps } : steps[0]);
    },
  };
}

// The same of rows [action, expect]: an action's source is its case's name; what it gives comes out as a text, or as a list
// of texts, or "Name: message" of what it throws.
export function workerOfRows(rows) {
  async function seen(action) {
    try {
      const value = await action();
      return value === undefined ? "undefined" : Array.isArray(value) ? value.map(String) : String(value);
    } catch (error) {
      return `${error?.name}: ${error?.message}`;
    }
  }
  return worker(Object.fromEntries(rows.map(([action, expect]) => [String(action), { run: (tools) => seen(() => action(tools)), expect }])));
}

// The class `Subject` of a conformance file: runs cases, and `actions` that several cases share.
export function objectClass(cases, actions = {}) {
  return class Subject {
    constructor(state, env) {
      this.state = state;
      this.storage = state.storage;
      this.env = env;
      actions.constructed?.(this);
    }
    async fetch(request) {
      const parts = new URL(request.url).pathname.split("/").map(decodeURIComponent);
      const tools = { storage: this.storage, state: this.state, env: this.env, self: this, request };
      if (parts[1] === "action") {
        const value = await actions[parts[2]].call(this, await request.json(), tools);
        return value === undefined ? new Response(null, { status: 204 }) : Response.json(value);
      }
      const test = cases[parts[2]];
      const step = test.steps ? test.steps[Number(parts[3])] : test.inObject;
      return Response.json(await outcome(() => step(tools)));
    }
  };
}
