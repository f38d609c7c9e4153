// The seam between the built-ins (TypeScript, bundled by esbuild into one expression `(native) => hooks`, run once when
// the startup snapshot is made) and C++ (src/api/*.cc). Everything that a script sees is made here in TypeScript; what
// needs the outside is a function of `native`.
//
// At snapshot time no native with I/O may be called, and nothing may be kept that V8 can't snapshot (no compiled
// WebAssembly, no external buffers).

export type Packed = string; // Headers: "name NUL value NUL" for each, in order

// A body on its way to C++: nothing, text (sent as UTF-8), bytes (copied at the call), the number of a body that C++
// gave us and that nobody has touched (passes through without entering JavaScript), or a pump that C++ pulls.
export interface Pump {
  // Undefined at the end; a number: that body (bodyJoin, told) comes next, and then this is called again.
  read(): Promise<Uint8Array | number | undefined>;
  cancel(reason: unknown): void; // nobody wants the rest
}
export type OutBody = null | string | ArrayBuffer | ArrayBufferView | number | Pump;
// A body from C++: nothing, all of it (a text if its bytes are ASCII), or the number of a stream (bodyRead …).
export type InBody = null | string | Uint8Array | number;
// Content-Encodings that are looked for: 1 gzip, 2 Brotli. Of an answer: the body given is the content, and leaves coded as the
// header says (one that came so and was not touched passes as it is). Of a fetch: a body that comes coded is decoded when it
// is read. 0: the script does the coding.
export type Codings = number;
// What a fetch under way is to JavaScript: C++ keeps it and gives it back with the answer (fetched, fetchFailed).
export type FetchState = object;

// Something of OpenSSL's, freed with the object (api/crypto_support.h). Never reaches a script.
declare const kBox: unique symbol;
export type Box = { readonly [kBox]: never };
declare const kZlib: unique symbol;
export type ZlibState = { readonly [kZlib]: never };
export type Bytes = ArrayBuffer | ArrayBufferView;

export interface Native {
  // -- pure (native_values.cc, native_url.cc, native_text.cc)
  serialize(value: unknown): ArrayBuffer; // V8 ValueSerializer; throws DataCloneError
  deserialize(bytes: ArrayBuffer | ArrayBufferView): unknown;
  structuredClone(value: unknown, transfer: ArrayBuffer[], share?: boolean): unknown; // share: SharedArrayBuffers are
  // Objects with this prototype are the platform's (Headers, DurableObjectId …): cloning one is a DataCloneError. Pure:
  // may be called at snapshot time.
  markHost(prototype: object): void;
  // A copy of an object with values for two of its own read-only, enumerable, configurable properties.
  copyWith<T extends object>(object: T, first: string, value: unknown, second: string, other: unknown): T;
  utf8Encode(text: string): Uint8Array;
  utf8EncodeInto(text: string, into: Uint8Array): [read: number, written: number];
  utf8Decode(bytes: ArrayBuffer | ArrayBufferView, fatal: boolean, ignoreBOM: boolean): string; // throws TypeError if fatal
  utf16Decode(bytes: ArrayBufferView, bigEndian: boolean): string; // surrogates as they stand
  singleByteDecode(bytes: ArrayBufferView, table: string): string; // table: what 128 to 255 stand for
  multiByteDecode(encoding: number, bytes: Uint8Array, finish: boolean, state: number): [text: string, used: number, state: number, failed: boolean];
  latin1(bytes: ArrayBufferView): string; // one byte, one character
  base64Encode(text: string): string | undefined; // btoa; undefined: a character above U+00FF
  base64Decode(text: string): string | undefined; // atob (forgiving); undefined: not base64
  randomFill(view: ArrayBufferView): void; // throws the global-scope error outside an event
  randomUUID(): string; // likewise
  urlParse(input: string, base: string | undefined): string | undefined; // the href; undefined: invalid
  // [href, protocol, username, password, host, hostname, port, pathname, search, hash, origin] of an href.
  urlParts(href: string): string[];
  // The new href; undefined: the value can't be used.
  urlSet(href: string, part: "href" | "protocol" | "username" | "password" | "host" | "hostname" | "port" | "pathname" | "search" | "hash", value: string): string | undefined;
  domainToAscii(host: string): string;
  now(): number; // performance.now(), ms with fraction
  // What V8 carries through promises (async_context.ts); undefined: nothing.
  asyncFrame(): unknown;
  setAsyncFrame(frame: unknown): void;
  hearHandled(): void; // from now on the hook `rejected` is told of handlers that come late
  placeOf(error: unknown): [message: string, file: string, line: number, column: number];
  allowEval(on: boolean): void; // until the modules have run
  requireExports(on: boolean): void; // what `require` gives of a CommonJS module; else { default: module.exports }
  previewProxy(value: unknown): undefined | [target: unknown, handler: unknown]; // for console: is it a Proxy?
  promiseState(promise: Promise<unknown>): [state: 0 | 1 | 2, result: unknown]; // pending, fulfilled, rejected

