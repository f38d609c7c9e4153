// clang-tidy over many files: most of its time goes into the headers, so it is given several files at once, put together
// into one. What is found is told of the file it is in.
//   node tools/lint.mjs FILE...      those of build/release/compile_commands.json; exit code 1 when something was found
// Groups that were clean and have not changed since, nor any header, are passed over (build/lint/clean).
import { execFile, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const kRoot = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const kFolder = join(kRoot, "build/lint");
const kFilesOfGroup = 8;
const kOutputMax = 1 << 28;

const read = (file) => readFileSync(file, "utf8");
mkdirSync(kFolder, { recursive: true });

// File → how it is compiled; of several targets, the first: the others differ in what sanitizers and mutants add.
const commands = new Map();
for (const entry of JSON.parse(read(join(kRoot, "build/release/compile_commands.json")))) {
  if (!commands.has(entry.file)) commands.set(entry.file, { ...entry, command: entry.command.replace(/ -o .*$/, "") });
}

// Files that are compiled alike and lie in one folder, in order.
function groups(files) {
  const alike = new Map();
  for (const file of files) {
    const key = dirname(file) + "\n" + commands.get(file).command;
    alike.set(key, [...alike.get(key) ?? [], file]);
  }
  const all = [];
  for (const list of alike.values()) {
    for (let at = 0; at < list.length; at += kFilesOfGroup) all.push(list.slice(at, at + kFilesOfGroup));
  }
  return all;
}

// One text of them all, and the line at which each begins.
function joined(files) {
  const starts = [];
  let text = "", lines = 0;
  for (const file of files) {
    const part = read(file).replace(/\n?$/, "\n");
    starts.push({ file, line: lines });
    text += part;
    lines += part.split("\n").length - 1;
  }
  return { text, whose: (line) => starts.findLast((start) => start.line < line) };
}

// What stands in one file's own namespace may stand in another's too: then that one goes to a group of its own.
function compileTogether(files) {
  const apart = [];
  for (let list = files; ;) {
    if (list.length === 1) return [list, apart];
    const { text, whose } = joined(list);
    const source = join(kFolder, `try-${createHash("sha1").update(list.join()).digest("hex").slice(0, 8)}.cc`);
    writeFileSync(source, text);
    const { command, directory } = commands.get(list[0]);
    const { status, stderr } = spawnSync("sh", ["-c", `${command} -fsyntax-only -w '${source}'`], { cwd: directory, encoding: "utf8", maxBuffer: kOutputMax });
    if (status === 0) return [list, apart];
    const [, line] = stderr.match(new RegExp(`${source}:(\\d+):\\d+: (?:fatal )?error:`)) ?? [];
    const bad = line ? whose(Number(line)).file : list.at(-1);
    apart.push(bad);
    list = list.filter((file) => file !== bad);
  }
}

const headers = createHash("sha256");
for (const file of spawnSync("git", ["ls-files", "--", "*.h", ".clang-tidy"], { cwd: kRoot, encoding: "utf8" }).stdout.split("\n").sort()) {
  if (file && existsSync(join(kRoot, file))) headers.update(file).update(read(join(kRoot, file)));
}
const kHeaders = headers.digest("hex");
const kCleanFile = join(kFolder, "clean");
const clean = new Set(existsSync(kCleanFile) ? read(kCleanFile).split("\n") : []);

// Resolves with what was found, "" for nothing.
function lint(files, index) {
  const { text, whose } = joined(files);
  const { command, directory } = commands.get(files[0]);
  const folder = join(kFolder, `group-${index}`), source = join(folder, "all.cc");
  mkdirSync(folder, { recursive: true });
  writeFileSync(source, text);
  const entry = { directory, file: source, command: `${command.replace(/ -c$/, "")} -c ${source}` };
  writeFileSync(join(folder, "compile_commands.json"), JSON.stringify([entry]));
  const args = ["-p", folder, "--quiet", `--config-file=${join(kRoot, ".clang-tidy")}`, source];
  return new Promise((done) => execFile("clang-tidy-19", args, { maxBuffer: kOutputMax }, (error, stdout, stderr) => {
    if (error && !stdout.includes(": error:") && !stdout.includes(": warning:")) return done(stdout + stderr);
    done(stdout.replaceAll(new RegExp(`${source}:(\\d+):`, "g"), (all, line) => {
      const { file, line: start } = whose(Number(line));
      return `${relative(kRoot, file)}:${line - start}:`;
    }));
  }));
}

const waiting = groups(process.argv.slice(2).map((file) => resolve(file)).filter((file) => commands.has(file)));
let found = 0, index = 0;
async function work() {
  for (let next; (next = waiting.shift());) {
    const key = createHash("sha256").update(kHeaders + commands.get(next[0]).command);
    for (const file of next) key.update(file).update(read(file));
    const hash = key.digest("hex");
    if (clean.has(hash)) continue;
    const [files, apart] = compileTogether(next);
    if (apart.length > 0) waiting.unshift(apart);
    const said = await lint(files, index++);
    if (said.trim() !== "") {
      ++found;
      process.stdout.write(said);
    } else if (apart.length === 0) {
      clean.add(hash);
      writeFileSync(kCleanFile, [...clean].join("\n"));
    }
  }
}
await Promise.all(Array.from({ length: availableParallelism() }, work));
process.exitCode = found > 0 ? 1 : 0;
