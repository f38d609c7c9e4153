// Why something that @cloudflare/workers-types declares is missing, or differs from workerd's. Keys: a class, or
// "Class.member", "Class.*", "*.member". tools/compatibility.mjs wants a reason for each, and no reason for nothing.
const kNode = "Node's globals come with nodejs_compat, which is node:async_hooks alone so far";
const kLater = "not there yet";
const kNoCache = "fails with workerd's text for a server without a cache: No Cache was configured";

export const kReasons = {
  missing: {
    HTMLRewriter: kLater,
    "ExecutionContext.abort": kLater,
    "ExecutionContext.mapVirtualHost": "there are no containers",
    "DurableObjectState.facets": kLater,
    "cloudflare:workers.cache": "the Cache API is not there yet",
    "ReadableStreamBYOBRequest.atLeast": "not an API of the standard's, and nothing here asks for more than one byte",
    "URL.createObjectURL": "there are no object URLs; workerd says the same",
    "URL.revokeObjectURL": "there are no object URLs; workerd says the same",
    "globalThis.setImmediate": kNode,
    "globalThis.clearImmediate": kNode,
    "globalThis.Buffer": kNode,
    "globalThis.process": kNode,
    "globalThis.global": kNode,
  },
  different: {
    "*.exports": "read-only",
    "*.tracing": "read-only",
    "Cache.match": kNoCache,
    "Cache.put": kNoCache,
    "Cache.delete": kNoCache,
    "DOMException.message": "it is an Error's",
    "DOMException.stack": "it is an Error's",
    ...Object.fromEntries(["MessageEvent.data", "MessageEvent.origin", "MessageEvent.lastEventId", "MessageEvent.source", "MessageEvent.ports",
      "CloseEvent.code", "CloseEvent.reason", "CloseEvent.wasClean"].map((name) => [name, "a plain property"])),
    "DurableObjectId.name": "a plain property",
    "DurableObjectId.jurisdiction": "a plain property",
    "DurableObjectStub.id": "a plain property",
    "DurableObjectStub.name": "a plain property",
    "WorkerGlobalScope.EventTarget": "a property of the global object",
  },
};
