// Classes of Durable Objects across deploys: other scripts' classes, transfers, and classes that are declared in `exports`.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { api, limpet, startLimpet, temporaryFolder, tryDeploy, uploadForm } from "./lib.mjs";

let server;
before(async () => { server = await startLimpet(); });
after(() => server?.stop());

// /NAME counts in the object of that name, in storage and in memory, by whatever class this version exports.
const code = (version, ...classes) => `
  export default { async fetch(request, env) {
    const stub = env.SPACE.get(env.SPACE.idFromName(new URL(request.url).pathname));
    try {
      return await stub.fetch(request);
    } catch (error) {
      return new Response(error.message, { status: 500 });
    }
  } };
  ${classes.map((name) => `export class ${name} {
    constructor(state) { this.state = state; this.memory = 0; }
    async fetch(request) {
      const stored = ((await this.state.storage.get("n")) ?? 0) + 1;
      await this.state.storage.put("n", stored);
      return Response.json({ stored, memory: ++this.memory, id: String(this.state.id), by: ${JSON.stringify(version)}, class: this.constructor.name });
    }
  }`).join("\n")}`;
const space = (className, scriptName, environment) =>
  ({ type: "durable_object_namespace", name: "SPACE", class_name: className, script_name: scriptName, environment });
const tick = async (script, name = "a", on = server) => {
  const answer = await on.fetch(script, `/${name}`);
  assert.equal(answer.status, 200, answer.body);
  return JSON.parse(answer.body);
};
const put = (name, { code: text, bindings = [], metadata = {}, on = server }) => {
  const form = uploadForm({ modules: { "index.mjs": text }, bindings, metadata });
  return api(on, "PUT", `/workers/scripts/${name}`, { body: form.body, headers: { "content-type": form.type } });
};
const declare = async (name, exports, text, bindings = []) => {
  const answer = await put(name, { code: text, bindings, metadata: { exports } });
  if (answer.json.success) {
    const arrays = ["created", "updated", "deleted", "renamed", "transferred", "transfer_pending", "warnings", "info", "removable_entries"];
    assert.deepEqual(Object.keys(answer.json.result.exports_reconciliation).sort(), [...arrays].sort());
    return answer.json.result.exports_reconciliation;
  }
  assert.equal(answer.status, 400);
  assert.equal(answer.json.errors[0].code, 100402, answer.body);
  return answer.json.errors[0].meta.details.map((detail) => `${detail.scenario} ${detail.class}`);
};
const live = { type: "durable-object", storage: "sqlite" };

test("an object of another script, and of an environment of it", async () => {
  await server.deploy({ name: "owner", code: code("owner", "Tally"), newClasses: ["Tally"], bindings: [space("Tally")] });
  await server.deploy({ name: "owner-staging", code: code("staging", "Tally"), newClasses: ["Tally"], bindings: [space("Tally")] });
  await server.deploy({ name: "guest", code: code("guest"), bindings: [space("Tally", "owner")] });
  await server.deploy({ name: "guest-staging", code: code("guest"), bindings: [space("Tally", "owner", "staging")] });
  await server.deploy({ name: "guest-production", code: code("guest"), bindings: [space("Tally", "owner", "production")] });
  assert.deepEqual(await tick("owner"), { ...(await tick("guest")), stored: 1, memory: 1 });
  assert.equal((await tick("guest-production")).stored, 3);
  assert.deepEqual(await tick("guest-staging"), { ...(await tick("owner-staging")), stored: 1, memory: 1 });
  for (const [binding, text] of [[space("Tally", "nobody"), /in script 'nobody' that does not exist/], [space("Tally", "owner", "dev"), /'owner-dev' that does not exist/],
                                 [space("Absent", "owner"), /'Absent' because it is not currently configured/]]) {
    const refused = await tryDeploy(server, { name: "guest", code: code("guest"), bindings: [binding] });
    assert.equal(refused.json.errors[0].code, 10061);
    assert.match(refused.json.errors[0].message, text);
  }
  const force = await api(server, "DELETE", "/workers/scripts/owner");
  assert.equal(force.json.errors[0].code, 10064, "it is still bound");
});