  // -- compression (native_zlib.cc), pure. status: 0 call again with the rest, 1 wants input, 2 ended, 3 failed
  zlibNew(format: string, compress: boolean): ZlibState | undefined;
  zlibStep(state: ZlibState, bytes: Uint8Array, offset: number, finish: boolean): [chunk: Uint8Array | undefined, consumed: number, status: number];

  // -- cryptography (native_crypto*.cc), pure. `hash`: a number of crypto_names.ts. undefined: OpenSSL refused.
  cryptoDigest(hash: number, data: Bytes): ArrayBuffer;
  cryptoEqual(a: Bytes, b: Bytes): boolean; // of equal length; in constant time
  hasherNew(kind: number): Box; // a hash, or 16 crc32, 17 crc32c, 18 crc64nvme
  hasherUpdate(hasher: Box, data: Bytes): void;
  hasherFinish(hasher: Box): ArrayBuffer; // once
  hmacSign(hash: number, key: Bytes, data: Bytes): ArrayBuffer;
  hmacVerify(hash: number, key: Bytes, signature: Bytes, data: Bytes): boolean;
  aesCbc(encrypt: boolean, key: Bytes, iv: Bytes, data: Bytes): ArrayBuffer | undefined;
  aesGcm(encrypt: boolean, key: Bytes, iv: Bytes, data: Bytes, additional: Bytes | undefined, tagBytes: number): ArrayBuffer | undefined;
  chaCha20Poly1305(encrypt: boolean, key: Bytes, iv: Bytes, data: Bytes, additional: Bytes | undefined, tagBytes: number): ArrayBuffer | undefined;
  aesCtr(key: Bytes, counter: Bytes, counterBits: number, data: Bytes): ArrayBuffer | undefined; // undefined: counters repeat
  aesKeyWrap(encrypt: boolean, key: Bytes, data: Bytes): ArrayBuffer | undefined;
  cryptoHkdf(hash: number, key: Bytes, salt: Bytes, info: Bytes, bytes: number): ArrayBuffer | undefined;
  cryptoPbkdf2(hash: number, password: Bytes, salt: Bytes, iterations: number, bytes: number): ArrayBuffer | undefined;
  // Keys. `type`: "RSA", "P-256", "P-384", "P-521", "Ed25519", "X25519". One box serves both halves of a pair.
  keyGenerate(type: string, bits?: number, exponent?: Bytes): Box | undefined;
  keyFromDer(secret: boolean, der: Bytes): Box | number | undefined; // a number: so many bytes behind its end
  keyFromPoint(curve: string, point: Bytes): Box | number; // a number: a PointProblem of crypto_public.ts
  keyFromEc(curve: string, x: Bytes, y: Bytes, d: Bytes | undefined): Box | number;
  keyFromRaw(type: string, secret: boolean, bytes: Bytes): Box | undefined;
  keyFromRsa(...numbers: (Bytes | undefined)[]): Box | undefined; // n, e, d, p, q, dp, dq, qi
  keyType(key: Box): number; // a number of kKeyTypes in crypto_public.ts
  keyRsa(key: Box): [modulusBytes: number, exponent: number]; // -1: 2^32 or more
  keyParts(key: Box, secret: boolean): (ArrayBuffer | undefined)[]; // RSA as above; x, y, d; x, d
  keyToDer(key: Box, secret: boolean): ArrayBuffer | undefined; // PKCS #8, or SubjectPublicKeyInfo
  keySign(key: Box, hash: number | undefined, padding: number, saltBytes: number, data: Bytes): ArrayBuffer | undefined;
  keyVerify(key: Box, hash: number | undefined, padding: number, saltBytes: number, signature: Bytes, data: Bytes): boolean;
  keyOaep(key: Box, encrypt: boolean, hash: number, label: Bytes | undefined, data: Bytes): ArrayBuffer | undefined;
  keyDerive(key: Box, peer: Box): ArrayBuffer | undefined;

