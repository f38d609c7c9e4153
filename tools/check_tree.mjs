// Checks what holds for the whole tree: layers (tools/layers.txt), file and README sizes, wording, examples.
//   node tools/check_tree.mjs      prints each violation; last line: N passed, N failed
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const kRoot = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const kFileLinesMax = 600;
const kReadmeLinesMax = 40;
const kStandardHeader = /^[a-z_0-9]+(\.h)?$/;        // <vector>, <errno.h>
const kSystemHeader = /^(sys|netinet|arpa|linux)\//;  // POSIX and Linux
const kTestHeader = /^(gtest|gmock|benchmark)\//;
const kThirdPartyFlat = /^(v8.*|node|node_version|zlib|ada|llhttp|simdutf|sqlite3)\.h$/;

const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], { cwd: kRoot, encoding: "utf8" })
  .split("\n").filter((file) => file && existsSync(join(kRoot, file)) && statSync(join(kRoot, file)).isFile());
const text = (file) => readFileSync(join(kRoot, file), "utf8");

// { rows: Map folder → rule, files: [{ pattern, rule }] }; rule = { folders, headers }.
export function parseLayers(source) {
  const rows = new Map();
  const exceptions = [];
  for (const line of source.split("\n")) {
    if (line.startsWith("#") || line.trim() === "") continue;
    const [, file, name, folders, headers] = line.match(/^(file )?(\S+):\s*([^|]*)\|(.*)$/) ?? [];
    if (!name) throw new Error(`tools/layers.txt: not a row: ${line}`);
    const words = (part) => part.trim().split(/\s+/).filter(Boolean);
    const rule = { folders: words(folders), headers: words(headers) };
    if (file) exceptions.push({ pattern: name, rule });
    else rows.set(name, rule);
  }
  return { rows, exceptions };
}

// Why `include` may not stand in src/`path`, or undefined if it may.
export function includeProblem({ rows, exceptions }, path, include, quoted) {
  const folder = path.split("/")[0];
  const row = rows.get(folder);
  if (!row) return `the folder src/${folder} has no row in tools/layers.txt`;
  const own = exceptions.filter(({ pattern }) => pattern === path || (pattern.endsWith("/*") && path.startsWith(pattern.slice(0, -1))));
  const rules = [row, ...own.map(({ rule }) => rule)];
  if (quoted) {
    const target = include.split("/")[0];
    if (target === folder || !include.includes("/")) return undefined;
    return rules.some((rule) => rule.folders.includes(target)) ? undefined : `src/${folder} may not include src/${target}`;
  }
  if (/_test\.(cc|h)$|_testing\.(cc|h)$|_contract.*\.h$/.test(path) && kTestHeader.test(include)) return undefined;
  if (kSystemHeader.test(include) || (kStandardHeader.test(include) && !kThirdPartyFlat.test(include))) return undefined;
  return rules.some((rule) => rule.headers.some((prefix) => include.startsWith(prefix))) ? undefined : `src/${folder} may not include <${include}>`;
}

