// Names the tests that failed, from what a suite printed: GoogleTest, TAP as Node's test runner writes it, or lines
// "FAIL name" (tests/conformance/run.mjs).
//   node tools/failures.mjs LOG [LINES]    one name a line, most of the first LINES lines (0) of what it said indented below
import { readFileSync } from "node:fs";

const [, , path, lines = "0"] = process.argv;

function* gtest(all) {
  let name, said = [];
  for (const line of all) {
    const begun = line.match(/^\[ RUN {6}\] (\S+)/)?.[1];
    if (begun) { name = begun; said = []; continue; }
    const ended = line.match(/^\[ {2}(?:FAILED {2}| {5}OK|SKIPPED )\] (\S+?),?(?: .*)?\(\d+ ms\)$/)?.[1];
    if (ended === undefined || name === undefined) { said.push(line); continue; }
    if (line.startsWith("[  FAILED")) yield { name, said };
    name = undefined;
  }
  if (name !== undefined) yield { name: `${name} (did not end)`, said: said.slice(-20) };
}

function* tap(all) {
  const open = [];  // The names of the tests that a line is inside of.
  for (let at = 0; at < all.length; at++) {
    const depth = all[at].search(/\S/) / 4;
    const begun = all[at].match(/^ *# Subtest: (.*)$/)?.[1];
    if (begun !== undefined) { open.splice(depth, Infinity, begun); continue; }
    const failed = all[at].match(/^ *not ok \d+ - (.*)$/)?.[1];
    if (failed === undefined) continue;
    const end = all.findIndex((line, index) => index > at && line.trim() === "...");
    const said = all.slice(at + 2, end < 0 ? undefined : end).map((line) => line.slice(depth * 4 + 2));
    if (said.some((line) => /^failureType: '(subtestsFailed|parentAlreadyFinished)'/.test(line))) continue;
    const name = [...open.slice(0, depth), failed].join(" > ").replace(/\\([#\\])/g, "$1");
    const kTold = /^(error|expected|actual|stack|  |\n)/;
    yield { name, said: said.filter((line) => kTold.test(line) && !/^\s+(at )?.*\(?node:internal/.test(line)) };
  }
}

function* plain(all) {
  for (let at = 0; at < all.length; at++) {
    if (!all[at].startsWith("FAIL ")) continue;
    const said = [];
    for (let next = at + 1; next < all.length && all[next].startsWith(" "); next++) said.push(all[next].trimStart());
    yield { name: all[at].slice(5), said };
  }
}

const all = readFileSync(path, "utf8").split("\n");
const kForms = [[/^\[==========\] Running/, gtest], [/^TAP version/, tap], [/^FAIL /, plain]];
const form = kForms.find(([mark]) => all.some((line) => mark.test(line)))?.[1];
for (const { name, said } of form?.(all) ?? []) {
  console.log(name);
  for (const line of said.slice(0, Number(lines))) console.log(`    ${line.slice(0, 300)}`);
}
