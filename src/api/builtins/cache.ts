// caches: nothing stands behind it yet, so each use fails with the text that workerd has for a cache without a backend.
import { absoluteUrl, Request } from "./request";
import { Response } from "./response";
import { illegalConstructor, kInternal, missing, platform, textOf, wrongArgument } from "./seam";

const kNoCache = "No Cache was configured";

function check(method: string, request: unknown, options?: { ignoreSearch?: unknown; ignoreVary?: unknown }): void {
  if (request === undefined) throw wrongArgument(method, "Cache", 1, "Request or string");
  if (!(request instanceof Request)) absoluteUrl(textOf(request));
  for (const field of ["ignoreSearch", "ignoreVary"] as const) {
    if (options?.[field] === undefined) continue;
    throw new Error(`The '${field}' field on 'CacheQueryOptions' is not implemented.`);
  }
}

class Cache {
  constructor(token?: unknown) {
    illegalConstructor(token);
  }
  async match(request: unknown, options?: {}): Promise<Response | undefined> {
    check("match", request, options);
    throw new Error(kNoCache);
  }
  async put(request: unknown, response: unknown): Promise<void> {
    check("put", request);
    if (!(response instanceof Response)) throw wrongArgument("put", "Cache", 2, "Response");
    throw new Error(kNoCache);
  }
  async delete(request: unknown, options?: {}): Promise<boolean> {
    check("delete", request, options);
    throw new Error(kNoCache);
  }
  add(): never { throw missing("add", "Cache"); }
  addAll(): never { throw missing("addAll", "Cache"); }
  matchAll(): never { throw missing("matchAll", "Cache"); }
  keys(): never { throw missing("keys", "Cache"); }
}

class CacheStorage {
  declare readonly default: Cache;
  constructor(token?: unknown) {
    illegalConstructor(token);
    Object.defineProperty(this, "default", { value: new Cache(kInternal), enumerable: true, configurable: true });
  }
  async open(name: unknown): Promise<Cache> {
    if (arguments.length === 0) throw wrongArgument("open", "CacheStorage", 1, "string");
    textOf(name);
    return new Cache(kInternal);
  }
  match(): never { throw missing("match", "CacheStorage"); }
  has(): never { throw missing("has", "CacheStorage"); }
  delete(): never { throw missing("delete", "CacheStorage"); }
  keys(): never { throw missing("keys", "CacheStorage"); }
}
platform({ Cache, CacheStorage });

export const kCacheGlobals = { Cache, CacheStorage, caches: new CacheStorage(kInternal) };
