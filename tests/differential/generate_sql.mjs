// SQL of programs: [text, ...bindings], over few tables so that statements meet each other's rows.

const kSetUp = [
  "CREATE TABLE IF NOT EXISTS t(a INTEGER PRIMARY KEY, b TEXT, c)",
  "CREATE TABLE IF NOT EXISTS u(x UNIQUE, y INTEGER REFERENCES t(a) ON DELETE CASCADE, z INTEGER NOT NULL DEFAULT 7 CHECK (z > 0), w AS (z * 2))",
  "CREATE TABLE IF NOT EXISTS log(n INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT)",
  "CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(title, body, tokenize = 'porter')",
  "CREATE TRIGGER IF NOT EXISTS t_insert AFTER INSERT ON t BEGIN INSERT INTO log(what) VALUES ('insert ' || new.a); INSERT INTO words(rowid, title, body) VALUES (new.a, new.b, new.c); END",
  "CREATE TRIGGER IF NOT EXISTS t_delete AFTER DELETE ON t BEGIN DELETE FROM words WHERE rowid = old.a; END",
  "CREATE INDEX IF NOT EXISTS t_b ON t(b, c DESC)", "CREATE TABLE IF NOT EXISTS s(k TEXT PRIMARY KEY, v BLOB) STRICT, WITHOUT ROWID",
  "CREATE VIEW IF NOT EXISTS v AS SELECT t.a, u.z FROM t LEFT JOIN u ON u.y = t.a",
];

