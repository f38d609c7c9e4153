// A release: it runs in a Debian 12 that has nothing but its base packages, and takes the place of a running one.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readlinkSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { kRepository, api, corePid, kSanitized, request, run, temporaryFolder, until } from "./lib.mjs";
import { counters } from "./scripts.mjs";

const kFolder = join(kRepository, "build/package");
const kBareRoot = join(kRepository, "build/bare-debian-12");
const { version } = JSON.parse(readFileSync(join(kRepository, "package.json"), "utf8"));
const kTarball = join(kFolder, `limpet-${version}-linux-x64.tar.gz`);
const skip = kSanitized ? "a release has no sanitizers" : process.getuid() !== 0 ? "needs root for a chroot" : false;

function must(program, ...args) {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8", maxBuffer: 2 ** 26 });
  assert.equal(status, 0, `${program} ${args.join(" ")}\n${stdout}${stderr}`);
  return stdout;
}

// `limpet serve` by another program than the checkout's, in `cwd`.
async function start(command, args) {
  const running = run(command, args);
  const ports = await until("the ready line", () => running.stdout.match(/:(\d+)\D[^]*?:(\d+)/)?.slice(1).map(Number))
    .catch((error) => { throw new Error(`${error.message}\n${running.stdout}${running.stderr}`); });
  return { ...running, running, port: ports[0], admin: `http://127.0.0.1:${ports[1]}`, launcher: () => running.child.pid,
           fetch: (name, path) => request(`http://${name}.localhost:${ports[0]}${path}`, { agent: false }) };
}

// In the bare root, in a mount namespace of its own, so that what is mounted goes with it. exec all the way: signals reach
// the last program.
const inside = (script) => ["--mount", "bash", "-c", `mount -t proc proc ${kBareRoot}/proc && exec chroot ${kBareRoot} /bin/sh -c '${script}'`];

before(() => {
  if (skip) return;
  must(process.execPath, join(kRepository, "tools/package.mjs"));
}, { timeout: 300_000 });

// Why there is no bare Debian 12 here, or nothing.
function makeBareRoot() {
  if (existsSync(join(kBareRoot, "etc/debian_version"))) return undefined;
  const made = temporaryFolder("limpet-bare");
  const { status, stdout, stderr } = spawnSync("debootstrap", ["--variant=minbase", "bookworm", made], { encoding: "utf8" });
  if (status !== 0) return `debootstrap could not make a bare Debian 12: ${(stdout + stderr).trim().split("\n").at(-1)}`;
  rmSync(kBareRoot, { recursive: true, force: true });
  must("cp", "-a", made, kBareRoot);
  return undefined;
}

test("the tarball runs in a bare Debian 12", { skip, timeout: 600_000 }, async (t) => {
  const missing = makeBareRoot();
  if (missing) return t.skip(missing);
  const opt = join(kBareRoot, "opt");
  rmSync(join(kBareRoot, "opt"), { recursive: true, force: true });
  rmSync(join(kBareRoot, "srv"), { recursive: true, force: true });
  for (const each of ["opt", "srv"]) mkdirSync(join(kBareRoot, each));
  must("tar", "-C", opt, "-xzf", kTarball);
  const limpet = `/opt/limpet-${version}-linux-x64/bin/limpet`;
  for (const gone of ["gcc", "clang", "node", "python3"]) assert.ok(!existsSync(join(kBareRoot, "usr/bin", gone)), gone);
  assert.match(must("unshare", ...inside(`${limpet} --version`)), new RegExp(version.replaceAll(".", "\\.")));
  const server = await start("unshare", inside(`exec ${limpet} serve --data-dir /srv/data --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0`));
  const output = must("unshare", ...inside(`cd /srv && ${limpet} generate my-counter && cd my-counter && export LIMPET_SERVER=${server.admin} ` +
                                           `LIMPET_TOKEN=$(cat /srv/data/admin-token) && ${limpet} publish --new-class Counter`));
  assert.match(output, /my-counter\.localhost/);
  assert.equal((await server.fetch("my-counter", "/increment")).body.trim(), "Durable Object 'A' count: 1");
  server.child.kill("SIGTERM");
  assert.deepEqual(await server.exited, { code: 0, signal: null });
});

