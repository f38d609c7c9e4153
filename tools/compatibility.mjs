// What @cloudflare/workers-types declares, held against a running limpet and a running workerd.
//   node tools/compatibility.mjs           writes docs/api-table.md
//   node tools/compatibility.mjs --check   says what is out of date or unexplained; exit code 1 if anything is
// Both servers run the same Worker (compatibility/probe.mjs), which looks at every class and member by reflection.
// What differs from workerd must stand in compatibility/reasons.mjs, and what is missing must throw by its name.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { deploy, request, startLimpet, startWorkerd } from "../tests/system/lib.mjs";
import { readDeclarations } from "./compatibility/declarations.mjs";
import { kReasons } from "./compatibility/reasons.mjs";

const kRoot = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const kTable = join(kRoot, "docs/api-table.md");
const kTypes = join(kRoot, "node_modules/@cloudflare/workers-types");
// Interfaces without a global of their name, of which the probe has an instance.
const kInstances = ["Console", "Scheduler", "Cloudflare", "ExecutionContext"];
const kOfObjects = ["DurableObjectState", "DurableObjectStorage", "DurableObjectTransaction", "DurableObjectId",
  "DurableObjectNamespace", "SqlStorage", "SyncKvStorage"];
// What the declarations have as types or namespaces only.
const kByHand = {
  DurableObjectStub: { members: ["fetch", "connect", "id", "name"], statics: [] },
  "cloudflare:workers": {
    members: ["DurableObject", "WorkerEntrypoint", "RpcTarget", "RpcStub", "WorkflowEntrypoint", "env", "exports", "waitUntil",
      "withEnv", "cache", "tracing"],
    statics: [],
  },
  WebAssembly: { members: ["CompileError", "RuntimeError", "Global", "Instance", "Memory", "Module", "Table", "instantiate", "validate"], statics: [] },
  "node:async_hooks": { members: ["AsyncLocalStorage", "AsyncResource"], statics: [] },
  AsyncLocalStorage: { members: ["run", "getStore", "exit", "enterWith", "disable", "name"], statics: ["bind", "snapshot"] },
  AsyncResource: { members: ["runInAsyncScope", "bind", "asyncId", "triggerAsyncId", "emitDestroy"], statics: ["bind"] },
};

function wantedNames() {
  const { classes, functions, values } = readDeclarations(readFileSync(join(kTypes, "index.d.ts"), "utf8"));
  const names = { classes: {}, objects: {}, globals: [...functions, ...values.keys()], missing: Object.keys(kReasons.missing) };
  for (const [name, { members, statics, isGlobal }] of classes) {
    const wanted = { members: [...new Set(members)], statics: [...new Set(statics)] };
    if (kOfObjects.includes(name)) names.objects[name] = wanted;
    else if (isGlobal || kInstances.includes(name)) names.classes[name] = wanted;
  }
  for (const [name, wanted] of Object.entries(kByHand)) {
    names[name.startsWith("DurableObject") ? "objects" : "classes"][name] = wanted;
  }
  return names;
}

// The probe's answers on both.
async function look(names, date) {
  const probe = readFileSync(join(kRoot, "tools/compatibility/probe.mjs"));
  const options = (asked) => ({
    modules: { "probe.mjs": probe, "names.mjs": `export default ${JSON.stringify(asked)};` }, classes: ["Subject"], compatibilityDate: date,
  });
  const workerd = await startWorkerd({ ...options({ ...names, missing: [] }), sqlite: true }); // There what is missing here does what it does.
  const theirs = await request(workerd.url);
  await workerd.stop();
  const limpet = await startLimpet({ flags: ["--shards", "1"] });
  let ours;
  try {
    await deploy(limpet, { name: "probe", migrations: { steps: [{ new_sqlite_classes: ["Subject"] }] }, ...options(names) });
    ours = await limpet.fetch("probe");
  } finally {
    await limpet.stop();
  }
  for (const answer of [theirs, ours]) if (answer.status !== 200) throw new Error(`the probe failed: ${answer.body.slice(0, 500)}`);
  return { theirs: JSON.parse(theirs.body), ours: JSON.parse(ours.body) };
}

// Neither where a property lives (on the instance or its prototype) nor whether it is an accessor is held against anyone.
const comparable = (shape) => shape?.replace(/^own /, "").replace(/^(accessor|value)/, "property").replace(/^(class|method of \d+)/, "function")
  .replace("function, read-only", "function");

// Each row of the module is JSON on a line of its own.
const kFlags = [...readFileSync(join(kRoot, "src/api/builtins/compatibility_flags.ts"), "utf8").matchAll(/^  (\[.*\]),$/gm)]
  .map(([, row]) => JSON.parse(row));

const problems = [];
const used = new Set();

function reasonOf(kind, name) {
  const [holder] = name.split(".");
  for (const key of [name, `${holder}.*`, `*.${name.slice(holder.length + 1)}`]) {
    if (!(key in kReasons[kind])) continue;
    used.add(`${kind} ${key}`);
    return kReasons[kind][key];
  }
  problems.push(`${name} is ${kind}, and tools/compatibility/reasons.mjs does not say why`);
  return "?";
}

const kByName = /is not (defined|a function|there yet)|not implemented|not supported/;

