import { DurableObject } from "cloudflare:workers";

export interface Entry {
  id: string;
  name: string;
  text: string;
}

export class Guestbook extends DurableObject {
  constructor(ctx: DurableObjectState, env: unknown) {
    super(ctx, env as never);
    void ctx.blockConcurrencyWhile(async () => {
      ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS entries (id TEXT PRIMARY KEY, name TEXT, text TEXT)");
    });
  }

  async entries() {
    return this.ctx.storage.sql.exec("SELECT * FROM entries ORDER BY rowid").toArray() as unknown as Entry[];
  }

  async sign(entry: Entry) {
    this.ctx.storage.sql.exec("INSERT INTO entries VALUES (?, ?, ?)", entry.id, entry.name, entry.text);
    return entry;
  }
}