  // Types: ML-DSA-44, -65, -87, ML-KEM-768, -1024. undefined: OpenSSL refused.
  latticeGenerate(type: string): Box | undefined;
  latticeImport(type: string, secret: boolean, bytes: Bytes): Box | undefined; // the seed, or the public key
  latticePart(key: Box, secret: boolean): ArrayBuffer | undefined; // the same
  latticeSign(key: Box, context: Bytes, data: Bytes): ArrayBuffer | undefined;
  latticeVerify(key: Box, context: Bytes, signature: Bytes, data: Bytes): boolean;
  latticeEncapsulate(key: Box): [sharedKey: ArrayBuffer, ciphertext: ArrayBuffer] | undefined;
  latticeDecapsulate(key: Box, ciphertext: Bytes): ArrayBuffer | undefined; // of the right length

  // -- I/O (io_*.cc): they throw the global-scope error (spec/api.md section 1) when no event runs
  inEvent(): boolean;
  setTimer(callback: () => void, ms: number, repeat: boolean): number;
  clearTimer(id: number): void;
  // `args`: the arguments as a JSON array, of an event that is traced().
  log(level: string, text: string, args?: string): void;
  traced(): boolean;
  waitUntil(promise: Promise<unknown>): void;
  // Calls `tell` once nothing of what waitUntil holds is under way: whether any of it was rejected. Once an event.
  whenWaited(tell: (failed: boolean) => void): void;
  // The client of a stateless event, or whoever called the object: `event` is that of its request. The latest one given.
  onClientGone(tell: () => void, event: number): void;
  usesSqlite(): boolean; // the object whose event runs

  respond(event: number, status: number, statusText: string, headers: Packed, body: OutBody, length: number | undefined, socket?: number, codings?: Codings): void;
  // flags: see makeError. details: what fetchFailed gets.
  reject(event: number, name: string, message: string, stack: string, flags: number, details?: ArrayBuffer): void;

  // On the pool; undefined where that is not possible: do it at once.
  keyGenerateLater(bits: number, exponent: Bytes): Promise<Box | undefined> | undefined; // RSA
  cryptoPbkdf2Later(hash: number, password: Bytes, salt: Bytes, iterations: number, bytes: number): Promise<ArrayBuffer | undefined> | undefined;

  bodyRead(body: number): Promise<Uint8Array | undefined>; // the next chunk
  bodyReadAll(body: number): Promise<ArrayBuffer>; // the rest
  bodyReadText(body: number): Promise<string>; // the same, as UTF-8
  bodyCancel(body: number): void;
  // From now on it has `length` bytes or fails; undefined: nobody knows how many. `told`: the promise of its end.
  bodyJoin(body: number, length: number | undefined, told: boolean): Promise<void> | undefined;

  // The promise of what the hook `fetched` makes of the answer, or fetchFailed of the error.
  fetchOutbound<T>(state: FetchState, method: string, url: string, headers: Packed, body: OutBody, length: number | undefined, codings: Codings): Promise<T>;
  fetchObject<T>(state: FetchState, ns: number, id: string, name: string | undefined, method: string, url: string, headers: Packed, body: OutBody, length: number | undefined, codings: Codings, watched: boolean): Promise<T>; // watched: it may have a signal
  // The same of an entrypoint, in a context of its own. `script`: whose; empty: this version's. `props`: serialised, or
  // undefined.
  fetchEntrypoint<T>(state: FetchState, script: string, entrypoint: string, props: ArrayBuffer | undefined, method: string, url: string, headers: Packed, body: OutBody, length: number | undefined, codings: Codings): Promise<T>;
  lastFetch(): number; // the one just started, for cancelFetch
  cancelFetch(fetch: number): void; // its promise stays pending