function layerProblems() {
  const layers = parseLayers(text("tools/layers.txt"));
  const problems = [];
  for (const file of files.filter((each) => /^src\/.*\.(cc|h)$/.test(each))) {
    for (const [index, line] of text(file).split("\n").entries()) {
      const match = line.match(/^\s*#\s*include\s*([<"])([^>"]+)[>"]/);
      const problem = match && includeProblem(layers, file.slice(4), match[2], match[1] === '"');
      if (problem) problems.push(`${file}:${index + 1}: ${problem}`);
    }
  }
  return problems;
}

function sizeProblems() {
  const problems = [];
  for (const file of files) {
    if (/\.(cc|h|mjs|cjs|ts|sh)$|^dev$/.test(file)) {
      const lines = text(file).split("\n").length - 1;
      if (lines > kFileLinesMax) problems.push(`${file}: ${lines} lines, ${kFileLinesMax} allowed`);
    }
    if (/^src\/[^/]+\/README\.md$/.test(file)) {
      const lines = text(file).split("\n").length - 1;
      if (lines > kReadmeLinesMax) problems.push(`${file}: ${lines} lines, ${kReadmeLinesMax} allowed`);
    }
  }
  return problems;
}

// The repository speaks of the project alone: no machine's paths, no registry's host, no unowned TODO.
function wordingProblems() {
  const forbidden = [
    [new RegExp("(?<![\\w.])/(home|root|Users)/[\\w.-]+"), "an absolute path of somebody's machine"],
    [new RegExp("registry\\.(npmjs|yarnpkg|npmmirror)|(proxy|pypi|static)\\.(golang|crates)\\.|deb\\.debian\\.org"), "a registry's host"],
    [/\bTODO\b(?!\()/, "a TODO without an issue"],
  ];
  const problems = [];
  for (const file of files) {
    if (/\.(wasm|bin|png|ico)$|^tests\/fuzz\/corpus\//.test(file) || basename(file) === "check_tree.mjs") continue;
    for (const [index, line] of text(file).split("\n").entries()) {
      for (const [pattern, what] of forbidden) {
        if (pattern.test(line)) problems.push(`${file}:${index + 1}: ${what}: ${line.trim().slice(0, 100)}`);
      }
    }
  }
  return problems;
}

function readmeProblems() {
  const folders = new Set(files.filter((each) => /^src\/[^/]+\/.*\.cc$/.test(each)).map((each) => each.split("/")[1]));
  return [...folders].filter((folder) => !existsSync(join(kRoot, `src/${folder}/README.md`))).map((folder) => `src/${folder}: no README.md`);
}

// What would otherwise drift apart: the template's source is the counter example's, and an example's README says how to
// publish it and where it answers.
function exampleProblems() {
  const problems = [];
  const [example, template] = ["examples/counter/src/index.mjs", "templates/counter/src/index.mjs"];
  if (text(example) !== text(template)) problems.push(`${template}: not the same as ${example}`);
  for (const config of files.filter((each) => /^examples\/[^/]+\/wrangler\.toml$/.test(each))) {
    const folder = dirname(config);
    const name = text(config).match(/^name = "(.*)"$/m)?.[1];
    const readme = existsSync(join(kRoot, folder, "README.md")) ? text(`${folder}/README.md`) : "";
    if (name !== basename(folder)) problems.push(`${config}: its name is not its folder's`);
    for (const needed of ["limpet publish", `http://${name}.localhost:8787/`]) {
      if (!readme.includes(needed)) problems.push(`${folder}/README.md: does not say ${needed}`);
    }
  }
  return problems;
}

// docs/behaviours.md names a test for each of its rows: `file` "test", "another test of it", `file` "test".
export function namedTests(source) {
  const tests = [];
  for (const row of source.split("\n").filter((line) => /^\| \d+ \|/.test(line))) {
    const [number, , , named] = row.split("|").slice(1).map((cell) => cell.trim());
    let file;
    for (const [, path, name] of named.matchAll(/`([^`]+)`|"([^"]+)"/g)) {
      if (path) file = path;
      else tests.push({ number: Number(number), file, name });
    }
  }
  return tests;
}

function behaviourProblems() {
  const tests = namedTests(text("docs/behaviours.md"));
  const problems = tests.filter(({ file, name }) => !files.includes(file) || !text(file).includes(name))
    .map(({ number, file, name }) => `docs/behaviours.md: row ${number}: ${file} has no test "${name}"`);
  for (let number = 1; number <= 30; number++) {
    if (!tests.some((each) => each.number === number)) problems.push(`docs/behaviours.md: row ${number} names no test`);
  }
  return problems;
}

// The checker itself must be able to say no.
function selfTest() {
  const layers = parseLayers("base: |\nstore: base |\nfile store/rocks/*: | rocksdb/\n");
  const refused = [["base/a.cc", "store/engine.h", true], ["store/a.cc", "rocksdb/db.h", false], ["store/a.cc", "v8.h", false], ["new/a.cc", "base/a.h", true]];
  const allowed = [["store/a.cc", "base/a.h", true], ["store/rocks/a.cc", "rocksdb/db.h", false], ["base/a.cc", "vector", false], ["base/a_test.cc", "gtest/gtest.h", false]];
  const named = namedTests('| 7 | a | b | `x.mjs` "one", "two", `y.cc` "three" |\nnone');
  const tests = named.map(({ number, file, name }) => `${number} ${file} ${name}`).join();
  return [...(tests === "7 x.mjs one,7 x.mjs two,7 y.cc three" ? [] : [`named tests: ${tests}`]),
          ...refused.filter((each) => !includeProblem(layers, ...each)).map((each) => `not refused: ${each}`),
          ...allowed.filter((each) => includeProblem(layers, ...each)).map((each) => `refused: ${each}`)];
}

const checks = { "self test": selfTest, layers: layerProblems, "file sizes": sizeProblems, wording: wordingProblems, readmes: readmeProblems, examples: exampleProblems, behaviours: behaviourProblems };
let passed = 0;
let failed = 0;
for (const [name, check] of Object.entries(checks)) {
  const problems = check();
  if (problems.length === 0) {
    passed++;
  } else {
    failed++;
    console.log(`${name}:\n  ${problems.join("\n  ")}`);
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
