// A Worker in service-worker format. Bindings are globals.
let fetches = 0;
const kAtStart = typeof WORD + " " + WORD;
var later;

const kAnswers = {
  "/plain": (event) => event.respondWith(new Response("plain")),
  "/promise": (event) => event.respondWith(Promise.resolve(new Response("promised", { status: 201 }))),
  "/async": (event) => event.respondWith(answer(event)),
  "/event": (event) => event.respondWith(Response.json({
    type: event.type, kind: event.constructor.name, tag: Object.prototype.toString.call(event), fetchEvent: event instanceof FetchEvent,
    extendable: event instanceof ExtendableEvent, request: event.request instanceof Request, url: event.request.url, same: event.request === event.request,
    keys: Object.keys(event).includes("request"), target: event.target === globalThis, trusted: event.isTrusted, phase: event.eventPhase, cancelable: event.cancelable,
  })),
  "/globals": (event) => event.respondWith(Response.json({ kAtStart, word: WORD, own: Object.hasOwn(globalThis, "WORD"), writable: Object.getOwnPropertyDescriptor(globalThis, "WORD"),
                                                           self: self === globalThis, this: thisAtTop === globalThis, strict: isStrict(), require: typeof require, module: typeof module })),
  "/fetcher": (event) => event.respondWith(FRIEND.fetch("http://friend/leaf")),
  "/twice": (event) => { event.respondWith(new Response("first")); try { event.respondWith(new Response("second")); } catch (error) { later = String(error); } },
  "/late": (event) => { setTimeout(() => { try { event.respondWith(new Response("late")); } catch (error) { later = String(error); } }, 1); event.respondWith(new Promise((done) => setTimeout(() => done(new Response("in time")), 5))); },
  "/later": (event) => event.respondWith(new Response(String(later))),
  "/throw": () => { throw new RangeError("thrown"); },
  "/reject": (event) => event.respondWith(Promise.reject(new TypeError("rejected"))),
  "/wrong": (event) => event.respondWith(new Promise((done) => done("text"))),
  "/text": (event) => { try { event.respondWith("text"); } catch (error) { event.respondWith(new Response(String(error))); } },
  "/none": (event) => { try { event.respondWith(); } catch (error) { event.respondWith(new Response(String(error))); } },
  "/silent": () => {},
  "/wait": (event) => { later = "begun"; event.waitUntil(new Promise((done) => setTimeout(done, 5)).then(() => { later = "waited"; })); event.respondWith(new Response("answered")); },
  "/pass": (event) => { event.passThroughOnException(); event.respondWith(new Response("passes")); },
  "/count": (event) => event.respondWith(new Response(String(++fetches))),
  "/prevent": (event) => { event.preventDefault(); event.respondWith(new Response(String(event.defaultPrevented))); },
  "/second": () => {},
  "/object": (event) => event.respondWith(typeof OBJECTS === "undefined" ? new Response("none") : OBJECTS.get(OBJECTS.idFromName("a")).fetch("http://object/")),
};
const thisAtTop = this;
function isStrict() { return this === undefined; }

async function answer(event) {
  await Promise.resolve();
  return new Response(`async ${new URL(event.request.url).pathname} ${await event.request.text()}`);
}

addEventListener("fetch", (event) => kAnswers[new URL(event.request.url).pathname](event));
self.addEventListener("fetch", (event) => {
  if (new URL(event.request.url).pathname === "/second") event.respondWith(new Response("by the second"));
});