  // -- TCP (io_tcp.cc), through the output gate. `body`: what comes. `ended`: its end was read; rejected: it broke.
  // Connects when the writes before are durable. `tls`: at once.
  tcpConnect(host: string, port: number, tls: boolean): [number: number, body: number, opened: Promise<void>, ended: Promise<void>];
  tcpWrite(number: number, bytes: Uint8Array): Promise<void>; // one at a time, after `opened`
  tcpEnd(number: number): Promise<void>; // nothing more is written
  tcpStartTls(number: number, host: string): [number: number, body: number, opened: Promise<void>, ended: Promise<void>];
  tcpClose(number: number): void;

  // -- Durable Objects. `ns` is the index that makeEnv got; ids are 64 hex digits.
  idFromName(ns: number, name: string): string;
  idNewUnique(ns: number): string;
  idFromString(ns: number, text: string): string; // throws the TypeErrors of section 2

  // -- Workers KV (io_kv.cc). `ns` is the index that makeEnv got. They throw "KV GET failed: 400 …" and the like, or reject
  // with it. flags: 1 an ArrayBuffer instead of a text, 2 [value, metadata as JSON text or undefined]; null: no such key.
  nsGet(ns: number, key: string, flags: number, cacheTtl: number | undefined): Promise<any>;
  nsPut(ns: number, key: string, value: string | Bytes, expiration: string | undefined, expirationTtl: string | undefined, metadata: string | undefined): Promise<void>;
  nsDelete(ns: number, key: string): Promise<void>;
  // [cursor if there is more, then name, expiration or 0, metadata as JSON text or undefined, …]
  nsList(ns: number, prefix: string, limit: number | undefined, cursor: string | undefined): Promise<any[]>;

  // -- RPC (io_rpc.cc). The first message of a session, to an object or an entrypoint; the answer comes to the hooks
  // `fetched` and `fetchFailed`. `socket`: an end of a WebSocket that goes along, or 0.
  rpcObject(state: FetchState, ns: number, id: string, name: string | undefined, message: Uint8Array, socket: number): void;
  noteCall(method: unknown): void; // of what the session was opened to; for whoever traces the event
  rpcEntrypoint(state: FetchState, script: string, entrypoint: string, props: ArrayBuffer | undefined, message: Uint8Array, socket: number): void;
  // A plain call instead; a plain answer comes to the hook `callReturned`. `args`: primitives, or what rpcPack gave.
  rpcCallObject(state: FetchState, ns: number, id: string, name: string | undefined, method: string, args: unknown[] | string): void;
  rpcCallEntrypoint(state: FetchState, script: string, entrypoint: string, props: ArrayBuffer | undefined, method: string, args: unknown[] | string): void;
  // Undefined: something in it is not plain, or it is over the limit of a message.
  rpcPack(args: unknown[]): string | undefined;
  rpcUnpack(packed: string): unknown[];
  // The answer to a plain call. False: as above, and nothing was sent.
  rpcReturn(event: number, value: unknown): boolean;
  rpcAnswer(event: number, message: Uint8Array, socket: number): void;
  // As serialize and deserialize, but for the head of a message of this one operation, which is written and not read.
  // Objects that are not plain become what `describe` makes of them, and come back as what `revive` makes of that.
  rpcSerialize(value: unknown, describe: (object: object) => unknown[]): ArrayBuffer;
  rpcDeserialize(bytes: ArrayBufferView, revive: (parts: any[]) => object): unknown;
  namespaceToken(ns: number): string; // never reaches a script
  namespaceOfToken(token: string): number;

  // A number of the instance whose event runs, never given twice in an isolate; 0: no object's.
  currentObject(): number;
  // The same of any event: those of one object have the same. 0: none is under way (a module is evaluated).
  currentContext(): number;

  // -- WebSockets (io_websocket.cc). A number above zero: an end that the context holds; below: a hibernatable socket of
  // its object; they throw if it is not theirs.
  wsPair(): [number, number];
  // Events go to the hook socketEvent from now on. `session`: of RPC; if this side is reset, the other learns why.
  wsAccept(number: number, socket: object, session: boolean): void;
  wsGrip(number: number, grip: number): void; // ScriptSockets::Grip of one that was accepted
  wsSend(number: number, data: string | ArrayBufferView): void; // through the output gate, in order
  wsClose(number: number, code: number, reason: string): void; // 1005: without a code
  wsDrop(number: number): void; // cuts the line
  wsBuffered(number: number): number;
  // Inside an object.
  wsHibernate(number: number, tags: string[]): number; // its new number, below zero
  wsList(tag: string | undefined): number[];
  wsTags(number: number): string[] | undefined;
  wsAttachment(number: number): Uint8Array | undefined;
  wsAttach(number: number, bytes: ArrayBuffer): void;
  wsSetAutoResponse(request: string | undefined, response: string | undefined): void;
  wsAutoResponse(): [request: string, response: string] | undefined;
  wsAutoResponseTime(number: number): number | undefined; // ms since 1970
  wsEventTimeout(ms: number | undefined): number | undefined; // sets it, if given (0: none); the one that holds