// { there, missing, different } of a class: texts for its row.
function compare(name, ours, theirs) {
  const row = { there: [], missing: new Map(), different: new Map() };
  const put = (list, member, reason) => list.set(reason, [...(list.get(reason) ?? []), member]);
  for (const kind of ["members", "statics"]) {
    for (const [member, their] of Object.entries(theirs[kind])) {
      const own = ours[kind][member] ?? {};
      const full = `${name}.${member}`;
      const label = kind === "statics" ? `static ${member}` : member;
      if (their.shape === undefined && !own.shape) continue; // Declared alone.
      if (their.read === "undefined" && own.read === "undefined" && !own.shape) continue; // Of an instance of another kind.
      if (/not implemented/.test(own.threw ?? "")) own.missing = own.threw;
      if (own.missing !== undefined || own.shape === undefined) {
        put(row.missing, label, reasonOf("missing", full));
        const text = own.missing ?? own.threw ?? "";
        // A missing global is a ReferenceError, which a look at its property does not show.
        if (name !== "globalThis" && (!kByName.test(text) || !text.includes(member))) problems.push(`${full} is missing, and using it says: ${text || "nothing"}`);
        continue;
      }
      row.there.push(label);
      const [a, b] = [comparable(own.shape), comparable(their.shape ?? "absent")];
      if (a !== b && their.shape !== undefined) put(row.different, `${label} (${a}; there ${b})`, reasonOf("different", full));
      else if (their.shape !== undefined && own.read !== their.read) put(row.different, `${label} (${own.read}; there ${their.read})`, reasonOf("different", full));
      else if (full in kReasons.different) put(row.different, label, reasonOf("different", full)); // What a look can't see.
    }
  }
  for (const trait of ["tag", "constructor"]) {
    if (ours[trait] !== undefined && theirs[trait] !== undefined && ours[trait] !== theirs[trait]) {
      put(row.different, `${trait} ${ours[trait] || "none"}; there ${theirs[trait] || "none"}`, reasonOf("different", `${name}.${trait}`));
    }
  }
  return row;
}

const grouped = (list) => [...list].map(([reason, members]) => `${members.join(", ")}: ${reason}`).join("; ");

function render(names, date, { theirs, ours }) {
  const rows = [];
  const absent = [];
  const missingClasses = new Map();
  for (const name of Object.keys({ ...names.classes, ...names.objects })) {
    const [own, their] = [ours.classes[name], theirs.classes[name]];
    const exists = (side) => side.global !== "undefined" || Object.values(side.members).some((each) => each.shape !== undefined);
    if (!exists(their) && !exists(own)) {
      absent.push(name);
    } else if (!exists(own)) {
      const reason = reasonOf("missing", name);
      missingClasses.set(reason, [...(missingClasses.get(reason) ?? []), name]);
    } else {
      const { there, missing, different } = compare(name, own, their);
      rows.push(`| ${name} | ${there.map((each) => each.replace("Symbol.", "@@")).join(", ")} | ${grouped(missing)} | ${grouped(different)} |`);
    }
  }
  const globals = compare("globalThis", { members: ours.globals, statics: {} }, { members: theirs.globals, statics: {} });
  const extra = ours.all.filter((name) => !theirs.all.includes(name) && !theirs.inherited.includes(name));
  for (const name of extra) reasonOf("different", `globalThis.${name}`);
  const flags = kFlags.map(([on, off, since, effect]) => `| ${on} | ${off ?? ""} | ${since || "not by date"} | ${effect} |`);
  return `# What is declared, and what is there

Written by \`tools/compatibility.mjs\` (${date}, @cloudflare/workers-types) from running servers: every class and member of the
declarations, looked at in limpet and in workerd. A test fails when this file is out of date. "There" is what both have,
"missing" throws an error with its name when it is used, "different" says what workerd shows. What workerd lacks too is left
out, and it does not count where a property lives: on an instance, on a prototype or, of a static, on the class it is
inherited from. [compatibility.md](compatibility.md) says where behaviour differs.

## Classes

| class | there | missing | different |
| --- | --- | --- | --- |
${rows.join("\n")}

## Global functions and values

There: ${globals.there.join(", ")}.

Missing: ${grouped(globals.missing) || "none"}.

Different: ${grouped(globals.different) || "none"}.

Beyond workerd's: ${extra.map((name) => `${name} (${kReasons.different[`globalThis.${name}`]})`).join(", ") || "none"}.

## Classes that are missing

${[...missingClasses].map(([reason, list]) => `- ${list.join(", ")}: ${reason}`).join("\n") || "None."}

## Types without a class

Declared as the types of bindings or arguments; neither workerd nor limpet has a global of their name: ${absent.join(", ")}.

## Compatibility flags

All that workerd knows. The date is the one since when the flag on the left is the default. An unknown flag, two that
contradict each other, and one that is experimental are refused at the deploy, by name.

| on | off | default since | here |
| --- | --- | --- | --- |
${flags.join("\n")}
`;
}

const version = JSON.parse(readFileSync(join(kTypes, "package.json"), "utf8")).version;
const date = version.replace(/^\d+\.(\d{4})(\d\d)(\d\d)\..*$/, "$1-$2-$3");
const names = wantedNames();
const table = render(names, date, await look(names, date));
for (const [kind, reasons] of Object.entries(kReasons)) {
  for (const key of Object.keys(reasons)) {
    if (!used.has(`${kind} ${key}`)) problems.push(`tools/compatibility/reasons.mjs: ${kind} ${key} explains nothing`);
  }
}
if (!process.argv.includes("--check")) writeFileSync(kTable, table);
else if (readFileSync(kTable, "utf8") !== table) problems.push("docs/api-table.md is out of date: run tools/compatibility.mjs");
for (const problem of problems) console.log(problem);
process.exit(problems.length > 0 ? 1 : 0);
