// Makes the sqlite3.c that we compile: the amalgamation as better-sqlite3 carries it, plus
// - two counters per statement, rows read and rows written (cursor.rowsRead, cursor.rowsWritten), which
//   sqlite3_stmt_status() answers under the numbers 9 and 10 (src/sql/statement.h);
// - the new name of a table that is renamed, for the authorizer;
// - and less work per transaction: the first page is written when it has changed, not to count the transaction (one
//   connection has the file, so nobody looks at the count; SQLite does the same with locking_mode=EXCLUSIVE, which
//   would need a journal), and the journal in memory is made of pieces that a page fits into;
// - and FTS5 does not look for the end of a "[" of GLOB in a pattern of LIKE, one byte behind the pattern's end.
//   node src/sql/amalgamation.mjs FROM/sqlite3.c TO/sqlite3.c
//
// Each change names its place by the instruction of the bytecode engine and a line in it. A place that is not found
// once, after an update of SQLite, fails the build.
import { readFileSync, writeFileSync } from "node:fs";

const [from, to] = process.argv.slice(2);
let source = readFileSync(from, "utf8");

const kRead = 9;  // The first free places of aCounter[].
const kWritten = 10;
const kBlockMax = 12_000;  // No instruction's code is longer.

const count = (counter, amount = "1") => `p->aCounter[${counter}] += (u32)(${amount});`;
const countWritten = `if( !pC->isEphemeral ) ${count(kWritten)}`;

function fail(what) {
  console.error(`amalgamation.mjs: ${what}: SQLite has changed, look at the place again`);
  process.exit(1);
}

function replaceOnce(old, replacement) {
  if (source.split(old).length !== 2) fail(`not once: ${old}`);
  source = source.replace(old, () => replacement);
}

// Puts `addition` before or after the first `line` behind the start of an instruction's code.
function at(instruction, line, { before, after }) {
  const start = source.indexOf(`\ncase ${instruction}:`);
  if (start < 0 || source.indexOf(`\ncase ${instruction}:`, start + 1) >= 0) fail(`not once: case ${instruction}`);
  const place = source.indexOf(line, start);
  if (place < 0 || place > start + kBlockMax) fail(`not in ${instruction}: ${line}`);
  const split = after === undefined ? place : place + line.length;
  source = `${source.slice(0, split)}${after ?? before}${source.slice(split)}`;
}

replaceOnce("u32 aCounter[9];", "u32 aCounter[11];");
at("OP_Count", "rc = sqlite3BtreeCount(db, pCrsr, &nEntry);", { after: ` ${count(kRead, "nEntry")}` });
at("OP_SeekGT", "#ifdef SQLITE_TEST\n  sqlite3_search_count++;\n#endif\n  if( oc>=OP_SeekGE ){", { before: `  ${count(kRead)}\n` });
at("OP_NotExists", "pC->seekResult = res;", { after: ` ${count(kRead)}` });
at("OP_Insert", "if( pOp->p5 & OPFLAG_NCHANGE ){", { before: `${countWritten}\n  ` });
at("OP_Delete", "if( opflags & OPFLAG_NCHANGE ){", { after: ` ${countWritten}` });
at("OP_Last", "if( rc ) goto abort_due_to_error;", { after: ` ${count(kRead)}` });
at("OP_Rewind", "pC->nullRow = (u8)res;", { after: ` ${count(kRead)}` });
at("OP_Next", "p->aCounter[pOp->p5]++;", { after: ` ${count(kRead)}` });
at("OP_IdxInsert", "if( pOp->p5 & OPFLAG_NCHANGE ) p->nChange++;", { after: ` ${countWritten}` });
at("OP_Clear", "p->nChange += nChange;", { after: ` ${count(kWritten, "nChange")}` });
at("OP_VNext", "if( rc ) goto abort_due_to_error;", { after: ` ${count(kRead)}` });
at("OP_VUpdate", "}else{\n      p->nChange++;", { after: ` ${count(kWritten)}` });

// What a table is to be called: the authorizer refuses names that begin with _cf_.
const kRename = "if( sqlite3AuthCheck(pParse, SQLITE_ALTER_TABLE, zDb, pTab->zName, 0) ){";
const rename = source.indexOf("void sqlite3AlterRenameTable(\n");
const renameCheck = source.indexOf(kRename, rename);
if (rename < 0 || renameCheck < 0 || renameCheck > rename + kBlockMax) fail(`not in sqlite3AlterRenameTable: ${kRename}`);
source = source.slice(0, renameCheck) + kRename.replace(", 0)", ", zName)") + source.slice(renameCheck + kRename.length);

replaceOnce("if( !pPager->changeCountDone && pPager->dbSize>0 ){\n    PgHdr *pPgHdr;", "if( 0 ){\n    PgHdr *pPgHdr;");
replaceOnce("#define MEMJOURNAL_DFLT_FILECHUNKSIZE 1024", "#define MEMJOURNAL_DFLT_FILECHUNKSIZE 8192");
replaceOnce("        if( zText[i]==aSpec[2] ){\n          i += 2;", "        if( i<nText && zText[i]==aSpec[2] ){\n          i += 2;");

writeFileSync(to, source);