  // Inside an object (else they throw). flags: 1 allowConcurrency, 2 allowUnconfirmed, 4 noCache. Values are
  // (de)serialised in C++, at the call; sizes and key lengths are checked there; key counts and types in TypeScript.
  // `owner`: currentObject() when the storage was made; another object's event is refused.
  storageGet(owner: number, key: string, flags: number): Promise<unknown>;
  storageGetMany(keys: string[], flags: number): Promise<Map<string, unknown>>; // sorted by UTF-8
  storageList(start: string, end: string | undefined, startAfter: boolean, prefix: string, reverse: boolean, limit: number | undefined, flags: number): Promise<Map<string, unknown>>;
  storagePut(owner: number, pairs: unknown[], flags: number): Promise<void>; // [key, value, …]
  storageDelete(keys: string[], flags: number, single: false): Promise<number>; // How many there were.
  storageDelete(keys: string[], flags: number, single: true): Promise<boolean>;
  storageDeleteAll(flags: number): Promise<void>; // 8: and the alarm
  storageGetAlarm(flags: number): Promise<number | null>; // ms since 1970
  storageSetAlarm(ms: number, flags: number): Promise<void>;
  storageDeleteAlarm(flags: number): Promise<void>;
  storageSync(): Promise<void>;
  storageCurrentBookmark(): Promise<string>;
  storageBookmarkForTime(ms: number): Promise<string>;
  storageRestore(bookmark: string): Promise<string>;
  txnBegin(): number; // the new depth
  txnCommit(): void;
  txnRollback(): void;
  txnBeginSync(): number; // a savepoint in the burst, for code that awaits nothing; ended as the other
  // SQL (io_sql.cc). Values: numbers, strings, null, undefined (as null) or bytes. A row: its values in order.
  sqlExec(owner: number, text: string, bindings: unknown[]): [columns: string[], row: any[] | undefined, rowsRead: number, rowsWritten: number, cursor: Box | undefined];
  sqlStep(cursor: Box): any[] | undefined; // the row behind the one it stands on
  sqlRest(cursor: Box): any[]; // all rows behind it, flat
  sqlCounts(cursor: Box): [rowsRead: number, rowsWritten: number];
  sqlEnd(cursor: Box): [rowsRead: number, rowsWritten: number]; // It gives no more rows and may not be used any more.
  sqlSize(owner: number): number;
  // What can't be awaited; may block the thread.
  kvGet(owner: number, key: string): unknown;
  kvPut(owner: number, key: string, value: unknown): void;
  kvDelete(owner: number, key: string): boolean;
  kvList(start: string, end: string | undefined, startAfter: boolean, prefix: string, reverse: boolean, limit: number): unknown[];
  kvChanges(): number; // Another one when a pair may have changed.
  blockConcurrency<T>(callback: () => Promise<T>): Promise<T>; // callback runs later, in a turn under the critical section
  abort(reason: string): never; // ends JavaScript; nothing after it runs
}

