// What the files about WebSockets share.
export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// Both ends of a pair.
export const pair = () => Object.values(new WebSocketPair());

// A pair whose ends were both accepted.
export function open(options) {
  const [a, b] = pair();
  a.accept(options);
  b.accept(options);
  return [a, b];
}

const text = (data) => (typeof data === "string" ? data : data instanceof ArrayBuffer ? `bytes ${[...new Uint8Array(data)]}` : data?.constructor?.name);

// Everything that happens on `socket` from now on, as texts.
export function record(socket, seen = [], name = "") {
  socket.addEventListener("open", () => seen.push(`${name}open`));
  socket.addEventListener("message", (event) => seen.push(`${name}message ${text(event.data)}`));
  socket.addEventListener("close", (event) => seen.push(`${name}close ${event.code} ${event.reason} ${event.wasClean} state ${socket.readyState}`));
  socket.addEventListener("error", (event) => seen.push(`${name}error ${event.message}`));
  return seen;
}

// The event of this type that comes next on `socket`; "nothing" after a while.
export const next = (socket, type = "message", ms = 20_000) => Promise.race([
  new Promise((done) => socket.addEventListener(type, done, { once: true })), pause(ms).then(() => "nothing"),
]);

// Until `seen` has `count` entries; what it has after a while.
export async function until(seen, count, ms = 20_000) {
  for (const end = Date.now() + ms; seen.length < count && Date.now() < end;) await pause(2);
  return seen;
}

// A WebSocket to `stub`, accepted.
export async function connect(stub, path = "/socket", headers = {}) {
  const response = await stub.fetch(`http://object${path}`, { headers: { Upgrade: "websocket", ...headers } });
  response.webSocket.accept();
  return response.webSocket;
}

// The events of `socket` until it is closed (or a while has passed).
export async function untilClosed(socket, seen = record(socket), ms = 20_000) {
  for (const end = Date.now() + ms; !seen.some((each) => each.includes("close ")) && Date.now() < end;) await pause(2);
  return seen;
}
