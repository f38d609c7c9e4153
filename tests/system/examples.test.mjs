// Each example does what its README says: the first code block is typed into a shell, and what stands behind "#" is seen.
import assert from "node:assert/strict";
import { cpSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { hasAlarms, kNoAlarms } from "./example.mjs";
import { kLimpet, kRepository, run, startLimpet, temporaryFolder } from "./lib.mjs";

let server;
before(async () => { server = await startLimpet(); });
after(() => server?.stop());

const kExamples = join(kRepository, "examples");
const kNeedAlarms = ["scheduler"];  // Already for what their README types.
for (const name of readdirSync(kExamples).sort()) {
  test(`examples/${name}`, async (context) => {
    if (kNeedAlarms.includes(name) && !(await hasAlarms(server))) return context.skip(kNoAlarms);
    const folder = join(temporaryFolder("limpet-example"), name);
    cpSync(join(kExamples, name), folder, { recursive: true });
    const block = readFileSync(join(folder, "README.md"), "utf8").match(/^```\n([^]*?)^```$/m)?.[1];
    assert.match(block ?? "", /^limpet publish\n/, "the first thing to type");
    assert.match(block, new RegExp(`http://${name}\\.localhost:8787/`));
    const typed = block.replaceAll(":8787/", `:${server.port}/`).replaceAll("curl ", "curl --silent --show-error --noproxy '*' ");
    const shell = run("bash", ["-euc", typed], { cwd: folder, env: { ...server.env, HOME: folder, PATH: `${dirname(kLimpet)}:${process.env.PATH}` } });
    assert.equal((await shell.exited).code, 0, shell.stderr);
    assert.ok(shell.stdout.includes(server.of(name)), "publish prints the address");
    let seen = 0;
    for (const [, expected] of block.matchAll(/ # (.*?)( {2,}\(.*\))?$/gm)) {
      const at = shell.stdout.indexOf(expected, seen);
      assert.notEqual(at, -1, `"${expected}" in:\n${shell.stdout.slice(seen)}`);
      seen = at + expected.length;
    }
  });
}
