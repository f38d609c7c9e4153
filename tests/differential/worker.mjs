// The Worker that plays a program of generate.mjs, and the two classes of objects that it plays it in. A program is a list of
// steps; a step is one event of an object, or several at once; an event is a list of actions (JSON, see `perform`). What
// comes out is a list as long, of what each action gave or threw, written so that it tells everything apart.
import { DurableObject, RpcTarget } from "cloudflare:workers";
import { describe, make } from "./values.mjs";

const kAlarmWaitMs = 8000;
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
// What the constructor of an object does, by its ID: put here before the object is first met.
const constructions = new Map();

const threw = (error) => ({ threw: describe(error) });
const isThenable = (value) => value !== null && (typeof value === "object" || typeof value === "function") && typeof value.then === "function";

// Plays lists of actions in one place: in an object (`object`), or in the Worker itself.
class Player {
  constructor(env, object) {
    this.env = env;
    this.object = object;
    this.run = object ? object.ctx.id.name.split("/")[0] : env.run;
    this.ctx = object?.ctx;
    this.storage = object?.ctx.storage;
    this.kept = new Map();  // Cursors, iterators and transactions of this event, by their number.
  }

  // What comes out of each action. Those that begin with "go" are awaited after the last one only.
  async list(actions) {
    const log = [];
    const pending = [];
    for (const action of actions) {
      const detached = action[0] === "go";
      const slot = log.push("?") - 1;
      try {
        const given = this.perform(detached ? action[1] : action);
        if (detached && isThenable(given)) {
          pending.push(given.then((value) => (log[slot] = describe(value)), (error) => (log[slot] = threw(error))));
        } else {
          log[slot] = describe(isThenable(given) ? await given : given);
        }
      } catch (error) {
        log[slot] = threw(error);
      }
    }
    await Promise.all(pending);
    return log;
  }

  // The same without a wait, for callbacks that may not have one.
  listNow(actions) {
    return actions.map((action) => {
      try {
        const given = this.perform(action);
        if (!isThenable(given)) return describe(given);
        given.then(() => {}, () => {});
        return "a promise";
      } catch (error) {
        return threw(error);
      }
    });
  }

  // After a list: what its holder does.
  end(how, log, txn) {
    if (how === "throw") throw Object.assign(new RangeError("thrown at the end"), { log });
    if (how === "rollback") txn?.rollback();
    return log;
  }

  stub(name) {
    const namespace = this.env[name.slice(0, 1) === "k" ? "Pairs" : "Rows"];
    return namespace.get(namespace.idFromName(`${this.run}/${name}`));
  }

  perform([what, ...rest]) {
    const { storage, ctx } = this;
    switch (what) {
      // Pairs. The first argument says whose method: the storage's, or an open transaction's.
      case "get": case "delete": case "list": case "getAlarm": case "deleteAlarm":
        return this.store(rest[0])[what](...rest.slice(1).map(make));
      case "put": return this.store(rest[0]).put(...rest.slice(1).map(make));
      case "setAlarm": return this.store(rest[0]).setAlarm(...rest.slice(1).map(make));
      case "deleteAll": return storage.deleteAll(...rest.map(make));
      case "sync": return storage.sync();
      case "kv": {
        const given = storage.kv[rest[0]](...rest.slice(1).map(make));
        return rest[0] === "list" ? [...given] : given;
      }
      case "open": this.kept.set(rest[0], rest[1] === "kv" ? storage.kv.list(make(rest[2]))[Symbol.iterator]() : storage.sql.exec(rest[2], ...rest.slice(3).map(make))); return "opened";
      case "next": { const one = this.kept.get(rest[0])?.next(); return one && { done: one.done, value: one.value }; }
      case "rest": { const cursor = this.kept.get(rest[0]); return cursor && [...cursor]; }
      case "sql": {
        const cursor = storage.sql.exec(rest[1], ...rest.slice(2).map(make));
        switch (rest[0]) {
          case "array": return { rows: cursor.toArray(), names: cursor.columnNames, written: cursor.rowsWritten };
          case "one": return cursor.one();
          case "raw": return [...cursor.raw()];
          case "first": return cursor.next();
          default: return "not read";
        }
      }
      case "transaction": return storage.transaction(async (txn) => {
        const inner = Object.assign(Object.create(this), { txn });
        return this.end(rest[1], await inner.list(rest[0]), txn);
      });
      case "transactionSync": return storage.transactionSync(() => this.end(rest[1], this.listNow(rest[0])));
      case "block": return ctx.blockConcurrencyWhile(async () => this.end(rest[1], await this.list(rest[0])));
      case "abort": return ctx.abort(...rest.map(make));
      case "waitUntil": return ctx.waitUntil(this.list(rest[0]).then((log) => this.end(rest[1], log)));
      case "sleep": return sleep(rest[0]);
      case "timer": return new Promise((done) => setTimeout(() => done(this.listNow(rest[1])), rest[0]));
      case "tick": return Promise.resolve("ticked");
      case "throw": throw make(rest[0]);
      case "reject": return Promise.reject(make(rest[0]));
      case "clone": return structuredClone(make(rest[0]));
      case "remember": return (this.object.memory = rest[0]);
      case "memory": return this.object.memory;
      // Calls of other objects.
      case "event": return this.event(rest[0], rest[1], rest[2]);
      case "rpc": return this.chain(this.stub(rest[0]), rest[1]);
    }
    throw new Error(`no action ${what}`);
  }