test("a transferred class keeps its objects' ids and data, and every binding to it", async () => {
  await server.deploy({ name: "old", code: code("old", "Tally", "Other"), newClasses: ["Tally", "Other"], bindings: [space("Tally")] });
  await server.deploy({ name: "watcher", code: code("watcher"), bindings: [space("Tally", "old")] });
  const first = await tick("old");
  assert.equal((await tick("watcher")).memory, 2);
  const transfer = (from, script, to) => ({ migrations: { steps: [{ transferred_classes: [{ from, from_script: script, to }] }] } });
  const refusals = [
    [transfer("Tally", "nobody", "Sum"), 10074, /script 'nobody' that does not exist/],
    [transfer("Absent", "old", "Sum"), 10074, /class 'Absent' that script 'old' does not implement/],
    [{ migrations: { steps: [{ transferred_classes: [{ from: "Tally", from_script: "old", to: "Sum" }, { from: "Other", from_script: "old", to: "Sum" }] }] } }, 10074, /more than one migration/],
    [{ migrations: { steps: [{ transferred_classes: [{ from: "Tally", to: "Sum" }] }] } }, 10021, /"from_script"/],
    [transfer("Tally", "old", "Missing"), 10064, /does not export class 'Missing'/],
  ];
  for (const [migrations, number, text] of refusals) {
    const refused = await put("new", { code: code("new", "Sum"), metadata: migrations });
    assert.equal(refused.json.errors?.[0].code, number, refused.body);
    assert.match(refused.json.errors[0].message, text);
  }
  assert.equal((await tick("old")).memory, 3, "a refused upload disturbs nobody");

  const taken = await put("new", { code: code("new", "Sum"), bindings: [space("Sum")], metadata: transfer("Tally", "old", "Sum") });
  assert.equal(taken.json.success, true, taken.body);
  const expected = { id: first.id, by: "new", class: "Sum" };
  assert.deepEqual(await tick("new"), { ...expected, stored: 4, memory: 1 }, "the live instance was reset");
  assert.deepEqual(await tick("old"), { ...expected, stored: 5, memory: 2 }, "its own binding leads to where the class is");
  assert.deepEqual(await tick("watcher"), { ...expected, stored: 6, memory: 3 });
  const spaces = (await api(server, "GET", "/workers/durable_objects/namespaces")).json.result;
  assert.deepEqual(spaces.filter((each) => ["old", "new"].includes(each.script)).map((each) => each.name).sort(), ["new_Sum", "old_Other"]);
  const back = await tryDeploy(server, { name: "old", code: code("old", "Tally", "Other"), bindings: [space("Tally")] });
  assert.equal(back.json.errors[0].code, 10061, "the old script has no such class any more");
  await server.deploy({ name: "old", code: code("old 2", "Other"), bindings: [space("Sum", "new")] });
  assert.equal((await tick("old")).stored, 7);
  await server.remove("old");
  assert.equal((await tick("new")).stored, 8, "what the old script had is no longer its own to delete");
});

test("transfers survive a restart", { timeout: 300_000 }, async () => {
  const folder = temporaryFolder();
  let mine = await startLimpet({ dataDir: folder });
  try {
    await mine.deploy({ name: "old", code: code("old", "Tally"), newClasses: ["Tally"], bindings: [space("Tally")] });
    const { id } = await tick("old", "a", mine);
    const taken = await put("new", { on: mine, code: code("new", "Sum"), bindings: [space("Sum")],
      metadata: { migrations: { steps: [{ transferred_classes: [{ from: "Tally", from_script: "old", to: "Sum" }] }] } } });
    assert.equal(taken.json.success, true, taken.body);
    await mine.stop("SIGKILL");
    mine = await startLimpet({ dataDir: folder });
    assert.deepEqual(await tick("old", "a", mine), { stored: 2, memory: 1, id, by: "new", class: "Sum" });
    assert.equal((await tick("new", "a", mine)).stored, 3);
  } finally {
    await mine.stop();
  }
});

