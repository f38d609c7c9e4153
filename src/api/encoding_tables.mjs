// Writes the indexes of the encodings with several bytes a character as C++:  node encoding_tables.mjs OUT.cc
// They are the Encoding standard's (npm: @sinonjs/text-encoding), with what the standard has changed since.
import { mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, resolve } from "node:path";

const indexes = createRequire(import.meta.url)("@sinonjs/text-encoding/lib/encoding-indexes.js")["encoding-indexes"];

// 0: nothing. Of Big5's characters those above U+FFFF are all in plane 2; its entries have three bytes.
function table(name, type, values) {
  const lines = [];
  for (let at = 0; at < values.length; at += 16) lines.push(values.slice(at, at + 16).map((value) => value ?? 0).join(","));
  return `extern const ${type} ${name}[] = {\n${lines.join(",\n")}\n};\nextern const size_t ${name}Count = ${values.length};\n`;
}

const out = resolve(process.argv[2]);
mkdirSync(dirname(out), { recursive: true });
writeFileSync(out, `// Written by src/api/encoding_tables.mjs.
#include "api/encoding_tables.h"

namespace limpet::api {

${table("kBig5", "uint32_t", indexes.big5)}
${table("kEucKr", "uint16_t", indexes["euc-kr"])}
${table("kGb18030", "uint16_t", indexes.gb18030)}
${table("kGb18030Ranges", "uint32_t", indexes["gb18030-ranges"].flat())}
${table("kJis0208", "uint16_t", indexes.jis0208)}
${table("kJis0212", "uint16_t", indexes.jis0212)}
}  // namespace limpet::api
`);