test("the Debian package installs in it, and the service's file is sound", { skip, timeout: 600_000 }, async (t) => {
  const missing = makeBareRoot();
  if (missing) return t.skip(missing);
  const deb = join(kFolder, `limpet_${version}_amd64.deb`);
  must("cp", deb, join(kBareRoot, "srv/limpet.deb"));
  must("chroot", kBareRoot, "dpkg", "--install", "/srv/limpet.deb");
  assert.match(must("unshare", ...inside("limpet --version")), new RegExp(version.replaceAll(".", "\\.")));
  assert.ok(existsSync(join(kBareRoot, "lib/systemd/system/limpet.service")));
  for (const each of ["bash-completion/completions/limpet", "zsh/vendor-completions/_limpet", "fish/vendor_completions.d/limpet.fish"]) {
    assert.match(readFileSync(join(kBareRoot, "usr/share", each), "utf8"), /new-class/, each);
  }
  must("chroot", kBareRoot, "dpkg", "--purge", "limpet");
  assert.ok(!existsSync(join(kBareRoot, "usr/lib/limpet")));
});

test("a new release takes the place of a running one: no connection is refused, nothing is lost", { skip, timeout: 300_000 }, async () => {
  const folder = temporaryFolder("limpet-upgrade");
  for (const release of ["one", "two"]) {
    mkdirSync(join(folder, release));
    must("tar", "-C", join(folder, release), "--strip-components=1", "-xzf", kTarball);
  }
  symlinkSync("one", join(folder, "current"));
  const server = await start(join(folder, "current/bin/limpet"), ["serve", "--data-dir", join(folder, "data"), "--listen", "127.0.0.1:0",
                                                                  "--admin-listen", "127.0.0.1:0", "--shards", "2"]);
  const token = readFileSync(join(folder, "data/admin-token"), "utf8").trim();
  const { uploadForm } = await import("./lib.mjs");
  const form = uploadForm({ modules: { "index.mjs": counters() }, bindings: [{ type: "durable_object_namespace", name: "Counter", class_name: "Counter" }],
                            migrations: { steps: [{ new_classes: ["Counter"] }] } });
  const deployed = await api({ admin: server.admin, token }, "PUT", "/workers/scripts/busy", { body: form.body, headers: { "content-type": form.type } });
  assert.equal(deployed.status, 200, deployed.body);
  const launcher = server.launcher();
  const runs = (pid) => readlinkSync(`/proc/${pid}/exe`);
  assert.equal(runs(launcher), join(folder, "one/lib/limpet/limpet"));

  let acknowledged = 0;
  let stop = false;
  const failures = [];
  const clients = Array.from({ length: 4 }, async () => {
    while (!stop) {
      const answer = await server.fetch("busy", "/increment?name=a").catch((error) => ({ status: 0, body: error.message }));
      if (answer.status === 200) acknowledged++;
      else failures.push(`${answer.status} ${answer.body.slice(0, 200)}`);
    }
  });
  await until("the load", () => acknowledged > 50);
  const old = corePid(launcher);
  symlinkSync("two", join(folder, "next"));
  renameSync(join(folder, "next"), join(folder, "current"));
  process.kill(launcher, "SIGHUP");
  await until("the new core", () => { const core = corePid(launcher); return core !== undefined && core !== old && runs(core).startsWith(join(folder, "two")); });
  assert.equal(runs(launcher), join(folder, "two/lib/limpet/limpet"));
  const before = acknowledged;
  await until("answers of the new core", () => acknowledged > before + 50);
  stop = true;
  await Promise.all(clients);
  assert.deepEqual(failures, []);
  assert.equal(JSON.parse((await server.fetch("busy", "/value?name=a")).body).count, acknowledged);

  // What is there can't be run: the launcher that runs goes on.
  rmSync(join(folder, "current"));
  const second = corePid(launcher);
  process.kill(launcher, "SIGHUP");
  await until("the third core", () => { const core = corePid(launcher); return core !== undefined && core !== second && runs(core).startsWith(join(folder, "two")); });
  await until("an answer", async () => (await server.fetch("busy", "/value?name=a")).status === 200);
  assert.match(server.running.stderr, /No such file or directory; going on with the launcher that runs/);
  server.child.kill("SIGTERM");
  assert.equal((await server.exited).code, 0);
});
