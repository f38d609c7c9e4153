// What callers see of a script that is over its limits: HTTP clients a 503 that says when to come again, scripts an error
// that says what happened.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startLimpet } from "./lib.mjs";

const kGreedy = `
function spend(what) {
  if (what === "cpu") for (;;) {}
  const all = [];
  for (;;) all.push(new Array(1000).fill(Math.random()));
}
export default {
  async fetch(request, env) {
    const [, who, what] = new URL(request.url).pathname.split("/");
    if (who === "worker") spend(what);
    if (who === "object") return env.Greedy.get(env.Greedy.idFromName("greedy")).fetch("http://object/" + what);
    return new Response("fine");
  },
};
export class Greedy {
  constructor(state, env) { this.env = env; }
  async fetch(request) {
    const [, what, then] = new URL(request.url).pathname.split("/");
    if (what === "through") return this.env.Greedy.get(this.env.Greedy.idFromName("greedy")).fetch("http://object/" + then);
    spend(what);
  }
}
`;
// A script of its own: over the memory limit, everything in the isolate ends.
const kCaller = `
export default {
  async fetch(request, env) {
    const [, name, ...path] = new URL(request.url).pathname.split("/");
    try {
      return await env.Greedy.get(env.Greedy.idFromName(name)).fetch("http://object/" + path.join("/"));
    } catch (error) {
      return Response.json({ message: error.message, remote: error.remote, overloaded: error.overloaded, reset: error.durableObjectReset });
    }
  },
};
`;
const kTexts = {
  cpu: "Durable Object exceeded its CPU time limit and was reset.",
  memory: "Durable Object's isolate exceeded its memory limit and was reset.",
};

let server;
before(async () => {
  server = await startLimpet({ shards: 1, flags: ["--cpu-ms", "2000", "--memory-mb", "48"] });
  await server.deploy({ name: "greedy", classes: ["Greedy"], code: kGreedy });
  const bindings = [{ type: "durable_object_namespace", name: "Greedy", class_name: "Greedy", script_name: "greedy" }];
  await server.deploy({ name: "caller", code: kCaller, bindings });
});
after(() => server?.stop("SIGKILL"));

for (const what of ["cpu", "memory"]) {
  for (const who of ["worker", "object"]) {
    test(`${what} over the limit in ${who === "worker" ? "a Worker" : "an object"} is a 503 with Retry-After`, { timeout: 60_000 }, async () => {
      const answer = await server.fetch("greedy", `/${who}/${what}`);
      assert.equal(answer.status, 503);
      assert.equal(answer.headers["retry-after"], "1");
      assert.equal((await server.fetch("greedy")).body, "fine");
    });
  }

  test(`a caller that catches an object's ${what} error knows what it is`, { timeout: 60_000 }, async () => {
    const seen = { message: kTexts[what], remote: true, overloaded: true, reset: true };
    assert.deepEqual(JSON.parse((await server.fetch("caller", `/greedy/${what}`)).body), seen);
  });
}

test("an error that passes through another object keeps its text and flags", { timeout: 60_000 }, async () => {
  const { message, overloaded } = JSON.parse((await server.fetch("caller", "/between/through/cpu")).body);
  assert.deepEqual({ message, overloaded }, { message: kTexts.cpu, overloaded: true });
});
