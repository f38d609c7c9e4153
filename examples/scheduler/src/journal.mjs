// What receives the runs. The same key twice is one run: with that, at least once becomes once.
import { DurableObject } from "cloudflare:workers";

const kRunsKept = 1_000;

export class Journal extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    this.sql = ctx.storage.sql;
    this.sql.exec("CREATE TABLE IF NOT EXISTS runs(number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, payload TEXT NOT NULL, at INTEGER NOT NULL)");
  }

  // Whether it is new.
  record(key, payload) {
    const isNew = this.sql.exec("INSERT INTO runs(key, payload, at) VALUES(?, ?, ?) ON CONFLICT DO NOTHING RETURNING number",
                                key, JSON.stringify(payload), Date.now()).toArray().length > 0;
    this.sql.exec("DELETE FROM runs WHERE number <= (SELECT max(number) FROM runs) - ?", kRunsKept);
    return isNew;
  }

  newest() {
    return this.sql.exec("SELECT key, payload, at FROM runs ORDER BY number DESC LIMIT 100").toArray()
        .map(({ key, payload, at }) => ({ key, payload: JSON.parse(payload), at: new Date(at).toISOString() }));
  }
}