export function statement({ below, one, chance, many }, query = false) {
  const bound = () => one([null, 0, 1, -5, 2.5, "text", "running words", "it''s", "", true, { $: "bytes", type: "Uint8Array", items: [1, 0, 255] }, { $: "buffer", items: [7] }, { $: "part", items: [1, 2, 3] },
    { $: "bytes", type: "Uint16Array", items: [258] }, ...(chance(0.1) ? [{ $: "bigint", text: "5" }, { $: "undefined" }, { $: "date", time: 0 }, {}, [1], { $: "number", text: "NaN" }, { $: "number", text: "Infinity" }, { $: "symbol" }, { $: "view", items: [1, 2] }, 2 ** 60] : [])]);
  const id = () => below(8);
  const literal = () => one(["1", "-2", "2.5", "'run'", "NULL", "x'00ff'", "1e400", "9223372036854775807", "true", "'\u00e4'"]);
  const aggregate = () => one(["count(*)", "sum(a)", "group_concat(b)", "max(c)", "total(a)", "avg(a)", "json_group_array(b)", "min(a) FILTER (WHERE a > 2)"]);
  const queries = [
    () => ["SELECT * FROM t"], () => ["SELECT * FROM t WHERE a > ? ORDER BY a DESC LIMIT ?", id(), 1 + below(3)], () => ["SELECT typeof(c) AS kind, c, hex(c) FROM t ORDER BY c, a"],
    () => ["SELECT t.a, u.* FROM t JOIN u ON u.y = t.a ORDER BY 1, 2"], () => ["SELECT a, a, b AS a FROM t"], () => [`SELECT ${aggregate()} FROM t`], () => [`SELECT b, ${aggregate()} FROM t GROUP BY b ORDER BY b`],
    () => ["SELECT rowid, title FROM words WHERE words MATCH ?", one(["run", "text OR words", "bad AND", "\"", "title: text", "r*"])], () => ["SELECT highlight(words, 0, '[', ']'), bm25(words) < 0 FROM words('text')"],
    () => ["SELECT * FROM log"], () => [`SELECT ${literal()} AS v, ${literal()} || ${literal()}, ${literal()} + ${literal()}`], () => [`SELECT ${literal()} ${one(["<", "=", "IS", "/", "%", "&", "LIKE", "GLOB", "->", "->>"])} ${literal()} AS v`],
    () => ["SELECT ?, ?", bound(), bound()], () => ["SELECT typeof(?) AS k", bound()], () => ["SELECT ?2, ?1", bound(), bound()], () => ["SELECT ?", ...(chance(0.5) ? [] : [1, 2])],
    () => ["SELECT a, row_number() OVER (ORDER BY b, a) AS r, lag(a) OVER (ORDER BY a) AS before FROM t ORDER BY a"], () => ["WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) SELECT i, i * i AS sq FROM n", 1 + below(6)],
    () => ["SELECT json_extract(?, '$.a') AS a, json(?) AS b", one(["{\"a\":1}", "{bad", "[1]"]), "[1, 2]"], () => ["SELECT value, type FROM json_each(?)", "[1, \"x\", null, {\"a\": 2.5}]"],
    () => ["SELECT * FROM v ORDER BY a, z"], () => ["SELECT * FROM u ORDER BY x"], () => ["SELECT k, length(v) FROM s"], () => ["SELECT date('2024-02-30'), strftime('%J', '2000-01-01'), unixepoch('1970-01-02')"],
    () => ["SELECT total_changes() >= 0"], () => ["SELECT sqlite_version() IS NOT NULL"], () => ["SELECT abs(?), round(?, 1), substr(?, 2)", bound(), bound(), bound()],
    () => ["SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'"], () => ["SELECT (SELECT a FROM t WHERE a = o.y) AS k FROM u AS o"], () => ["SELECT a FROM t UNION SELECT z FROM u ORDER BY 1"],
  ];
  const changes = [
    () => ["INSERT INTO t(b, c) VALUES (?, ?)", bound(), bound()], () => ["INSERT INTO t VALUES (?, ?, ?)", id(), bound(), bound()], () => ["INSERT INTO t VALUES (?, ?, ?) RETURNING *, a + 1 AS more", id(), bound(), bound()],
    () => [`INSERT OR ${one(["REPLACE", "IGNORE", "ABORT", "FAIL"])} INTO t VALUES (?, ?, ?), (?, 'second', 2)`, id(), bound(), bound(), id()], () => ["INSERT INTO t VALUES (?, ?, 1) ON CONFLICT(a) DO UPDATE SET c = excluded.c + 1 RETURNING a, c", id(), bound()],
    () => ["INSERT INTO u(x, y) VALUES (?, ?)", bound(), id()], () => ["INSERT INTO u(x, y, z) VALUES (?, ?, ?)", bound(), one([null, id()]), one([1, 0, "x", null])], () => ["INSERT INTO u(x, w) VALUES (1, 2)"],
    () => ["UPDATE t SET b = ?, c = c || 'x' WHERE a < ? RETURNING a", bound(), id()], () => ["UPDATE t SET a = a + 1 WHERE a = ?", id()], () => ["UPDATE u SET z = z - 1"], () => ["DELETE FROM t WHERE a = ? RETURNING b", id()], () => ["DELETE FROM u"],
    () => ["INSERT INTO s VALUES (?, ?)", one(["k1", "k2", 5]), bound()], () => ["REPLACE INTO s VALUES ('k1', x'01')"], () => ["UPDATE t SET c = (SELECT count(*) FROM u)"], () => ["INSERT INTO t(b) SELECT b FROM t WHERE a < 3"],
    () => ["INSERT INTO words(words) VALUES ('optimize')"], () => ["INSERT INTO t(b) VALUES ('one'); INSERT INTO t(b) VALUES (?); SELECT count(*) AS n FROM t", bound()], () => ["INSERT INTO v VALUES (1, 2)"],
  ];
  const schema = [
    () => [one(kSetUp)], () => ["DROP TABLE IF EXISTS u"], () => ["DROP INDEX IF EXISTS t_b"], () => [`ALTER TABLE t ADD COLUMN ${one(["d", "e"])} DEFAULT 5`], () => ["ALTER TABLE u RENAME COLUMN z TO zz"], () => ["DROP VIEW v"],
    () => [`PRAGMA ${one(["table_info(t)", "foreign_keys", "foreign_keys = OFF", "table_list", "index_list(t)", "user_version", "journal_mode", "defer_foreign_keys = ON", "quick_check", "optimize", "case_sensitive_like = 1", "foreign_key_check", "recursive_triggers = 1", "function_list"])}`],
    () => [one(["BEGIN", "COMMIT", "SAVEPOINT a", "ROLLBACK", "VACUUM", "ATTACH ':memory:' AS m", "ANALYZE", "REINDEX t", "EXPLAIN SELECT 1", "SELECT load_extension('x')", "CREATE TEMP TABLE q(a)", "CREATE TABLE _cf_x(a)", "SELECT * FROM _cf_METADATA", "SELECT randomblob(-1) IS NULL", "", ";", "-- only a comment", "SELECT 1; SELECT 2;", "SELECT 1; bad", "SELEC", "SELECT * FROM nowhere", "SELECT nothing FROM t", "SELECT f(1)", "SELECT 'open", "SELECT 1 /* open"])],
    () => ["PRAGMA recursive_triggers"],
  ];
  if (query) return one(queries)();
  if (chance(0.2)) return [kSetUp.slice(0, 1 + below(kSetUp.length)).join(";\n")];
  return one([queries, queries, changes, changes, changes, schema].filter((each) => each !== schema || chance(0.4)).flat())();
}
