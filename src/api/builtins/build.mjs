// Bundles the built-ins and writes them as C++:  node build.mjs OUT.cc   (or OUT.js for the expression alone)
// The text is one expression whose value is the function (native) => hooks.
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(import.meta.url);
const esbuild = require.resolve(`@esbuild/${process.platform}-${process.arch}/bin/esbuild`);
const out = resolve(process.argv[2]);

// The host's tables for encodings with one byte a character: what each byte from 128 on stands for.
const singleByte = Object.fromEntries(["ibm866", "iso-8859-2", "iso-8859-3", "iso-8859-4", "iso-8859-5", "iso-8859-6",
  "iso-8859-7", "iso-8859-8", "iso-8859-8-i", "iso-8859-10", "iso-8859-13", "iso-8859-14", "iso-8859-15", "iso-8859-16",
  "koi8-r", "koi8-u", "macintosh", "windows-874", "windows-1250", "windows-1251", "windows-1252", "windows-1253",
  "windows-1254", "windows-1255", "windows-1256", "windows-1257", "windows-1258", "x-mac-cyrillic"]
  .map((name) => [name, new TextDecoder(name).decode(Uint8Array.from({ length: 128 }, (_, index) => 128 + index))]));

const options = ["--bundle", "--format=iife", "--global-name=builtins", "--target=esnext", "--charset=ascii",
  "--log-level=warning", "--legal-comments=none", "--tree-shaking=true", `--tsconfig=${join(here, "tsconfig.json")}`,
  `--define:HOST_SINGLE_BYTE=${JSON.stringify(singleByte)}`];
const bundle = execFileSync(esbuild, [join(here, "index.ts"), ...options], { encoding: "utf8", maxBuffer: 1 << 26 });
// esbuild calls a class that refers to itself `var X = class _X`; V8 shows that inner name.
const named = [...bundle.matchAll(/\bvar (\w+) = class _\1\b/g)].reduce(
  (source, [, name]) => source.replace(new RegExp(`\\b_${name}\\b`, "g"), name), bundle);
const text = `(() => {\n${named}\nreturn builtins.default;\n})()`;

// A char array: a string literal of this length is more than compilers promise to take.
function asCpp(source) {
  const lines = [];
  const bytes = Buffer.from(source, "ascii");
  for (let at = 0; at < bytes.length; at += 32) lines.push([...bytes.subarray(at, at + 32)].join(","));
  return `// Written by src/api/builtins/build.mjs.
#include "api/natives.h"

namespace limpet::api {
namespace {
constexpr char kSource[] = {
${lines.join(",\n")}
};
}  // namespace

std::string_view BuiltinsSource() { return {kSource, sizeof(kSource)}; }

}  // namespace limpet::api
`;
}

mkdirSync(dirname(out), { recursive: true });
writeFileSync(out, out.endsWith(".js") ? text : asCpp(text));