  store(whose) { return whose === "txn" && this.txn ? this.txn : this.storage; }

  // One event of the object `name`: a list of actions, over fetch or RPC.
  async event(name, how, actions) {
    if (how === "rpc") return await this.stub(name).play(actions);
    const response = await this.stub(name).fetch("http://object/play", { method: "POST", body: JSON.stringify(actions) });
    return { status: response.status, body: response.status === 200 ? await response.json() : await response.text() };
  }

  // Follows `links` from a stub: calls, properties, waits, disposals. What a call gives is used before it is there.
  async chain(stub, links) {
    let value = stub;
    for (const [how, name, ...args] of links) {
      switch (how) {
        case "call": value = value[name](...args.map(make)); break;
        case "apply": value = value(...[name, ...args].map(make)); break;
        case "member": value = value[name]; break;
        case "await": value = await value; break;
        case "dup": value = value.dup(); break;
        case "dispose": value[Symbol.dispose](); break;
        case "both": value = await Promise.all([value, value]); break;
      }
    }
    const given = await value;
    const described = describe(given);
    if (given !== null && (typeof given === "object" || typeof given === "function")) given[Symbol.dispose]?.();
    return { described };
  }
}

class Tally extends RpcTarget {
  #count;
  constructor(count) { super(); this.#count = count; this.own = "an instance's own"; }
  get count() { return this.#count; }
  add(by) { return (this.#count += by); }
  child(by) { return new Tally(this.#count + by); }
  async later(by) { await sleep(1); return this.add(by); }
  fail(error) { throw error; }
  record(by) { return { tally: new Tally(by), list: [1, { deep: by }], add: (more) => by + more }; }
  get missing() { return undefined; }
  get broken() { throw new RangeError("a getter that throws"); }
}

// What both classes share.
const objectMethods = (Base) => class extends Base {
  constructor(ctx, env) {
    super(ctx, env);
    this.memory = "fresh";
    const construction = constructions.get(String(ctx.id));
    if (!construction) return;
    if (--construction.times === 0) constructions.delete(String(ctx.id));
    if (construction.how === "throw") throw make(construction.error);
    ctx.blockConcurrencyWhile(async () => {
      this.memory = await new Player(env, this).list(construction.actions);
      if (construction.how === "reject") throw make(construction.error);
    });
  }
  async play(actions) { return await new Player(this.env, this).list(actions); }
  async fetch(request) {
    const actions = await request.json();
    const log = await this.play(actions);
    return Response.json(log);
  }
  async alarm(info) {
    const actions = JSON.parse((await this.ctx.storage.get("alarm actions")) ?? "{}");
    const log = await this.play(actions.list ?? []);
    await this.ctx.storage.put("alarm log", { retry: info?.isRetry, count: info?.retryCount, log });
    if (actions.end === "throw" && !info?.isRetry) throw new Error("the alarm throws once");
  }
  echo(value) { return value; }
  described(...values) { return values.map((each) => JSON.stringify(describe(each))); }
  tally(count) { return new Tally(count); }
  fail(error) { throw error; }
  async failLater(error) { await sleep(1); throw error; }
  async callback(call, ...args) { return await call(...args); }
  async callbackTwice(call, ...args) { return [await call(...args), await call(...args)]; }
  async member(target, name) { return await target[name]; }
  record(by) { return { tally: new Tally(by), list: [1, { deep: by }], add: (more) => by + more, nothing: null }; }
  adder(by) { return (more) => by + more; }
  nothing() {}
  get property() { return { some: "thing" }; }
};
export class Pairs extends objectMethods(DurableObject) {}
export class Rows extends objectMethods(DurableObject) {}

export default {
  async fetch(request, env) {
    const { run, steps } = await request.json();
    const player = new Player({ ...env, run });
    const logs = [];
    for (const step of steps) {
      const [what, name, ...rest] = step;
      if (what === "construct") {
        constructions.set(String(player.stub(name).id), rest[0]);
        logs.push("noted");
      } else if (what === "alarm") {  // Waits until the alarm has run, whatever it did.
        const end = Date.now() + kAlarmWaitMs;
        let seen;
        do {
          await sleep(20);
          [seen] = await player.stub(name).play([["get", "storage", "alarm log"]]);
        } while (JSON.stringify(seen) === JSON.stringify(describe(undefined)) && Date.now() < end);
        logs.push(seen);
      } else if (what === "all") {
        logs.push(await Promise.all([name, ...rest].map((each) => player.list([each]))));
      } else {
        logs.push(await player.list([step]));
      }
    }
    return Response.json(logs);
  },
};
