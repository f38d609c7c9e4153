// A function of the platform that is called on anything but an instance of its class (or the global object) says so, in
// workerd's words. Most functions of classes look for themselves (seam.ts, platform): V8 makes that a comparison of maps. The
// others are wrapped here, in one pass once everything is in its place.
import { hideSource } from "./native_code";
import { checking, illegalInvocation, prototypes } from "./seam";

type Method = (this: unknown, ...args: unknown[]) => unknown;

export function guardReceivers(): void {
  const guarded = new Map<Method, Method>(); // What is there by two names stays one function.
  for (const prototype of prototypes) {
    const guard = (method: Method) => {
      if (checking.has(method)) return method;
      if (prototypes.includes(method.prototype)) return method; // A class as a member.
      if (!guarded.has(method)) guarded.set(method, onInstances(prototype, method));
      return guarded.get(method)!;
    };
    for (const key of Reflect.ownKeys(prototype)) {
      // Other symbols are the built-ins' own.
      const isPublic = typeof key === "string" || key === Symbol.iterator || key === Symbol.asyncIterator;
      if (!isPublic || key === "constructor") continue;
      const property = Object.getOwnPropertyDescriptor(prototype, key)!;
      if (typeof property.value === "function") property.value = guard(property.value);
      if (property.get !== undefined) property.get = guard(property.get);
      if (property.set !== undefined) property.set = guard(property.set);
      Object.defineProperty(prototype, key, property);
    }
  }
  checking.clear();
}

function onInstances(prototype: object, method: Method): Method {
  const holder = prototype.constructor;
  const { run } = {
    run(this: unknown): unknown {
      if (this instanceof holder) return method.apply(this, arguments as unknown as unknown[]);
      throw illegalInvocation();
    },
  };
  return named(run, method.name);
}

// The same for a function of the global object, which is also called without a receiver.
export function onGlobal(method: Method): Method {
  const { run } = {
    run(this: unknown): unknown {
      if (this === undefined || this === null || this === globalThis) return method.apply(undefined, arguments as unknown as unknown[]);
      throw illegalInvocation();
    },
  };
  return named(run, method.name);
}

function named(run: Method, name: string): Method {
  for (const [key, value] of [["name", name], ["length", 0]] as const) {
    Object.defineProperty(run, key, { value, configurable: true });
  }
  hideSource(run, /^[gs]et /.test(name) ? "" : name);
  return run;
}
