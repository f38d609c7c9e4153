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

// Texts of errors that web-streams-polyfill words in another way than workerd does.
const texts = [
  [/"Cannot " \+ \w+ \+ " a stream using a released reader"/g, '"This ReadableStream reader has been released."'],
  [/"Cannot " \+ \w+ \+ " a stream using a released writer"/g, '"This WritableStream writer has been released."'],
  [/"Writer was released and can no longer be used to monitor the stream's closedness"/g, '"This WritableStream writer has been released."'],
  [/"Reader was released and can no longer be used to monitor the stream's closedness"/g, '"This ReadableStream reader has been released."'],
  [/"Reader was released"/g, '"This ReadableStream reader has been released."'],
  [/"The stream is closing or closed and cannot be written to"/g, '"This WritableStream has been closed."'],
  [/`The stream \(in \$\{\w+\} state\) is not in the writable state and cannot be closed`/g, '"This WritableStream has been closed."'],
  [/"Cannot close an already-closing stream"/g, '"This WritableStream has been closed."'],
  [/"TransformStream terminated"/g, '"The transform stream has been terminated"'],
  [/"The object is not iterable"/g, `"Failed to execute 'from' on 'ReadableStream': parameter 1 is not of type 'AsyncGenerator'."`],
  [/"Cannot construct a ReadableStreamBYOBReader for a stream not constructed with a byte source"/g,
   '"This ReadableStream does not support BYOB reads."'],
  [/"view must be an array buffer view"/g,
   `"Failed to execute 'read' on 'ReadableStreamBYOBReader': parameter 1 is not of type 'ArrayBufferView'."`],
  [/"view must have non-zero byteLength"/g, `'You must call read() on a "byob" reader with a positive-sized TypedArray object.'`],
  [/"ReadableStream.prototype.pipeTo cannot be used on a locked WritableStream"/g, '"This WritableStream is currently locked to a writer"'],
  [/"ReadableStream.prototype.pipeTo's first argument must be a WritableStream"/g,
   `"Failed to execute 'pipeTo' on 'ReadableStream': parameter 1 is not of type 'WritableStream'."`],
  [/"ReadableStream.prototype.pipeThrough cannot be used on a locked WritableStream"/g, '"This WritableStream is currently locked to a writer."'],
  // What start() throws is not thrown by a stream's constructor: the stream has failed. S calls, g gives a promise.
  [/\((r\d*)\) => S\((e\d*), (t\d*), \[\1\]\)/g, "($1) => g($2, $3, [$1])"],
];
if (!/function g\((\w+), (\w+), (\w+)\) \{\s+try \{\s+return c\(S\(\1, \2, \3\)\);/.test(named)) throw new Error("web-streams-polyfill's g() is another");
const reworded = texts.reduce((source, [theirs, ours]) => {
  const result = source.replace(theirs, ours);
  if (result === source) throw new Error(`web-streams-polyfill no longer says ${theirs}`);
  return result;
}, named);

// Fields of web-streams-polyfill's objects become symbols: a script sees none of them, and JSON of a body is "{}".
const fields = new Set([...reworded.matchAll(/\._([A-Za-z]\w*)/g)].map(([, name]) => name));
const keyed = reworded.replace(/(\?\.|\.)_([A-Za-z]\w*)/g, (_, dot, name) => `${dot === "?." ? dot : ""}[field_${name}]`)
  .replace(/([{,]\s*)_([A-Za-z]\w*):/g, (all, before, name) => (fields.has(name) ? `${before}[field_${name}]:` : all))
  .replace(/^(\s+)_([A-Za-z]\w*)(\(.*\) \{)$/gm, (all, before, name, rest) => (fields.has(name) ? `${before}[field_${name}]${rest}` : all))
  .replace(/"_([A-Za-z]\w*)"/g, (all, name) => (fields.has(name) ? `field_${name}` : all));
// The functions of the platform's classes look at what they are called on before anything else, each by itself: V8 learns
// of each which instances it gets, and the look costs next to nothing. Asynchronous ones and generators would tell too late;
// they are wrapped (receivers.ts).
function withChecks(source) {
  const names = new Map(); // Of classes: by what the bundle calls them.
  for (const [, list] of source.matchAll(/^  platform\(\{([^}]*)\}\);$/gm)) {
    for (const [, name, called = name] of list.matchAll(/(\w+)(?:: (\w+))?/g)) names.set(called, name);
  }
  const checked = new Map();
  let holder;
  const lines = source.split("\n").map((line) => {
    const [, variable, own] = line.match(/^  (?:var (\w+) = class(?: \w+)?|class (\w+))(?: extends \S+)? \{$/) ?? [];
    const opened = variable ?? own;
    if (opened !== undefined) holder = names.has(opened) ? opened : undefined;
    else if (/^  \};?$/.test(line)) holder = undefined;
    if (holder !== undefined && !checked.has(holder)) checked.set(holder, new Set());
    const method = holder && line.match(/^    (?:get |set )?(\w+)\(.*\) \{$/)?.[1];
    if (!method || method === "constructor") return line;
    checked.get(holder).add(method);
    return `${line}\n      if (!(this instanceof ${holder})) throw illegalInvocation();`;
  });
  for (const called of names.keys()) if (!checked.has(called)) throw new Error(`class ${called} is not where it was looked for`);
  return lines.join("\n").replace(/^  platform\(\{([^}]*)\}\);$/gm, (_, list) => {
    const all = [...list.matchAll(/(\w+)(?:: (\w+))?/g)].map(([, name, called = name]) => [name, [...checked.get(called)]]);
    return `  platform({${list}}, ${JSON.stringify(Object.fromEntries(all))});`;
  });
}
const symbols = [...fields].map((name) => `const field_${name} = Symbol("${name}");`).join("\n");
const text = `(() => {\n"use strict";\n${symbols}\n${withChecks(keyed)}\nreturn builtins.default;\n})()`;

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
