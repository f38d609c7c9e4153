// One room. Its sockets hibernate: while nobody speaks the object is not in memory, and nobody is disconnected.
//
// Frames are JSON, except "ping", which the runtime answers with "pong" without waking the room.
//   from the page   { name }                      first: who this is
//                   { message, ref }              ref: the page's own mark for it, up to 36 characters
//   to the page     { welcome, people, history }  after { name }; history is the newest 100 messages, oldest first
//                   { joined } { left }           somebody's name
//                   { name, message, timestamp, ref }
//                   { tooFast, ref }              not said: wait that many seconds
//                   { error, ref }                not said: why
const kHistoryShown = 100;
const kNameLengthMax = 32;
const kMessageLengthMax = 256;
const kRefLengthMax = 36;
const kFrameLengthMax = 4_096;

export class ChatRoom {
  constructor(ctx, env) {
    this.ctx = ctx;
    this.env = env;
    this.limiters = new WeakMap();  // Socket to the stub of its limiter. One stub, so that its calls arrive in order.
    this.people = new Map();        // Socket to { address, name }. Without a name: connected, not yet in the room.
    for (const socket of ctx.getWebSockets()) this.people.set(socket, socket.deserializeAttachment());
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
    ctx.blockConcurrencyWhile(async () => {
      const [newest] = (await ctx.storage.list({ reverse: true, limit: 1 })).values();
      this.lastTimestamp = newest?.timestamp ?? 0;
    });
  }

  async fetch(request) {
    if (request.headers.get("Upgrade")?.toLowerCase() !== "websocket") {
      return new Response("Expected a WebSocket.\n", { status: 426, headers: { Upgrade: "websocket" } });
    }
    const { 0: client, 1: socket } = new WebSocketPair();
    this.ctx.acceptWebSocket(socket);
    this.remember(socket, { address: request.headers.get("CF-Connecting-IP") ?? "unknown" });
    return new Response(null, { status: 101, webSocket: client });
  }

  async webSocketMessage(socket, frame) {
    const person = this.people.get(socket);
    const input = parse(frame);
    if (!input) return send(socket, { error: "Send an object as JSON." });
    if (person.name === undefined) return await this.enter(socket, person, input);
    await this.say(socket, person, input);
  }

  async webSocketClose(socket) {
    socket.close(1000);  // Completes the closing handshake; nothing happens if it is complete.
    this.leave(socket);
  }

  async webSocketError(socket) {
    this.leave(socket);
  }

  async enter(socket, { address }, input) {
    const name = typeof input.name === "string" ? input.name.replace(/\s+/g, " ").trim() : "";
    if (name === "") return send(socket, { error: "Say your name first." });
    if (name.length > kNameLengthMax) return send(socket, { error: `A name has up to ${kNameLengthMax} characters.` });
    // No other event of this room runs while its storage is read, so nothing is said between the history and what follows.
    const newest = await this.ctx.storage.list({ reverse: true, limit: kHistoryShown });
    this.remember(socket, { address, name });
    this.broadcast({ joined: name }, socket);
    const people = [...this.people.values()].map((person) => person.name).filter((each) => each !== undefined);
    send(socket, { welcome: name, people, history: [...newest.values()].reverse() });
  }

  async say(socket, { address, name }, input) {
    const ref = typeof input.ref === "string" && input.ref.length <= kRefLengthMax ? input.ref : undefined;
    const message = typeof input.message === "string" ? input.message.trim() : "";
    if (message === "") return send(socket, { error: "There is no message in it.", ref });
    if (message.length > kMessageLengthMax) {
      return send(socket, { error: `A message has up to ${kMessageLengthMax} characters.`, ref });
    }
    const tooFast = await this.secondsToWait(socket, address);
    if (tooFast > 0) return send(socket, { tooFast, ref });

    // Unique and rising, also when two messages come within a millisecond or the clock was set back.
    const timestamp = Math.max(Date.now(), this.lastTimestamp + 1);
    this.lastTimestamp = timestamp;
    const entry = { name, message, timestamp, ref };
    this.ctx.storage.put(new Date(timestamp).toISOString(), entry);
    this.broadcast(entry);  // Leaves when the write is on disk; no need to wait for it here.
  }

  async secondsToWait(socket, address) {
    for (let attempt = 1;; attempt++) {
      let limiter = this.limiters.get(socket);
      if (!limiter) this.limiters.set(socket, limiter = this.env.LIMITERS.get(this.env.LIMITERS.idFromName(address)));
      try {
        return Number(await (await limiter.fetch("https://limiter/", { method: "POST" })).text());
      } catch (error) {
        if (attempt === 2) throw error;
        this.limiters.delete(socket);  // A stub stays broken once its object failed; a new one meets a new instance.
      }
    }
  }

  remember(socket, person) {
    socket.serializeAttachment(person);  // Outlives hibernation, which this.people does not.
    this.people.set(socket, person);
  }

  leave(socket) {
    const name = this.people.get(socket)?.name;
    this.people.delete(socket);
    if (name !== undefined) this.broadcast({ left: name });
  }

  broadcast(output, except) {
    const text = JSON.stringify(output);
    for (const [socket, { name }] of this.people) {
      if (name !== undefined && socket !== except) send(socket, text);
    }
  }
}

function parse(frame) {
  try {
    const input = typeof frame === "string" && frame.length <= kFrameLengthMax ? JSON.parse(frame) : undefined;
    return typeof input === "object" && input !== null ? input : undefined;
  } catch {
    return undefined;
  }
}

function send(socket, output) {
  try {
    socket.send(typeof output === "string" ? output : JSON.stringify(output));
  } catch {
    // It is closing: webSocketClose comes for it.
  }
}
