// new RpcStub(target): a session within one context, whose messages go from one end to the other as they would outside.
import { callFailed, disposeSafely, kDisposed, later, Session } from "./rpc_session";
import { setLocalHook } from "./rpc_stub";
import { type Hook, type Path, type Result, Target } from "./rpc_target";
import { isObject, wrongConstructorArgument } from "./seam";

class Local extends Session {
  other: Local | undefined;
  constructor(readonly target: Target | undefined) { super(); }
  protected main(): Target | undefined { return this.target; }
  protected keepsContext(): boolean { return false; }
  protected first(): void {
    if (!this.hasOut()) return;
    const message = this.takeMessage();
    later(() => this.other!.receive(message));
  }
}

class LocalHook implements Hook {
  #target: Target;
  #session: Local;
  #uses: { count: number };
  #gone = false;
  constructor(target: Target, session?: Local, uses = { count: 1 }) {
    this.#target = target;
    this.#uses = uses;
    if (session === undefined) {
      session = new Local(undefined);
      session.other = new Local(target);
      session.other.other = session;
    }
    this.#session = session;
  }
  call(path: Path, args: unknown[] | undefined): Result {
    return this.#gone ? callFailed(new Error(kDisposed)) : this.#session.call(0, path, args, 0);
  }
  dup(): Hook {
    if (this.#gone) throw new Error(kDisposed);
    this.#uses.count++;
    return new LocalHook(this.#target, this.#session, this.#uses);
  }
  dispose(): void {
    if (this.#gone) return;
    this.#gone = true;
    if (--this.#uses.count === 0) disposeSafely(this.#target);
  }
  onBroken(): void {} // It is here as long as its holder.
}
setLocalHook((target) => {
  if (!isObject(target)) throw wrongConstructorArgument("JsRpcStub", 1, "Object");
  return new LocalHook(new Target(target));
});

