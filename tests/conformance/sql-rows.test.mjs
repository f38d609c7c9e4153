// storage.sql argument by argument: queries, bindings, results and cursors that are used in odd ways.
// storage: sqlite
import { objectClass, tried as say, worker } from "./lib.mjs";

const kIllegal = "TypeError: Illegal invocation: function called with incorrect `this` reference. See " +
  "https://developers.cloudflare.com/workers/observability/errors/#illegal-invocation-errors for details.";
const numbers = (sql, count = 4) => {
  sql.exec("CREATE TABLE n(i INTEGER PRIMARY KEY)");
  for (let i = 1; i <= count; i++) sql.exec("INSERT INTO n VALUES (?)", i);
};
const detached = (bytes) => { structuredClone(bytes.buffer, { transfer: [bytes.buffer] }); return bytes; };

const cases = {
  // -- The query
  "a query of every type": { inObject: ({ storage: { sql } }) => {
    const queries = [undefined, null, 5, true, {}, [], ["SELECT 1 AS a"], { toString: () => "SELECT 2 AS a" }, new String("SELECT 3 AS a"), Symbol("a"), () => 1, 10n,
      { toString() { throw new RangeError("no text"); } }, Object.create(null), new Date(NaN), /SELECT/];
    return queries.map((query) => say(() => sql.exec(query).toArray()));
  }, expect: ["Error: near \"undefined\": syntax error at offset 0: SQLITE_ERROR", "Error: near \"null\": syntax error at offset 0: SQLITE_ERROR", "Error: near \"5\": syntax error at offset 0: SQLITE_ERROR", "Error: near \"true\": syntax error at offset 0: SQLITE_ERROR", "Error: near \"[object Object]\": syntax error at offset 0: SQLITE_ERROR", "Error: SQL code did not contain a statement.", [{ a: 1 }], [{ a: 2 }], [{ a: 3 }], "TypeError: Cannot convert a Symbol value to a string", "Error: near \"(\": syntax error at offset 0: SQLITE_ERROR", "Error: near \"10\": syntax error at offset 0: SQLITE_ERROR", "RangeError: no text", "TypeError: Cannot convert object to primitive value", "Error: near \"Invalid\": syntax error at offset 0: SQLITE_ERROR", "Error: near \"/\": syntax error at offset 0: SQLITE_ERROR"] },
  "a query as a template": { inObject: ({ storage: { sql } }) => say(() => sql.exec`SELECT 1 AS a`.toArray()), expect: [{ a: 1 }] },
  "an undefined query that is given": { inObject: ({ storage: { sql } }) => [say(() => sql.exec(undefined)), say(() => sql.exec())], expect: ["Error: near \"undefined\": syntax error at offset 0: SQLITE_ERROR", "TypeError: Failed to execute 'exec' on 'SqlStorage': parameter 1 is not of type 'String'."] },
  "NUL in a query": { inObject: ({ storage: { sql } }) => ["SELECT 1\0", "SELECT 1 AS a;\0", "\0SELECT 1", "SELECT '\0' AS a", "SELECT 1 AS a;\0SELECT 2 AS b"].map((query) => say(() => sql.exec(query).toArray())), expect: ["Error: SQL code did not contain a statement.", "Error: SQL code did not contain a statement.", "Error: SQL code did not contain a statement.", "Error: unrecognized token: \"'\" at offset 7: SQLITE_ERROR", "Error: SQL code did not contain a statement."] },
  "lone surrogates and astral characters in a query": { inObject: ({ storage: { sql } }) => [say(() => sql.exec("SELECT '\ud800' AS a, hex('\ud800') AS h").one()), say(() => sql.exec("SELECT '😀' AS \"😀\"").one()), say(() => sql.exec("SELECT é")), say(() => sql.exec("SELECT 'é', é"))], expect: [{ a: "���", h: "EDA080" }, { "😀": "😀" }, "Error: no such column: é at offset 7: SQLITE_ERROR", "Error: no such column: é at offset 13: SQLITE_ERROR"], limpet: [{ a: "�", h: "EFBFBD" }, { "😀": "😀" }, "Error: no such column: é at offset 7: SQLITE_ERROR", "Error: no such column: é at offset 13: SQLITE_ERROR"], because: "Encoding standard: a lone surrogate is U+FFFD" },
  "white space and marks around a query": { inObject: ({ storage: { sql } }) => ["\ufeffSELECT 1 AS a", "\u00a0SELECT 1 AS a", "  \n\t SELECT 1 AS a ;; ", "SELECT 1 AS a;;", ";;SELECT 1 AS a", "/* c */ SELECT 1 AS a", "SELECT 1 AS a /* open", "-- c\nSELECT 1 AS a", "SELECT 1 AS a; /* c */", "SELECT 1 AS a;\u2028"].map((query) => say(() => sql.exec(query).toArray())), expect: [[{ a: 1 }], "Error: near \" SELECT\": syntax error at offset 0: SQLITE_ERROR", "Error: SQL code did not contain a statement.", "Error: SQL code did not contain a statement.", [{ a: 1 }], [{ a: 1 }], [{ a: 1 }], [{ a: 1 }], "Error: SQL code did not contain a statement.", "Error: near \" \": syntax error at offset 0: SQLITE_ERROR"] },
  "the longest query": { inObject: ({ storage: { sql } }) => [99_999, 100_000, 100_001, 300_000].map((length) => say(() => sql.exec("SELECT 1 AS a".padEnd(length)).toArray())), expect: [[{ a: 1 }], [{ a: 1 }], "Error: statement too long: SQLITE_TOOBIG", "Error: statement too long: SQLITE_TOOBIG"] },
  "the longest query of two": { inObject: ({ storage: { sql } }) => [60_000, 100_000, 110_000].map((length) => say(() => sql.exec(`${"SELECT 1 AS a;".padEnd(length)}SELECT 2 AS b`).toArray())), expect: [[{ b: 2 }], "Error: statement too long: SQLITE_TOOBIG", "Error: statement too long: SQLITE_TOOBIG"] },
  "an error in a later statement counts from its own begin": { inObject: ({ storage: { sql } }) => [say(() => sql.exec("SELECT 1; SELECT nope")), say(() => sql.exec("SELECT 1;   SELECT nope")), say(() => sql.exec("SELECT 'é', nope"))], expect: ["Error: no such column: nope at offset 7: SQLITE_ERROR", "Error: no such column: nope at offset 7: SQLITE_ERROR", "Error: no such column: nope at offset 13: SQLITE_ERROR"] },
  "exec without its object": { inObject: ({ storage: { sql } }) => {
    const { exec } = sql;
    return [say(() => exec("SELECT 1")), say(() => exec.call({}, "SELECT 1")), say(() => exec.call(null, "SELECT 1")), say(() => Object.getPrototypeOf(sql).exec("SELECT 1")), say(() => Object.getPrototypeOf(sql).databaseSize), exec.name, exec.length];
  }, expect: [kIllegal, kIllegal, kIllegal, kIllegal, kIllegal, "exec", 0] },
  "storage.sql in a value": { inObject: async ({ storage }) => { let text; try { await storage.put("k", { sql: storage.sql }); text = "put"; } catch (error) { text = `${error.name}: ${error.message}`; } return [text, say(() => structuredClone(storage.sql)), JSON.stringify(storage.sql), String(storage.sql)]; }, expect: ["DataCloneError: Could not serialize object of type \"SqlStorage\". This type does not support serialization.", "DataCloneError: Could not serialize object of type \"SqlStorage\". This type does not support serialization.", "{}", "[object SqlStorage]"] },

  // -- Bindings
  "numbers that are none": { inObject: ({ storage: { sql } }) => [NaN, Infinity, -Infinity, -0, 0, 2 ** 53, 2 ** 63, 1e308, 5e-324].map((value) => sql.exec("SELECT typeof(?1) AS t, ?1 AS v", value).raw().toArray()[0]), expect: [["null", null], ["real", Infinity], ["real", -Infinity], ["real", -0], ["real", 0], ["real", 9007199254740992], ["real", 9223372036854776000], ["real", 1e+308], ["real", 5e-324]] },
  "numbers in columns with an affinity": { inObject: ({ storage: { sql } }) => {
    sql.exec("CREATE TABLE k(i INTEGER, t TEXT, r REAL, n NUMERIC, b BLOB, x)");
    for (const value of [1, 1.5, "12", "1.0", "x", 1e20]) sql.exec("INSERT INTO k VALUES (?1, ?1, ?1, ?1, ?1, ?1)", value);
    return sql.exec("SELECT typeof(i), typeof(t), typeof(r), typeof(n), typeof(b), typeof(x), i, t, r, n, b, x FROM k").raw().toArray();
  }, expect: [["integer", "text", "real", "integer", "real", "real", 1, "1.0", 1, 1, 1, 1], ["real", "text", "real", "real", "real", "real", 1.5, "1.5", 1.5, 1.5, 1.5, 1.5], ["integer", "text", "real", "integer", "text", "text", 12, "12", 12, 12, "12", "12"], ["integer", "text", "real", "integer", "text", "text", 1, "1.0", 1, 1, "1.0", "1.0"], ["text", "text", "text", "text", "text", "text", "x", "x", "x", "x", "x", "x"], ["real", "text", "real", "real", "real", "real", 100000000000000000000, "1.0e+20", 100000000000000000000, 100000000000000000000, 100000000000000000000, 100000000000000000000]] },
  "objects as bindings": { inObject: ({ storage: { sql } }) => {
    const of = (value) => say(() => sql.exec("SELECT typeof(?1) AS t, ?1 AS v", value).raw().toArray()[0]);
    return [of(new Number(5)), of(new String("s")), of(new Boolean(false)), of(Object(10n)), of(Object(Symbol("a"))), of(() => 5), of(class A {}), of(/r/g), of(new Error("e")), of(new Map()), of(Object.create(null)), of([]), of([null, undefined, [1, [2]]]),
      of({ valueOf: () => 5 }), of({ toString: () => "own" }), of({ [Symbol.toPrimitive]: () => 7 }), of({ toString() { throw new SyntaxError("no text"); } }), of({ toString: () => ({}) }), of(new Proxy({}, {})), of(new Date(NaN)), of(globalThis), of(Promise.resolve(1))];
  }, expect: [["text", "5"], ["text", "s"], ["text", "false"], ["text", "10"], "TypeError: Cannot convert a Symbol value to a string", ["text", "() => 5"], ["text", "class A {}"], ["text", "/r/g"], ["text", "Error: e"], ["text", "[object Map]"], "TypeError: Cannot convert object to primitive value", ["text", ""], ["text", ",,1,2"], ["text", "[object Object]"], ["text", "own"], ["text", "7"], "SyntaxError: no text", "TypeError: Cannot convert object to primitive value", ["text", "[object Object]"], ["text", "Invalid Date"], ["text", "[object ServiceWorkerGlobalScope]"], ["text", "[object Promise]"]] },
  "bytes as bindings": { inObject: ({ storage: { sql } }) => {
    const of = (value) => say(() => sql.exec("SELECT typeof(?1) AS t, length(?1) AS n, hex(?1) AS h", value).raw().toArray()[0]);
    const buffer = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]).buffer;
    const resizable = new ArrayBuffer(4, { maxByteLength: 8 });
    const tracking = new Uint8Array(resizable);
    resizable.resize(6);
    return [of(buffer), of(new DataView(buffer, 2, 3)), of(new Uint16Array(buffer, 2, 2)), of(new Float64Array([1])), of(new BigInt64Array([-1n])), of(new Uint8ClampedArray([300])), of(new ArrayBuffer(0)), of(new Uint8Array()), of(resizable), of(tracking),
      of(detached(new Uint8Array(4))), of(detached(new Uint8Array(4)).buffer), of(new Blob(["a"]))];
  }, expect: [["blob", 8, "0102030405060708"], ["blob", 3, "030405"], ["blob", 4, "03040506"], ["blob", 8, "000000000000F03F"], ["blob", 8, "FFFFFFFFFFFFFFFF"], ["blob", 1, "FF"], ["blob", 0, ""], ["blob", 0, ""], ["blob", 6, "000000000000"], ["blob", 6, "000000000000"], ["blob", 0, ""], ["blob", 0, ""], ["text", 13, "5B6F626A65637420426C6F625D"]] },
  "shared bytes as bindings": { inObject: ({ storage: { sql } }) => typeof SharedArrayBuffer === "undefined" ? "none" : say(() => sql.exec("SELECT typeof(?1) AS t, hex(?1) AS h", new SharedArrayBuffer(2)).one()), expect: { t: "blob", h: "0000" } },
  "bytes are copied": { inObject: ({ storage: { sql } }) => {
    const bytes = new Uint8Array([1, 2]);
    const cursor = sql.exec("SELECT ?1 AS b UNION ALL SELECT ?1", bytes);
    bytes[0] = 9;
    const [first, second] = cursor.toArray();
    new Uint8Array(first.b)[0] = 7;
    return [first.b, second.b, bytes];
  }, expect: [new Uint8Array([7,2]).buffer, new Uint8Array([9,2]).buffer, new Uint8Array([9,2])], limpet: [new Uint8Array([7,2]).buffer, new Uint8Array([1,2]).buffer, new Uint8Array([9,2])], because: "a binding is what it was at the call" },
  "texts as bindings": { inObject: ({ storage: { sql } }) => ["", "a\0b", "\0", "é😀", "\ud800", "a\udc00b", "\ufeffx", "\u{10ffff}"].map((value) => sql.exec("SELECT length(?1) AS n, hex(?1) AS h, ?1 AS v", value).raw().toArray()[0]), expect: [[0, "", ""], [1, "610062", "a\u0000b"], [0, "00", "\u0000"], [2, "C3A9F09F9880", "é😀"], [1, "EDA080", "���"], [3, "61EDB08062", "a���b"], [2, "EFBBBF78", "﻿x"], [1, "F48FBFBF", "􏿿"]], limpet: [[0, "", ""], [1, "610062", "a\u0000b"], [0, "00", "\u0000"], [2, "C3A9F09F9880", "é😀"], [1, "EFBFBD", "�"], [3, "61EFBFBD62", "a�b"], [2, "EFBBBF78", "﻿x"], [1, "F48FBFBF", "􏿿"]], because: "Encoding standard: a lone surrogate is U+FFFD" },
  "a binding that runs SQL": { inObject: ({ storage: { sql } }) => {
    numbers(sql, 0);
    const value = { toString() { sql.exec("INSERT INTO n VALUES (77)"); return "text"; } };
    return [sql.exec("SELECT ?1 AS v, (SELECT count(*) FROM n) AS c", value).one(), sql.exec("SELECT i FROM n").toArray()];
  }, expect: [{ v: "text", c: 1 }, [{ i: 77 }]] },
  "a binding that throws leaves nothing run": { inObject: ({ storage: { sql } }) => {
    numbers(sql, 0);
    const failed = say(() => sql.exec("INSERT INTO n VALUES (1); INSERT INTO n VALUES (?)", { toString() { throw new Error("mine"); } }));
    return [failed, sql.exec("SELECT i FROM n").toArray()];
  }, expect: ["Error: mine", []] },
  "a wrong number of bindings leaves nothing run": { inObject: ({ storage: { sql } }) => {
    numbers(sql, 0);
    const failed = [say(() => sql.exec("INSERT INTO n VALUES (?)")), say(() => sql.exec("INSERT INTO n VALUES (?)", 1, 2)), say(() => sql.exec("INSERT INTO n VALUES (5); INSERT INTO n VALUES (?)"))];
    return [failed, sql.exec("SELECT i FROM n").toArray()];
  }, expect: [["Error: Wrong number of parameter bindings for SQL query.", "Error: Wrong number of parameter bindings for SQL query.", "Error: Wrong number of parameter bindings for SQL query."], [{ i: 5 }]] },
  "how many bindings": { inObject: ({ storage: { sql } }) => [99, 100, 101].map((count) => say(() => sql.exec(`SELECT ${Array(count).fill("?").join(",")}`, ...Array(count).fill(1)).raw().toArray()[0].length)), expect: [99, 100, "Error: too many SQL variables at offset 207: SQLITE_ERROR"] },
  "how many columns": { inObject: ({ storage: { sql } }) => [100, 101].map((count) => say(() => sql.exec(`CREATE TABLE c${count}(${Array.from({ length: count }, (_, i) => `c${i}`)})`) && "made")), expect: ["made", "Error: too many columns on c101: SQLITE_ERROR"] },
  "numbered and named parameters": { inObject: ({ storage: { sql } }) => [
    say(() => sql.exec("SELECT ?2 AS a, ?1 AS b", "x", "y").one()), say(() => sql.exec("SELECT :a AS a, :b AS b, :a AS c", 1, 2).one()), say(() => sql.exec("SELECT @a AS a, $b AS b", 1, 2).one()), say(() => sql.exec("SELECT ?3 AS a", 1).one()),
    say(() => sql.exec("SELECT ?3 AS a", 1, 2, 3).one()), say(() => sql.exec("SELECT :a AS a", { a: 1 }).one()), say(() => sql.exec("SELECT ?0", 1)), say(() => sql.exec("SELECT ? AS a, ?1 AS b", 1).one())], expect: [{ a: "y", b: "x" }, { a: 1, b: 2, c: 1 }, { a: 1, b: 2 }, "Error: Wrong number of parameter bindings for SQL query.", { a: 3 }, { a: "[object Object]" }, "Error: variable number must be between ?1 and ?100 at offset 7: SQLITE_ERROR", { a: 1, b: 1 }] },
  "the largest values": { inObject: ({ storage: { sql } }) => {
    const of = (value) => say(() => sql.exec("SELECT length(?) AS n", value).one().n);
    return [of("a".repeat(1_000_000)), of(new Uint8Array(1_900_000)), of("é".repeat(500_000))];
  }, expect: [1000000, 1900000, 500000] },
  "values that are too large": { inObject: ({ storage: { sql } }) => [say(() => sql.exec("SELECT length(?) AS n", new Uint8Array(9_000_000)).one().n), say(() => sql.exec("SELECT length(?) AS n", "a".repeat(9_000_000)).one().n)], expect: ["Error: string or blob too big: SQLITE_TOOBIG", "Error: string or blob too big: SQLITE_TOOBIG"] },
  "an array as the bindings": { inObject: ({ storage: { sql } }) => [say(() => sql.exec("SELECT ? AS a, ? AS b", ["x", "y"])), say(() => sql.exec("SELECT ? AS a", ["x", "y"]).one()), say(() => sql.exec("SELECT ? AS a, ? AS b", ...["x", "y"]).one())], expect: ["Error: Wrong number of parameter bindings for SQL query.", { a: "x,y" }, { a: "x", b: "y" }] },

  // -- Results
  "integers at their ends": { inObject: ({ storage: { sql } }) => sql.exec("SELECT 9223372036854775807 AS max, -9223372036854775808 AS min, 9007199254740991 AS safe, 0 AS zero, 0.0 AS real, -0.0 AS minus").one(), expect: { max: 9223372036854776000, min: -9223372036854776000, safe: 9007199254740991, zero: 0, real: 0, minus: -0 } },
  "reals at their ends": { inObject: ({ storage: { sql } }) => sql.exec("SELECT 9e999 AS inf, -9e999 AS minus, 1e308*10 AS over, 5e-324 AS least, 0.1+0.2 AS sum, 9e999-9e999 AS nan").one(), expect: { inf: Infinity, minus: -Infinity, over: Infinity, least: 5e-324, sum: 0.30000000000000004, nan: null } },
  "texts that are no UTF-8": { inObject: ({ storage: { sql } }) => sql.exec("SELECT CAST(x'ff41' AS TEXT) AS a, CAST(x'eda080' AS TEXT) AS b, CAST(x'c3' AS TEXT) AS c, CAST(x'610062' AS TEXT) AS d").one(), expect: { a: "�A", b: "���", c: "�", d: "a\u0000b" } },
  "booleans and dates are numbers and texts": { inObject: ({ storage: { sql } }) => sql.exec("SELECT true AS t, false AS f, 1 = 1 AS e, NULL = 1 AS n, date('2020-02-30') AS d, datetime(0, 'unixepoch') AS z").one(), expect: { t: 1, f: 0, e: 1, n: null, d: "2020-03-01", z: "1970-01-01 00:00:00" } },
  "names of columns": { inObject: ({ storage: { sql } }) => {
    numbers(sql, 1);
    return ["SELECT i FROM n", "SELECT n.i FROM n", "SELECT i AS \"\" FROM n", "SELECT i + 1 FROM n", "SELECT *, i FROM n", "SELECT i AS constructor, 1 AS toString, 2 AS length FROM n", "SELECT 1 AS '0', 2 AS '1', 3 AS b, 4 AS a", "SELECT count(*), 'x' FROM n", "SELECT x.* FROM n AS x"]
      .map((query) => { const cursor = sql.exec(query); return [cursor.columnNames, Object.entries(cursor.one())]; });
  }, expect: [[["i"], [["i", 1]]], [["i"], [["i", 1]]], [[""], [["", 1]]], [["i + 1"], [["i + 1", 2]]], [["i", "i"], [["i", 1]]], [["constructor", "toString", "length"], [["constructor", 1], ["toString", 1], ["length", 2]]], [["0", "1", "b", "a"], [["0", 1], ["1", 2], ["b", 3], ["a", 4]]], [["count(*)", "'x'"], [["count(*)", 1], ["'x'", "x"]]], [["i"], [["i", 1]]]] },
  "rows are plain objects of their own": { inObject: ({ storage: { sql } }) => {
    const rows = sql.exec("SELECT 1 AS a UNION ALL SELECT 2").toArray();
    rows[0].a = 5;
    rows[0].more = 1;
    return [rows, Object.getPrototypeOf(rows[0]) === Object.prototype, Object.isExtensible(rows[1]), Object.getOwnPropertyDescriptor(rows[1], "a"), rows[0] === rows[1]];
  }, expect: [[{ a: 5, more: 1 }, { a: 2 }], true, true, { value: 2, writable: true, enumerable: true, configurable: true }, false] },

  // -- Cursors
  "a statement without rows": { inObject: ({ storage: { sql } }) => {
    const cursor = sql.exec("CREATE TABLE t(a)");
    return [cursor.columnNames, cursor.next(), cursor.toArray(), [...cursor], [...cursor.raw()], say(() => cursor.one()), cursor.rowsRead, cursor.rowsWritten];
  }, expect: [[], { done: true, value: undefined }, [], [], [], "Error: Expected exactly one result from SQL query, but got no results.", 1, 2] },
  "a table without rows": { inObject: ({ storage: { sql } }) => { numbers(sql, 0); const cursor = sql.exec("SELECT * FROM n"); return [cursor.columnNames, cursor.toArray(), say(() => cursor.one()), cursor.rowsRead]; }, expect: [["i"], [], "Error: Expected exactly one result from SQL query, but got no results.", 1] },
  "one in the midst": { inObject: ({ storage: { sql } }) => {
    numbers(sql);
    const two = sql.exec("SELECT i FROM n LIMIT 2"), four = sql.exec("SELECT i FROM n"), none = sql.exec("SELECT i FROM n LIMIT 1");
    two.next();
    none.next();
    return [two.one(), say(() => two.one()), say(() => four.one()), say(() => four.one()), four.toArray(), say(() => none.one())];
  }, expect: [{ i: 2 }, "Error: Expected exactly one result from SQL query, but got no results.", "Error: Expected exactly one result from SQL query, but got multiple results.", "Error: Expected exactly one result from SQL query, but got no results.", [], "Error: Expected exactly one result from SQL query, but got no results."] },
  "a loop that stops goes on": { inObject: ({ storage: { sql } }) => {
    numbers(sql);
    const cursor = sql.exec("SELECT i FROM n");
    const seen = [];
    for (const { i } of cursor) { seen.push(i); if (i === 2) break; }
    for (const { i } of cursor) seen.push(`again ${i}`);
    for (const { i } of cursor) seen.push(`once more ${i}`);
    return seen;
  }, expect: [1, 2, "again 3", "again 4"] },
  "a raw loop that stops goes on": { inObject: ({ storage: { sql } }) => {
    numbers(sql);
    const cursor = sql.exec("SELECT i FROM n");
    const seen = [];
    for (const [i] of cursor.raw()) { seen.push(i); if (i === 2) break; }
    return [seen, cursor.toArray(), [...cursor.raw()]];
  }, expect: [[1, 2], [{ i: 3 }, { i: 4 }], []] },
  "iterators of one cursor": { inObject: ({ storage: { sql } }) => {
    numbers(sql);
    const cursor = sql.exec("SELECT i FROM n");
    const [a, b] = [cursor[Symbol.iterator](), cursor[Symbol.iterator]()];
    return [a === b, a === cursor, cursor.raw() === cursor.raw(), a.next(), b.next(), a[Symbol.iterator]() === a, Object.prototype.toString.call(a), typeof a.return, typeof cursor.return, typeof a.toArray, typeof cursor.map];
  }, expect: [false, false, false, { done: false, value: { i: 1 } }, { done: false, value: { i: 2 } }, true, "[object RowIterator]", "undefined", "undefined", "function", "undefined"] },
  "helpers of iterators": { inObject: ({ storage: { sql } }) => {
    numbers(sql);
    const of = () => sql.exec("SELECT i FROM n");
    return [say(() => of()[Symbol.iterator]().map((row) => row.i * 2).toArray()), say(() => of().raw().filter(([i]) => i % 2).toArray()), say(() => of().raw().take(2).toArray()), say(() => Iterator.from(of()).drop(3).toArray()), say(() => Array.from(of(), (row) => row.i)), say(() => new Map(sql.exec("SELECT i, i * i FROM n").raw())), say(() => Math.max(...of().raw().map(([i]) => i)))];
  }, expect: [[2, 4, 6, 8], [[1], [3]], [[1], [2]], [{ i: 4 }], [1, 2, 3, 4], new Map([[1, 1], [2, 4], [3, 9], [4, 16]]), 4] },
  "destructuring": { inObject: ({ storage: { sql } }) => { numbers(sql); const [first, second] = sql.exec("SELECT i FROM n"); const [[raw]] = sql.exec("SELECT i FROM n").raw(); const { columnNames, rowsRead } = sql.exec("SELECT i FROM n"); return [first, second, raw, columnNames, rowsRead]; }, expect: [{ i: 1 }, { i: 2 }, 1, ["i"], 1] },
  "methods of a cursor without their object": { inObject: ({ storage: { sql } }) => {
    const cursor = sql.exec("SELECT 1 AS a");
    const names = ["next", "toArray", "one", "raw"];
    return [...names.map((name) => say(() => cursor[name].call({}))), ...["columnNames", "rowsRead", "rowsWritten"].map((name) => say(() => Object.getPrototypeOf(cursor)[name])), say(() => cursor.raw().next.call(cursor)), say(() => cursor[Symbol.iterator].call(sql)), say(() => cursor.next.call(cursor.raw())), names.map((name) => cursor[name].length)];
  }, expect: [kIllegal, kIllegal, kIllegal, kIllegal, kIllegal, kIllegal, kIllegal, kIllegal, kIllegal, kIllegal, [0, 0, 0, 0]] },
  "columnNames is a copy": { inObject: ({ storage: { sql } }) => { const cursor = sql.exec("SELECT 1 AS a, 2 AS b"); const names = cursor.columnNames; names[0] = "z"; return [cursor.columnNames, Object.isFrozen(names), cursor.toArray()]; }, expect: [["z", "b"], false, [{ z: 1, b: 2 }]], limpet: [["a", "b"], false, [{ a: 1, b: 2 }]], because: "a script's list of names is not the rows'" },
  "a cursor in a value": { inObject: async ({ storage }) => { const cursor = storage.sql.exec("SELECT 1 AS a"); let text; try { await storage.put("k", cursor); text = "put"; } catch (error) { text = `${error.name}: ${error.message}`; } return [text, JSON.stringify(cursor), String(cursor), Object.keys(cursor)]; }, expect: ["DataCloneError: Could not serialize object of type \"Cursor\". This type does not support serialization.", "{}", "[object Cursor]", []] },
  "a cursor across awaits": { inObject: async ({ storage }) => {
    const { sql } = storage;
    numbers(sql);
    const cursor = sql.exec("SELECT i FROM n ORDER BY i");
    const seen = [cursor.next().value.i];
    await storage.put("k", 1);
    sql.exec("INSERT INTO n VALUES (10)");
    await scheduler.wait(2);
    seen.push(cursor.next().value.i);
    sql.exec("DELETE FROM n WHERE i = 4");
    await storage.sync();
    return [...seen, ...cursor.toArray().map(({ i }) => i)];
  }, expect: [1, 2, 3, 10] },
  "a cursor with a sort is a snapshot": { inObject: ({ storage: { sql } }) => { numbers(sql); const cursor = sql.exec("SELECT i FROM n ORDER BY -i"); cursor.next(); sql.exec("DELETE FROM n"); return cursor.toArray(); }, expect: [{ i: 3 }, { i: 2 }, { i: 1 }] },
  "rows are changed below a cursor": { inObject: ({ storage: { sql } }) => {
    numbers(sql);
    const seen = [];
    for (const { i } of sql.exec("SELECT i FROM n")) { seen.push(i); if (i < 8) sql.exec("INSERT INTO n VALUES (?)", i + 10); sql.exec("UPDATE n SET i = i + 100 WHERE i = ?", i); if (seen.length > 30) break; }
    return [seen.slice(0, 30), sql.exec("SELECT count(*) AS c FROM n").one().c];
  }, expect: [[1, 2, 3, 4, 11, 12, 13, 14, 101, 102, 103, 104, 111, 112, 113, 114, 201, 202, 203, 204, 211, 212, 213, 214, 301, 302, 303, 304, 311, 312], 8] },
  "a table is dropped below a cursor": { inObject: ({ storage: { sql } }) => { numbers(sql); const cursor = sql.exec("SELECT i FROM n"); cursor.next(); return [say(() => { sql.exec("DROP TABLE n"); return "dropped"; }), say(() => cursor.next()), say(() => cursor.toArray()), say(() => { sql.exec("DROP TABLE n"); return "dropped"; })]; }, expect: ["Error: database table is locked: SQLITE_LOCKED", { done: false, value: { i: 2 } }, [{ i: 3 }, { i: 4 }], "dropped"] },
  "a table is altered below a cursor": { inObject: ({ storage: { sql } }) => { numbers(sql); const cursor = sql.exec("SELECT * FROM n"); cursor.next(); return [say(() => { sql.exec("ALTER TABLE n ADD COLUMN more DEFAULT 5"); return "altered"; }), say(() => cursor.next()), cursor.columnNames, say(() => cursor.toArray()), sql.exec("SELECT * FROM n LIMIT 1").toArray()]; }, expect: ["altered", { done: false, value: { i: 2 } }, ["i"], [{ i: 3 }, { i: 4 }], [{ i: 1, more: 5 }]] },
  "the same text after the schema has changed": { inObject: ({ storage: { sql } }) => { numbers(sql, 1); const before = sql.exec("SELECT * FROM n").toArray(); sql.exec("ALTER TABLE n ADD COLUMN more DEFAULT 5"); const between = sql.exec("SELECT * FROM n"); const names = between.columnNames; const dropped = say(() => sql.exec("DROP TABLE n")); return [before, dropped, names, between.toArray(), say(() => sql.exec("SELECT * FROM n").toArray())]; }, expect: [[{ i: 1 }], "Error: database table is locked: SQLITE_LOCKED", ["i", "more"], [{ i: 1, more: 5 }], [{ i: 1, more: 5 }]] },
  "many cursors at once": { inObject: ({ storage: { sql } }) => { numbers(sql); const cursors = Array.from({ length: 200 }, () => sql.exec("SELECT i FROM n")); cursors.forEach((cursor) => cursor.next()); return [cursors[0].toArray().length, cursors[199].next().value.i, new Set(cursors.map((cursor) => cursor.next().value?.i)).size]; }, expect: [3, 2, 3] },
  "loops within loops": { inObject: ({ storage: { sql } }) => { numbers(sql, 3); let text = ""; for (const { i } of sql.exec("SELECT i FROM n")) for (const { i: j } of sql.exec("SELECT i FROM n WHERE i <= ?", i)) text += `${i}${j} `; return text; }, expect: "11 21 22 31 32 33 " },
  "a statement that fails in its midst": { inObject: ({ storage: { sql } }) => {
    numbers(sql);
    const cursor = sql.exec("SELECT CASE WHEN i < 3 THEN i ELSE abs(-9223372036854775807 - 1) END AS v FROM n");
    return [...Array.from({ length: 4 }, () => say(() => cursor.next())), say(() => cursor.toArray()), cursor.rowsRead];
  }, expect: [{ done: false, value: { v: 1 } }, "Error: integer overflow: SQLITE_ERROR", { done: false, value: { v: null } }, { done: false, value: { v: 1 } }, "Error: integer overflow: SQLITE_ERROR", 6], limpet: [{ done: false, value: { v: 1 } }, "Error: integer overflow: SQLITE_ERROR", { done: true, value: undefined }, { done: true, value: undefined }, [], 3], because: "workerd runs the statement again, from a row that is none" },
  "RETURNING": { inObject: ({ storage: { sql } }) => { numbers(sql, 2); return [sql.exec("INSERT INTO n VALUES (7), (8) RETURNING i, i * 2 AS twice").toArray(), sql.exec("UPDATE n SET i = i + 50 RETURNING i").raw().toArray(), sql.exec("DELETE FROM n WHERE i > 55 RETURNING *").toArray(), sql.exec("SELECT i FROM n").toArray()]; }, expect: [[{ i: 7, twice: 14 }, { i: 8, twice: 16 }], [[51], [52], [57], [58]], [{ i: 57 }, { i: 58 }], [{ i: 51 }, { i: 52 }]] },
  "counts of a cursor at its end": { inObject: ({ storage: { sql } }) => { numbers(sql); const cursor = sql.exec("SELECT i FROM n"); cursor.toArray(); const counts = [cursor.rowsRead, cursor.rowsWritten]; cursor.next(); sql.exec("INSERT INTO n VALUES (9)"); return [...counts, cursor.rowsRead, cursor.rowsWritten]; }, expect: [4, 0, 4, 0] },
  "counts of several statements are those of the last": { inObject: ({ storage: { sql } }) => { numbers(sql, 0); const cursor = sql.exec("INSERT INTO n VALUES (1), (2), (3); INSERT INTO n VALUES (4); SELECT * FROM n"); return [cursor.rowsRead, cursor.rowsWritten, cursor.toArray().length, cursor.rowsRead, cursor.rowsWritten]; }, expect: [1, 0, 4, 4, 0] },
};

export default worker(cases);
export const Subject = objectClass(cases);
