// What is known of one person: facts, and the conversations they had. All their conversations call it, over RPC.
import { DurableObject } from "cloudflare:workers";

const kFactsMax = 100;  // The oldest ones make room.
const kConversationsShown = 50;

export class Memory extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    this.sql = ctx.storage.sql;
    this.sql.exec(`
      CREATE TABLE IF NOT EXISTS facts(what TEXT PRIMARY KEY COLLATE NOCASE, value TEXT NOT NULL, at INTEGER NOT NULL);
      CREATE TABLE IF NOT EXISTS conversations(name TEXT PRIMARY KEY, title TEXT NOT NULL, at INTEGER NOT NULL);`);
  }

  remember(what, value) {
    this.sql.exec("INSERT INTO facts VALUES(?1, ?2, ?3) ON CONFLICT DO UPDATE SET value = ?2, at = ?3", what, value, Date.now());
    this.sql.exec("DELETE FROM facts WHERE what IN (SELECT what FROM facts ORDER BY at DESC LIMIT -1 OFFSET ?)", kFactsMax);
  }

  // The value, or null.
  recall(what) {
    const [fact] = this.sql.exec("SELECT value FROM facts WHERE what = ?", what);
    return fact?.value ?? null;
  }

  // Whether there was such a fact.
  forget(what) {
    return this.sql.exec("DELETE FROM facts WHERE what = ?", what).rowsWritten > 0;
  }

  visited(name, title, at) {
    this.sql.exec("INSERT INTO conversations VALUES(?1, ?2, ?3) ON CONFLICT DO UPDATE SET at = ?3", name, title, at);
  }

  all() {
    return {
      facts: this.sql.exec("SELECT what, value FROM facts ORDER BY at").toArray(),
      conversations: this.sql.exec("SELECT name, title, at FROM conversations ORDER BY at DESC LIMIT ?", kConversationsShown).toArray(),
    };
  }
}
