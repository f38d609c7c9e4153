// Before 2026-01-20 the stubs among a call's arguments are the callee's from then on.
// compatibility-date: 2026-01-01
import { DurableObject, RpcStub, RpcTarget } from "cloudflare:workers";
import { thrown, worker } from "./lib.mjs";

class Target extends RpcTarget {
  constructor(log = []) {
    super();
    this.log = log;
  }
  hi() { return "hi"; }
  [Symbol.dispose]() { this.log.push("disposed"); }
}
const kDisposed = "Error: RPC stub used after being disposed.";
const cases = {
  "a stub is gone once it is an argument": {
    async run({ object }) {
      const log = [];
      const stub = new RpcStub(new Target(log));
      const calling = object.take(stub);
      const seen = [await thrown(() => stub.hi()), await calling, await thrown(() => object.take(stub))];
      for (let i = 0; i < 2000 && log.length === 0; i++) await scheduler.wait(10);
      return [...seen, log];
    },
    expect: [kDisposed, "hi", kDisposed, ["disposed"]],
  },
  "within another value, too": {
    async run({ object }) {
      const stub = new RpcStub(new Target());
      return [await object.takeWithin({ list: [stub] }), await thrown(() => stub.hi())];
    },
    expect: ["hi", kDisposed],
  },
  "a copy of it is another one": {
    async run({ object }) {
      const stub = new RpcStub(new Target());
      const copy = stub.dup();
      return [await object.take(copy), await stub.hi(), await thrown(() => copy.hi())];
    },
    expect: ["hi", "hi", kDisposed],
  },
  "whether or not the call comes to anything": {
    async run({ object }) {
      const stub = new RpcStub(new Target());
      return [await thrown(() => object.missing(stub)), await thrown(() => stub.hi())];
    },
    expect: ['TypeError: The RPC receiver does not implement the method "missing".', kDisposed],
  },
  "a target is not": {
    async run({ object }) {
      const target = new Target();
      return [await object.take(target), await object.take(target)];
    },
    expect: ["hi", "hi"],
  },
};
export class Subject extends DurableObject {
  take(stub) { return stub.hi(); }
  takeWithin({ list }) { return list[0].hi(); }
}
export default worker(cases);
