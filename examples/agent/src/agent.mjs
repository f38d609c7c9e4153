// One conversation. Its history is in SQL; its sockets hibernate; an alarm wakes it for a reminder.
//
// Frames are JSON, except "ping", which the runtime answers with "pong" without waking the object.
//   from the page   { say, ref }          ref: the page's own mark for it. Said twice with one mark is said once.
//   to the page     { history, known }    when it connects: the newest 200 messages, oldest first
//                   { message, ref }      somebody said something, or began to: { id, role, text, at, done }
//                   { id, piece }         the next words of message `id`
//                   { id, text, at }      message `id` is complete, and this is it
//                   { known }             { facts, conversations, reminders } have changed
//                   { error, ref }        not said: why
import { DurableObject } from "cloudflare:workers";
import { reply } from "./reply.mjs";

const kHistoryShown = 200;
const kTextLengthMax = 2_000;
const kFrameLengthMax = 8_192;
const kRefLengthMax = 36;
const kRemindersMax = 20;

export class Agent extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    this.sql = ctx.storage.sql;
    this.sql.exec(`
      CREATE TABLE IF NOT EXISTS messages(id INTEGER PRIMARY KEY, role TEXT NOT NULL, text TEXT NOT NULL, at INTEGER NOT NULL,
                                          done INTEGER NOT NULL, answers INTEGER, ref TEXT UNIQUE);
      CREATE TABLE IF NOT EXISTS reminders(id INTEGER PRIMARY KEY, at INTEGER NOT NULL, text TEXT NOT NULL);`);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
  }

  // ---- Called by the Worker, over RPC.

  history() {
    return this.sql.exec("SELECT id, role, text, at, done FROM messages ORDER BY id DESC LIMIT ?", kHistoryShown).toArray().reverse();
  }

  // Says `text`, waits for the reply to be complete: { text } or { error }.
  async ask(person, conversation, text) {
    this.introduce(person, conversation);
    const { error, answer } = this.hear(text);
    if (error) return { error };
    await this.answerAll();
    return { text: this.sql.exec("SELECT text FROM messages WHERE id = ?", answer).one().text };
  }

  // ---- Events.

  async fetch(request) {
    if (request.headers.get("Upgrade")?.toLowerCase() !== "websocket") {
      return new Response("Expected a WebSocket.\n", { status: 426, headers: { Upgrade: "websocket" } });
    }
    const [person, conversation] = new URL(request.url).pathname.split("/").slice(2);
    this.introduce(person, conversation);
    const { 0: client, 1: socket } = new WebSocketPair();
    this.ctx.acceptWebSocket(socket);
    const known = await this.known();
    send(socket, { history: this.history(), known });
    // A reply that was cut short by the end of the process is said now. The client need not wait for that.
    this.ctx.waitUntil(this.answerAll());
    return new Response(null, { status: 101, webSocket: client });
  }

  async webSocketMessage(socket, frame) {
    const input = parse(frame);
    if (!input) return send(socket, { error: "Send an object as JSON." });
    const ref = typeof input.ref === "string" && input.ref.length <= kRefLengthMax ? input.ref : undefined;
    const { error } = this.hear(input.say, ref);
    if (error) return send(socket, { error, ref });
    await this.answerAll();
  }

  async webSocketClose(socket) {
    socket.close(1000);  // Completes the closing handshake; nothing happens if it is complete.
  }

  async alarm() {
    // A reminder turns into a message in one burst of writes: both are on disk, or neither, and then the alarm comes again.
    for (const { id, text } of this.sql.exec("SELECT id, text FROM reminders WHERE at <= ? ORDER BY at", Date.now()).toArray()) {
      this.sql.exec("DELETE FROM reminders WHERE id = ?", id);
      this.broadcast({ message: this.insert({ role: "agent", text: `A reminder, as you asked: ${text}.`, done: 1 }) });
    }
    await this.arm();
    this.broadcast({ known: await this.known() });
  }

  // ---- The conversation.

  // An alarm tells nobody's name to the object it wakes, so it keeps its own.
  introduce(person, conversation) {
    if (this.ctx.storage.kv.get("person") !== undefined) return;
    this.ctx.storage.kv.put("person", person);
    this.ctx.storage.kv.put("conversation", conversation);
  }

  // Keeps what was said, and that an answer is owed: { answer: its ID } or { error }.
  hear(said, ref = null) {
    const text = typeof said === "string" ? said.trim() : "";
    if (text === "") return { error: "There is nothing in it." };
    if (text.length > kTextLengthMax) return { error: `Say it in up to ${kTextLengthMax} characters.` };
    const [before] = ref === null ? [] : this.sql.exec("SELECT id FROM messages WHERE ref = ?", ref);
    if (before) return { answer: this.sql.exec("SELECT id FROM messages WHERE answers = ?", before.id).one().id };
    const message = this.insert({ role: "person", text, done: 1, ref });
    const answer = this.insert({ role: "agent", text: "", done: 0, answers: message.id });
    this.broadcast({ message, ref: ref ?? undefined });  // Leaves when the write is on disk; no need to wait for it here.
    return { answer: answer.id };
  }

  // Says the answers that are owed, one after the other. One loop at a time: who comes later waits for the same one.
  answerAll() {
    return this.answering ??= this.answerEach().finally(() => { this.answering = undefined; });
  }

  async answerEach() {
    for (;;) {
      const [owed] = this.sql.exec(`SELECT a.id, a.role, a.at, a.done, q.text AS question, q.id AS asked
                                    FROM messages a JOIN messages q ON q.id = a.answers WHERE a.done = 0 ORDER BY a.id LIMIT 1`);
      if (!owed) return;
      await this.answer(owed);
    }
  }

  async answer({ id, question, asked }) {
    this.broadcast({ message: { id, role: "agent", text: "", at: Date.now(), done: 0 } });
    let text = "";
    try {
      for await (const piece of reply(question, this.tools(asked))) {
        text += piece;
        this.broadcast({ id, piece });
      }
    } catch (error) {
      console.error(error);
      text = `That went wrong: ${error.message}`;
    }
    const at = Date.now();
    this.sql.exec("UPDATE messages SET text = ?, at = ?, done = 1 WHERE id = ?", text, at, id);
    this.broadcast({ id, text, at });
    const memory = this.memory();
    await memory.visited(this.ctx.storage.kv.get("conversation"), this.title(), at);
    this.broadcast({ known: await this.known() });
  }

  // What reply() can use. An answer may be said a second time (see fetch), so each of these is harmless when repeated.
  tools(asked) {
    return {
      history: () => this.history(),
      count: () => this.sql.exec("SELECT count(*) AS count FROM messages WHERE role = 'person'").one().count,
      remember: (what, value) => this.memory().remember(what, value),
      recall: (what) => this.memory().recall(what),
      facts: async () => (await this.memory().all()).facts,
      forget: (what) => this.memory().forget(what),
      remind: (seconds, text) => this.remind(asked, Date.now() + seconds * 1_000, text),
    };
  }

  async remind(id, at, text) {
    const { count, next } = this.sql.exec("SELECT count(*) AS count, min(at) AS next FROM reminders").one();
    if (count >= kRemindersMax) throw new Error(`there are ${kRemindersMax} reminders already.`);
    // First the alarm: one without a reminder does no harm, a reminder without an alarm would.
    await this.ctx.storage.setAlarm(Math.min(at, next ?? at));
    this.sql.exec("INSERT OR IGNORE INTO reminders(id, at, text) VALUES(?, ?, ?)", id, at, text);
  }

  // Sets the one alarm of this object to the next reminder.
  async arm() {
    const { next } = this.sql.exec("SELECT min(at) AS next FROM reminders").one();
    if (next !== null) await this.ctx.storage.setAlarm(next);
  }

  memory() {
    return this.env.MEMORIES.get(this.env.MEMORIES.idFromName(this.ctx.storage.kv.get("person")));
  }

  async known() {
    const { facts, conversations } = await this.memory().all();
    return { facts, conversations, reminders: this.sql.exec("SELECT id, at, text FROM reminders ORDER BY at").toArray() };
  }

  title() {
    const [first] = this.sql.exec("SELECT text FROM messages WHERE role = 'person' ORDER BY id LIMIT 1");
    return first.text.length > 60 ? `${first.text.slice(0, 59)}…` : first.text;
  }

  insert({ role, text, done, answers = null, ref = null }) {
    return this.sql.exec("INSERT INTO messages(role, text, at, done, answers, ref) VALUES(?, ?, ?, ?, ?, ?) RETURNING id, role, text, at, done",
                         role, text, Date.now(), done, answers, ref).one();
  }

  broadcast(output) {
    const text = JSON.stringify(output);
    for (const socket of this.ctx.getWebSockets()) send(socket, text);
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
