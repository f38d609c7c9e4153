// The script that both runtimes run under load.
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