test("declared classes come, are renamed and go", async () => {
  const bound = [space("Room")];
  assert.deepEqual(await declare("hotel", { Room: live }, code(1), bound), ["config_references_nonexistent_class Room"]);
  assert.deepEqual((await declare("hotel", { Room: live }, code(1, "Room"), bound)).created, ["Room"]);
  const { id } = await tick("hotel");
  assert.deepEqual((await declare("hotel", { Room: live }, code(2, "Room"), bound)).created, []);
  assert.deepEqual(await tick("hotel"), { stored: 2, memory: 1, id, by: 2, class: "Room" });
  assert.deepEqual(await declare("hotel", { Suite: live }, code(3, "Suite", "Room"), [space("Suite")]), ["provisioned_class_missing_from_config Room"]);
  const renamed = { Suite: live, Room: { type: "durable-object", state: "renamed", renamed_to: "Suite" } };
  assert.deepEqual((await declare("hotel", renamed, code(3, "Suite"), [space("Suite")])).renamed, [{ from: "Room", to: "Suite" }]);
  assert.deepEqual(await tick("hotel"), { stored: 3, memory: 1, id, by: 3, class: "Suite" });
  const again = await declare("hotel", renamed, code(3, "Suite"), [space("Suite")]);
  assert.deepEqual([again.renamed, again.info.map((each) => each.scenario), again.removable_entries], [[], ["stale_tombstone"], ["Room"]]);

  const gone = { Suite: { type: "durable-object", state: "deleted" } };
  assert.deepEqual(await declare("hotel", gone, code(4, "Suite")), ["tombstone_delete_class_still_in_code Suite"]);
  await server.deploy({ name: "lodger", code: code("lodger"), bindings: [space("Suite", "hotel")] });
  assert.deepEqual(await declare("hotel", gone, code(4)), ["tombstone_delete_blocked_by_external_bindings Suite"]);
  assert.equal((await tick("lodger")).stored, 4);
  await server.remove("lodger");
  assert.deepEqual((await declare("hotel", gone, code(4))).deleted, ["Suite"]);
  assert.deepEqual((await declare("hotel", { Suite: live }, code(5, "Suite"), [space("Suite")])).created, ["Suite"]);
  assert.equal((await tick("hotel")).stored, 1, "its data went with it");

  const migrated = await put("hotel", { code: code(6, "Suite", "New"), metadata: { migrations: { steps: [{ new_classes: ["New"] }] } } });
  assert.match(migrated.json.errors[0].message, /declares its classes with "exports"/);
  const both = await put("hotel", { code: code(6, "Suite"), metadata: { exports: { Suite: live }, migrations: { steps: [{ new_classes: ["New"] }] } } });
  assert.match(both.json.errors[0].message, /exclude each other/);
  const plain = await put("hotel", { code: code(7, "Suite"), bindings: [space("Suite")] });
  assert.equal(plain.json.success, true, "an upload without either changes no class");
});

test("a version upload changes no declared class", async () => {
  const upload = async (exports, text, bindings) => {
    const form = uploadForm({ modules: { "index.mjs": text }, bindings, metadata: { exports } });
    return (await api(server, "POST", "/workers/scripts/motel/versions", { body: form.body, headers: { "content-type": form.type } })).json;
  };
  await declare("motel", { Room: live }, code(1, "Room"), [space("Room")]);
  const same = await upload({ Room: live }, code(2, "Room"), [space("Room")]);
  assert.equal(same.success, true, JSON.stringify(same));
  assert.deepEqual(same.result.resources.script_runtime.exports, { Room: live });
  const more = { Room: live, Bar: live };
  assert.equal((await upload(more, code(3, "Room", "Bar"), [space("Room")])).errors[0].code, 10211);
  assert.equal((await upload(more, code(3, "Room", "Bar"), [space("Bar")])).errors[0].code, 100406);
  assert.equal((await upload({ ...more, Lift: live }, code(3, "Room", "Bar"), [])).errors[0].code, 100402);
});

test("versions that declare different exports can't share the traffic", async () => {
  const upload = async (exports, text) => {
    const form = uploadForm({ modules: { "index.mjs": text }, bindings: [space("Room")], metadata: { exports } });
    const { json } = await api(server, "POST", "/workers/scripts/pension/versions", { body: form.body, headers: { "content-type": form.type } });
    assert.equal(json.success, true, JSON.stringify(json));
    return json.result.id;
  };
  const deploy = async (...ids) => (await api(server, "POST", "/workers/scripts/pension/deployments", {
    body: JSON.stringify({ strategy: "percentage", versions: ids.map((version_id) => ({ version_id, percentage: 100 / ids.length })) }),
    headers: { "content-type": "application/json" } })).json;
  await declare("pension", { Room: live }, code(1, "Room"), [space("Room")]);
  const one = await upload({ Room: live }, code(2, "Room"));
  const same = await upload({ Room: Object.fromEntries(Object.entries(live).reverse()) }, code(3, "Room"));
  const none = await upload(undefined, code(4, "Room"));
  assert.equal((await deploy(one, same)).success, true, "the order of keys says nothing");
  const refused = await deploy(one, none);
  assert.equal(refused.errors[0].code, 100405);
  assert.match(refused.errors[0].message, /^All versions in a multi-version deployment must declare identical `exports`\./);
  assert.equal((await deploy(none)).success, true, "alone it may be deployed");
});

