// The script that both runtimes run under load. `Subject` stores with SQL.
import { DurableObject } from "cloudflare:workers";

export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    switch (url.pathname) {
      case "/plain":
        return new Response("hello");
      case "/cpu": {  // About 500 µs of CPU: the bench finds out how many rounds that is and passes them.
        let sum = 0;
        for (let round = Number(url.searchParams.get("rounds")); round > 0; round--) sum = (sum * 31 + round) | 0;
        return new Response(String(sum));
      }
      case "/read":
      case "/increment":
        return env.Counter.get(env.Counter.idFromName("one")).fetch(request);
      case "/increment-many":
        return env.Counter.get(env.Counter.idFromName(`many-${Math.floor(Math.random() * 1000)}`)).fetch("http://counter/increment");
      case "/new":
        return env.Counter.get(env.Counter.newUniqueId()).fetch("http://counter/increment");
      case "/rpc":
        return new Response(String(await env.Subject.getByName("one").add(1, 2)));
      case "/rpc-callback":
        return new Response(String(await env.Subject.getByName("one").callBack((value) => value + 1)));
      case "/sql-rows":  // A thousand rows in one event.
        return new Response(String(await env.Subject.getByName("rows").insert(1000)));
      case "/sql-objects":  // One row in one of a thousand objects.
        return new Response(String(await env.Subject.getByName(`sql-${Math.floor(Math.random() * 1000)}`).insert(1)));
      case "/sql-read":
        return new Response(await env.Subject.getByName("read").read(1 + Math.floor(Math.random() * 10_000)));
      case "/room":
      case "/hibernate":
        return env.Room.get(env.Room.idFromName(url.searchParams.get("room"))).fetch(request);
      case "/fill": {  // Writes the counters [from, to).
        const [from, to] = [Number(url.searchParams.get("from")), Number(url.searchParams.get("to"))];
        const all = [];
        for (let n = from; n < to; n++) all.push(env.Counter.get(env.Counter.idFromName(`fill-${n}`)).fetch("http://counter/increment"));
        for (const response of await Promise.all(all)) await response.text();
        return new Response("filled");
      }
    }
    return new Response("no such path", { status: 404 });
  },
};

export class Counter {
  constructor(state) {
    this.state = state;
  }
  async fetch(request) {
    let value = (await this.state.storage.get("value")) ?? 0;
    if (new URL(request.url).pathname === "/increment") this.state.storage.put("value", ++value);
    return new Response(String(value));
  }
}

export class Subject extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    this.sql = ctx.storage.sql;
  }
  add(one, other) { return one + other; }
  async callBack(call) { return (await call(1)) + 1; }
  insert(rows) {
    if (!this.made) this.sql.exec("CREATE TABLE IF NOT EXISTS t(id INTEGER PRIMARY KEY, text TEXT)");
    this.made = true;
    // As large after an hour of load as in its first second.
    if (rows > 1) this.sql.exec("DELETE FROM t");
    for (let row = 0; row < rows; row++) this.sql.exec("INSERT INTO t(text) VALUES (?)", `row ${row}`);
    return rows;
  }
  read(number) {
    if (!this.filled) {
      this.sql.exec("CREATE TABLE IF NOT EXISTS r(id INTEGER PRIMARY KEY, key TEXT, text TEXT); CREATE INDEX IF NOT EXISTS by_key ON r(key); DELETE FROM r");
      for (let row = 1; row <= 10_000; row++) this.sql.exec("INSERT INTO r VALUES (?, ?, ?)", row, `key ${row}`, `text of ${row}`);
      this.filled = true;
    }
    return this.sql.exec("SELECT text FROM r WHERE key = ?", `key ${number}`).one().text;
  }
}

// What one of a room sends goes to all of it.
export class Room {
  constructor(state) {
    this.state = state;
    this.members = new Set();
  }
  fetch(request) {
    const [client, server] = Object.values(new WebSocketPair());
    if (new URL(request.url).pathname === "/hibernate") {
      this.state.acceptWebSocket(server);
    } else {
      server.accept();
      this.members.add(server);
      server.addEventListener("message", ({ data }) => { for (const each of this.members) each.send(data); });
      server.addEventListener("close", () => this.members.delete(server));
    }
    return new Response(null, { status: 101, webSocket: client });
  }
  webSocketMessage(socket, message) {
    for (const each of this.state.getWebSockets()) each.send(message);
  }
}
