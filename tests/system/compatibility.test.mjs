// docs/api-table.md says what is there of what @cloudflare/workers-types declares; dates and flags that a deploy refuses.
import assert from "node:assert/strict";
import http from "node:http";
import { after, before, test } from "node:test";
import { join } from "node:path";
import { kRepository, request, run, startLimpet, startWorkerd, tryDeploy, until } from "./lib.mjs";

let server;
before(async () => (server = await startLimpet({ shards: 1 })));
after(() => server.stop());

test("the table of the API is what running servers show", async () => {
  const tool = run(process.execPath, [join(kRepository, "tools/compatibility.mjs"), "--check"]);
  assert.deepEqual(await tool.exited, { code: 0, signal: null }, tool.stdout + tool.stderr);
});

async function deployed(compatibilityDate, flags) {
  const answer = await tryDeploy(server, { name: "dated", code: "export default { fetch() { return Response.json(Cloudflare.compatibilityFlags); } };",
                                           compatibilityDate, metadata: { compatibility_flags: flags } });
  return answer.json.success ? "deployed" : answer.json.errors[0].message;
}

test("a date that is none, or in the future, is refused", async () => {
  assert.match(await deployed("2026-02-30", []), /Invalid compatibility date: 2026-02-30/);
  assert.match(await deployed("yesterday", []), /Invalid compatibility date: yesterday/);
  assert.match(await deployed("2999-01-01", []), /Can't set compatibility date in the future: "2999-01-01"\. Today's date \(UTC\) is "20/);
});

test("flags are refused by name", async () => {
  assert.match(await deployed("2026-03-01", ["no_such_thing"]), /No such compatibility flag: no_such_thing/);
  assert.match(await deployed("2026-03-01", ["url_standard", "url_original"]), /Compatibility flags are mutually contradictory: url_standard vs url_original/);
  assert.match(await deployed("2026-03-01", ["nodejs_als", "nodejs_als"]), /Compatibility flag specified multiple times: nodejs_als/);
  assert.match(await deployed("2026-03-01", ["rtti_api"]), /The compatibility flag rtti_api is experimental/);
});

test("every flag has workerd's value", async () => {
  const code = "export default { fetch() { return Response.json(Cloudflare.compatibilityFlags); } };";
  const ways = [["2021-09-01"], ["2024-10-01"], ["2024-10-01", "nodejs_compat"], ["2025-09-16", "nodejs_compat", "no_nodejs_compat_v2"],
    ["2026-03-20"], ["2026-08-04"], ["2026-11-17"], ["2026-11-17", "no_nodejs_compat"], ["2026-11-17", "no_nodejs_compat", "no_nodejs_compat_v2"], ["2026-11-17", "no_nodejs_compat_v2"], ["2026-11-17", "url_original", "legacy_module_registry"]];
  for (const [date, ...flags] of ways) {
    const workerd = await startWorkerd({ modules: { "index.mjs": code }, compatibilityDate: date, compatibilityFlags: flags });
    const theirs = JSON.parse((await request(workerd.url)).body);
    await workerd.stop();
    assert.equal(await deployed(date, flags), "deployed");
    assert.deepEqual(JSON.parse((await server.fetch("dated")).body), theirs, [date, ...flags].join(" "));
  }
});

test("a script sees its date and flags", async () => {
  assert.equal(await deployed("2023-01-01", ["nodejs_als", "url_original"]), "deployed");
  const flags = JSON.parse((await server.fetch("dated")).body);
  assert.deepEqual([flags.nodejs_als, flags.url_standard, flags.streams_enable_constructors, flags.http_headers_getsetcookie], [true, false, true, false]);
});

test("a request's signal tells that its client has gone", async () => {
  const code = `const log = [];
export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    if (pathname === "/log") return Response.json(log);
    log.push([pathname, "begun"]);
    request.signal.addEventListener("abort", () => {
      log.push([pathname, request.signal.aborted, String(request.signal.reason)]);
      ctx.waitUntil(scheduler.wait(1).then(() => log.push([pathname, "later"])));
    });
    if (pathname === "/silent") return await new Promise(() => setInterval(() => {}, 1000));
    return new Response(new ReadableStream({ async pull(controller) { await scheduler.wait(1); controller.enqueue(new Uint8Array(1)); } }));
  },
};`;
  const seen = async (name) => JSON.parse((await server.fetch(name, "/log")).body);
  for (const [name, compatibilityDate] of [["signalled", "2026-11-17"], ["unsignalled", "2026-03-01"]]) {
    await server.deploy({ name, code, compatibilityDate });
    for (const path of ["/silent", "/stream"]) {
      const sent = http.get({ host: "127.0.0.1", port: server.port, path, headers: { host: `${name}.localhost` } });
      sent.on("error", () => {});
      if (path === "/stream") await new Promise((done) => sent.on("response", (response) => response.once("data", done).on("error", () => {})));
      else await until("the request runs", async () => (await seen(name)).length > 0);
      sent.destroy();
    }
    if (name === "signalled") await until("both have heard", async () => (await seen(name)).length === 6);
  }
  const told = (path) => [[path, "begun"], [path, true, "AbortError: The client has disconnected"], [path, "later"]];
  assert.deepEqual((await seen("signalled")).sort(), [...told("/silent"), ...told("/stream")].sort());
  assert.deepEqual(await seen("unsignalled"), [["/silent", "begun"], ["/stream", "begun"]]);
});