test("a version upload whose binding needs a migration", async () => {
  await put("hut", { code: code(1) });
  const form = uploadForm({ modules: { "index.mjs": code(2, "Room") }, bindings: [space("Room")] });
  const { json } = await api(server, "POST", "/workers/scripts/hut/versions", { body: form.body, headers: { "content-type": form.type } });
  assert.equal(json.errors[0].code, 10123);
  assert.match(json.errors[0].message, /^Binding 'SPACE' depends on a migration that makes class 'Room'\./);
});

test("a class is handed over when both scripts have said so", async () => {
  const bound = [space("Widget")];
  await declare("giver", { Widget: live }, code("giver", "Widget"), bound);
  const { id } = await tick("giver");
  const give = { Widget: { type: "durable-object", state: "transferred", transferred_to: "taker" } };
  const take = { Widget: { type: "durable-object", state: "expecting-transfer", storage: "sqlite", transfer_from: "giver" } };
  assert.deepEqual(await declare("giver", give, code("giver")), ["transferred_target_missing Widget"]);
  await server.deploy({ name: "taker", code: code("taker") });
  assert.deepEqual(await declare("giver", give, code("giver")), ["transferred_pending_not_found Widget"]);
  const pending = await declare("taker", take, code("taker", "Widget"), bound);
  assert.deepEqual(pending.transfer_pending, [{ class: "Widget", from: "giver" }]);
  assert.deepEqual(await tick("taker"), { stored: 2, memory: 2, id, by: "giver", class: "Widget" }, "until then the binding leads to where it is");
  // The taker may think better of it.
  assert.deepEqual((await declare("taker", {}, code("taker"))).transfer_pending, []);
  assert.deepEqual(await declare("giver", give, code("giver")), ["transferred_pending_not_found Widget"]);
  await declare("taker", take, code("taker", "Widget"), bound);
  const given = await declare("giver", give, code("giver", "Widget"), [space("Widget", "taker")]);
  assert.deepEqual(given.transferred, [{ class: "Widget", to: "taker", phase: "committed" }]);
  assert.deepEqual(given.info.map((each) => each.scenario), ["tombstone_class_still_in_code"]);
  assert.deepEqual(await tick("taker"), { stored: 3, memory: 1, id, by: "taker", class: "Widget" });
  assert.deepEqual(await tick("giver"), { stored: 4, memory: 2, id, by: "taker", class: "Widget" });
  const applied = await declare("taker", take, code("taker", "Widget"), bound);
  assert.deepEqual(applied.info.map((each) => each.scenario), ["transfer_receive_already_applied"]);
  assert.deepEqual((await declare("taker", { Widget: live }, code("taker", "Widget"), bound)).created, []);
  assert.deepEqual((await declare("giver", give, code("giver"))).removable_entries, ["Widget"]);
  assert.equal((await tick("taker")).stored, 5);
});

test("the tool sends declared classes and says what became of them", async () => {
  const folder = temporaryFolder();
  const write = (name, text) => {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  };
  const deploy = (exports, text, extra = []) => {
    write("wrangler.jsonc", JSON.stringify({ name: "inn", main: "index.mjs", compatibility_date: "2026-03-01", exports }));
    write("index.mjs", text);
    return limpet(["deploy", ...extra], { cwd: folder, env: server.env });
  };
  const made = await deploy({ Room: live }, code(1, "Room"));
  assert.equal(made.code, 0, made.stderr);
  assert.match(made.stderr, /Durable Object exports reconciliation:\n {2}Created: Room\n/);
  const quiet = await deploy({ Room: live }, code(1, "Room"));
  assert.doesNotMatch(quiet.stderr, /reconciliation/);
  const refused = await deploy({ Suite: live }, code(1, "Room"));
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /\[config_references_nonexistent_class\] class 'Suite': .*\n {4}Suggestion: .*\n {2}\[provisioned_class_missing_from_config\] class 'Room'/);
  assert.match((await deploy({ Room: live }, code(1, "Room"), ["--new-class", "X"])).stderr, /declares its classes in "exports"/);
});
