// new RpcStub(target): a session within one context, whose messages go from one end to the other as they would outside.
import { callFailed, disposeSafely, kDisposed, later, Session, type Side } from "./rpc_session";
import { setLocalHook } from "./rpc_stub";
import { type Hook, type Path, type Result, Target } from "./rpc_target";
import { isObject, wrongConstructorArgument } from "./seam";

class Local implements Side {
  readonly session: Session = new Session(this);
  other: Local | undefined;
  constructor(readonly target: Target | undefined) {}
  main(): Target | undefined { return this.target; }
  sent(): boolean { return false; }
  flushed(): void {}
  keepsContext(): boolean { return false; }
  waits(): boolean { return false; }
  quiet(): boolean { return true; }
  first(): void {
    if (!this.session.hasOut()) return;
    const message = this.session.takeMessage();
    later(() => this.other!.session.receive(message));
  }
  pipeGone(): void {}
  failed(): void {}
}

class LocalHook implements Hook {
  #target: Target;
  #local: Local;
  #uses: { count: number };
  #gone = false;
  constructor(target: Target, local?: Local, uses = { count: 1 }) {
    this.#target = target;
    this.#uses = uses;
    if (local === undefined) {
      local = new Local(undefined);
      local.other = new Local(target);
      local.other.other = local;
    }
    this.#local = local;
  }
  call(path: Path, args: unknown[] | undefined): Result {
    return this.#gone ? callFailed(new Error(kDisposed)) : this.#local.session.call(0, path, args, 0);
  }
  dup(): Hook {
    if (this.#gone) throw new Error(kDisposed);
    this.#uses.count++;
    return new LocalHook(this.#target, this.#local, this.#uses);
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