// What the built-ins give to C++. Order matters: C++ looks them up by index (api/hooks.h).
export interface Hooks {
  // Called once per isolate, before any module is evaluated.
  configure(compatibilityDate: string, flags: string[]): void;
  // [kind, name, value][]: "text" → string; "json" → parsed; "data" → ArrayBuffer (value is one); "wasm" → module;
  // "namespace", "kv" → value is the index `ns`; "service" → value is [script, entrypoint, props as JSON text or undefined].
  makeEnv(bindings: [kind: string, name: string, value: unknown][]): object;
  // Runs the default export's fetch. Answers through native.respond / native.reject(event, …), never throws. `target`:
  // an object with handlers, or a class extending WorkerEntrypoint.
  dispatchFetch(target: unknown, env: object, event: number, method: string, url: string, headers: Packed, body: InBody, cf: string | undefined, props?: unknown): void;
  // new cls(state, env), with what belongs to it, as an object for the hooks below; throws what the constructor throws.
  constructObject(cls: unknown, env: object, id: string, name: string | undefined): object;
  dispatchObjectFetch(instance: object, event: number, method: string, url: string, headers: Packed, body: InBody, cf: string | undefined): void;
  // The error a script sees. flags: 1 remote, 2 retryable, 4 overloaded, 8 durableObjectReset.
  makeError(name: string, message: string, flags: number): Error;
  // [name, message, stack, flags] of anything thrown; never throws.
  describeError(error: unknown): [string, string, string, number];
  // JSON text: {"default": "none"|"object"|"class"|"other", "handlers": […], "exports": […], "classes": […]}
  describeModule(namespace: object): string;
  // Own properties are the exports of a module of the runtime's own; undefined: there is none of that name.
  builtinModule(name: string, env: object): object | undefined;
  // Calls pump.read() and answers through done(bytes | body | undefined) or fail(error).
  readPump(pump: Pump, done: (chunk: Uint8Array | number | undefined) => void, fail: (error: unknown) => void): void;
  // What a fetch's promise is resolved with: a Response, or a promise of one if a redirect is followed. May throw.
  fetched(state: FetchState, status: number, statusText: string, headers: Packed, body: InBody, socket: number | undefined): unknown;
  // What it is rejected with.
  fetchFailed(state: FetchState, name: string, message: string, flags: number, details: Uint8Array | undefined): unknown;
  // One line for the log: what console.error(error) would print.
  inspect(value: unknown): string;
  // At a socket that was accepted. kind: 0 message (first: string or ArrayBuffer), 1 close (first: code), 2 error (first:
  // text; of RPC also `reason`: its name, `clean`: flags).
  socketEvent(socket: object, kind: number, first: unknown, reason: unknown, clean: unknown): void;
  // The same at the hibernatable socket `number` (above zero) of an object; answers through native.respond or reject.
  dispatchObjectSocket(instance: object, event: number, number: number, kind: number, first: unknown, reason: unknown, clean: unknown): void;
  // The alarm of an object; answers in the same way.
  dispatchObjectAlarm(instance: object, event: number, retryCount: number, scheduledTime: number): void;
  // The first message of an RPC session at an instance, or at an entrypoint; `socket` came along, or 0.
  dispatchRpc(target: object | [entrypoint: unknown, env: object, props: unknown], event: number, message: Uint8Array, socket: number): void;
  // The same of a plain call.
  dispatchCall(target: object | [entrypoint: unknown, env: object, props: unknown], event: number, method: string, args: unknown[]): void;
  // What a plain call gave.
  callReturned(state: FetchState, value: unknown): void;
  // The namespace of the main module, and the index of the namespace of each class that has storage. Once per isolate.
  setExports(namespace: object, classes: [name: string, ns: number][], script: string): void;
  // Why a script of this date and these flags is refused.
  compatibilityProblem(date: string, flags: string[]): string | undefined;
  // What no script has caught (js::Isolate::Rejection). False: a listener of the script's has seen to it.
  rejected(promise: Promise<unknown> | undefined, reason: unknown, handled: boolean): boolean;
  // A platform object as a number of its class and plain data; undefined: it can't be cloned. And back.
  packHost(object: unknown): [number, unknown] | undefined;
  unpackHost(number: number, data: unknown): unknown;
  // The value of `error.stack`; `sites`: V8's CallSites, innermost first.
  prepareStack(error: unknown, sites: object[]): unknown;
  // An object is about to be ended as planned; answers through native.respond or reject.
  dispatchPreShutdown(instance: object, event: number, reason: string): void;
  // Runs the default export's scheduled handler. Answers once all is settled, with status 200 or 500 and the JSON text of
  // {outcome, noRetry}. `target`: as dispatchFetch.
  dispatchScheduled(target: unknown, env: object, event: number, cron: string, scheduledTime: number): void;
  // An event of another script, as JSON (base/trace_json.h), for the tail() of the default export.
  dispatchTail(target: unknown, env: object, event: number, item: string): void;
}
