// `limpet completion`: what it prints completes commands, flags and values in the shells themselves. A shell that is not
// installed is left out.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { limpet, run, temporaryFolder } from "./lib.mjs";

const lacks = (shell) => (spawnSync(shell, ["--version"]).error ? `${shell} is not installed` : false);

async function scriptOf(shell) {
  const printed = await limpet(["completion", shell]);
  assert.equal(printed.code, 0, printed.stderr);
  const file = join(temporaryFolder("completion"), "limpet-completion");
  writeFileSync(file, printed.stdout);
  return file;
}

// What is typed, and what must be offered; and what must not.
const kCases = [
  ["limpet who", ["whoami"], []],
  ["limpet pub", ["publish"], []],
  ["limpet kv key ", ["put", "get", "list", "delete"], ["namespace", "deploy"]],
  ["limpet secret --name x p", ["put"], ["publish"]],
  ["limpet deploy --new-c", ["--new-class"], []],
  ["limpet publish --durable-objects-code-update-mode ", ["deferred", "immediate"], []],
  ["limpet serve --data", ["--data-dir"], []],
];

function check(line, offered, all, none) {
  for (const word of all) assert.ok(offered.includes(word), `${line}: ${word} is not in ${offered}`);
  for (const word of none) assert.ok(!offered.includes(word), `${line}: ${word} is in ${offered}`);
}

test("bash", async () => {
  const file = await scriptOf("bash");
  for (const [line, all, none] of kCases) {
    const script = `source ${file}; COMP_WORDS=(${line.replace(/ $/, " ''")}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _limpet; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout, stderr, status } = spawnSync("bash", ["--norc", "-c", script], { encoding: "utf8" });
    assert.equal(status, 0, stderr);
    assert.equal(stderr, "");
    check(line, stdout.split("\n"), all, none);
  }
});

test("fish", { skip: lacks("fish") }, async () => {
  const file = await scriptOf("fish");
  const home = temporaryFolder("fish-home");
  for (const [line, all, none] of kCases) {
    const { stdout, stderr, status } = spawnSync("fish", ["--no-config", "-c", `source ${file}; complete -C '${line}'`],
                                                 { encoding: "utf8", env: { ...process.env, HOME: home, XDG_CONFIG_HOME: home } });
    assert.equal(status, 0, stderr);
    assert.equal(stderr, "");
    check(line, stdout.split("\n").map((text) => text.split("\t")[0]), all, none);
  }
});

// zsh completes on a terminal only: in one of its own (zsh/zpty) the word is typed, and Tab.
test("zsh", { skip: lacks("zsh"), timeout: 60_000 }, async () => {
  const file = await scriptOf("zsh");
  const folder = temporaryFolder("zsh");
  // What is offered is noted by compadd, which everything ends in; the function is there as in a folder of $fpath.
  writeFileSync(join(folder, "inside.zsh"), `
PS1='ready>'
zstyle ':completion:*' insert-tab false  # Or Tab is a tab when more has been typed.
autoload -Uz compinit && compinit -u -d ${folder}/dump
source ${file}
compadd () {
  local -a offered
  if [[ \${@[1,(i)(-|--)]} == *-(O|A|D)\\ * ]]; then
    builtin compadd "$@"  # It only asks.
    return
  fi
  builtin compadd -A offered "$@"
  print -rl -- $offered >> ${folder}/offered
  builtin compadd "$@"
}
print loaded
`);
  writeFileSync(join(folder, "outside.zsh"), `
zmodload zsh/zpty
zpty inner zsh -f -i
expect () { local seen; zpty -r inner seen "*$1*" || exit 1; }
zpty -w inner "source ${folder}/inside.zsh"
expect "loaded*ready>"
zpty -w -n inner "$1"$'\\t'
zpty -w -n inner $'\\C-u'
zpty -w inner "print -r -- do''ne"
expect done
zpty -d inner
`);
  for (const [line, all, none] of kCases) {
    writeFileSync(join(folder, "offered"), "");
    const outside = run("zsh", ["-f", join(folder, "outside.zsh"), line], { cwd: folder, env: { TERM: "xterm", HOME: folder } });
    const { code } = await outside.exited;
    assert.equal(code, 0, outside.stdout + outside.stderr);
    check(line, readFileSync(join(folder, "offered"), "utf8").split("\n"), all, none);
  }
});

test("another shell is refused", async () => {
  const refused = await limpet(["completion", "tcsh"]);
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /bash, zsh and fish/);
});
