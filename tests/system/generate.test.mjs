// `limpet generate NAME TEMPLATE`: folders, Git addresses, and what goes wrong.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { before, test } from "node:test";
import { limpet, temporaryFolder } from "./lib.mjs";

const work = temporaryFolder("limpet-generate");
const template = join(work, "template");
const bare = join(work, "bare.git");
const write = (path, text) => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
};
const git = (args, cwd = template) => {
  const ended = spawnSync("git", ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "safe.directory=*", ...args], { cwd, encoding: "utf8" });
  assert.equal(ended.status, 0, ended.stderr);
};
const generate = (args, env = {}) => limpet(["generate", ...args], { cwd: work, env: { HOME: work, ...env } });
const read = (...path) => readFileSync(join(work, ...path), "utf8");

before(() => {
  write(join(template, "wrangler.toml"), `# mine\nname = "the-template"\nmain = "src/index.mjs"\n[vars]\nname = "kept"\n`);
  write(join(template, "src/index.mjs"), `// {{ project-name }}\nexport default { fetch: () => new Response("{{project-name}}") };\n`);
  write(join(template, "data.bin"), Buffer.from([0xff, 0x00, 0x7b, 0x7b]));
  write(join(template, ".gitignore"), "node_modules\n");
  git(["init", "--quiet", "--initial-branch", "main"]);
  git(["add", "."]);
  git(["commit", "--quiet", "-m", "first"]);
  git(["clone", "--quiet", "--bare", template, bare], work);
  write(join(template, "node_modules/dep/index.js"), "");
});

function expectProject(name) {
  assert.match(read(name, "wrangler.toml"), new RegExp(`^# mine\nname = "${name}"\nworkers_dev = true\ncompatibility_date = "\\d{4}-\\d\\d-\\d\\d"\nmain = "src/index.mjs"\n\\[vars\\]\nname = "kept"\n$`));
  assert.match(read(name, "src/index.mjs"), new RegExp(`^// ${name}\n.*"${name}"`));
  assert.deepEqual([...readFileSync(join(work, name, "data.bin"))], [0xff, 0x00, 0x7b, 0x7b]);
  assert.ok(!existsSync(join(work, name, ".git")), ".git is stripped");
  assert.ok(!existsSync(join(work, name, "node_modules")), "node_modules stays behind");
  assert.ok(existsSync(join(work, name, ".gitignore")));
}

for (const [name, what, source] of [["from-folder", "a folder", template], ["from-relative", "a relative path", "./template"],
                                    ["from-bare", "a bare repository", bare], ["from-url", "a file:// address", `file://${bare}`],
                                    ["from-url-of-folder", "the file:// address of a working tree", `file://${template}`]]) {
  test(`generate takes ${what}`, async () => {
    const made = await generate([name, source]);
    assert.equal(made.code, 0, made.stderr);
    assert.equal(made.stdout, `${name}\n`);
    expectProject(name);
  });
}

test("a name that is taken becomes NAME-1, and the tool says so", async () => {
  mkdirSync(join(work, "taken"));
  symlinkSync("nowhere", join(work, "taken-1"));
  const made = await generate(["taken", template]);
  assert.equal(made.code, 0, made.stderr);
  assert.equal(made.stdout, "taken-2\n");
  assert.match(made.stderr, /taken exists already, using taken-2/);
  assert.deepEqual(readdirSync(join(work, "taken")), []);
  expectProject("taken-2");
});

test("a folder may hold what is made from it", async () => {
  const made = await limpet(["generate", "inside", "."], { cwd: template, env: { HOME: work } });
  assert.equal(made.code, 0, made.stderr);
  assert.ok(existsSync(join(template, "inside/src/index.mjs")));
  assert.ok(!existsSync(join(template, "inside/inside")));
});

test("links of a template are kept, and what they lead to is not touched", async () => {
  const outside = join(work, "outside.toml");
  write(outside, `name = "outside" # {{ project-name }}\n`);
  const linked = join(work, "linked-template");
  mkdirSync(linked);
  symlinkSync(outside, join(linked, "wrangler.toml"));
  assert.equal((await generate(["linked", linked])).code, 0);
  assert.ok(lstatSync(join(work, "linked/wrangler.toml")).isSymbolicLink());
  assert.equal(readFileSync(outside, "utf8"), `name = "outside" # {{ project-name }}\n`);
});

test("wrangler.jsonc gets the name too", async () => {
  write(join(work, "jsonc-template/wrangler.jsonc"), `{\n  // Its name:\n  "name": "old", "main": "a.mjs",\n}\n`);
  assert.equal((await generate(["named", join(work, "jsonc-template")])).code, 0);
  assert.equal(read("named", "wrangler.jsonc"), `{\n  // Its name:\n  "name": "named", "main": "a.mjs",\n}\n`);
});

test("a template without a configuration is made, with a warning", async () => {
  write(join(work, "bald-template/a.mjs"), "");
  const made = await generate(["bald", join(work, "bald-template")]);
  assert.equal(made.code, 0);
  assert.match(made.stderr, /warning: the template has no wrangler\.toml/);
});

for (const [what, args, env, pattern] of [
  ["a folder that is not there", ["x", "./nowhere"], {}, /there is no folder \.\/nowhere/],
  ["a repository that is not there", ["x", `file://${work}/nowhere.git`], {}, /git could not clone the template file:.*nowhere\.git/],
  ["an empty folder", ["x", "empty"], {}, /the template empty is empty/],
  ["a machine without git", ["x", `file://${bare}`], { PATH: "/nowhere" }, /git is not installed.*apt-get install git/],
  ["a name that no Worker may have", ["Not_A_Name"], {}, /Worker name "Not_A_Name" invalid/],
  ["a name that is too long for a host name", ["x".repeat(64)], {}, /63 at most/],
]) {
  test(`${what} is refused in words and leaves nothing`, async () => {
    mkdirSync(join(work, "empty"), { recursive: true });
    const made = await generate(args, env);
    assert.equal(made.code, 1, made.stderr);
    assert.match(made.stderr, pattern);
    assert.equal(made.stdout, "");
    assert.ok(!existsSync(join(work, args[0])));
  });
}
