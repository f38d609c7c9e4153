// docs/api-table.md says what is there of what @cloudflare/workers-types declares; dates and flags that a deploy refuses.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { join } from "node:path";
import { kRepository, run, startLimpet, tryDeploy } from "./lib.mjs";

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

test("a script sees its date and flags", async () => {
  assert.equal(await deployed("2023-01-01", ["nodejs_als", "url_original"]), "deployed");
  const flags = JSON.parse((await server.fetch("dated")).body);
  assert.deepEqual([flags.nodejs_als, flags.url_standard, flags.streams_enable_constructors, flags.http_headers_getsetcookie], [true, false, true, false]);
});
