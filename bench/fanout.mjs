// Rooms of WebSockets: what one of a room sends goes to all of it. Each room has `window` messages under way: the sender
// sends the next one when one of its own has come back. Counts deliveries, and how long each took from its sending.
import net from "node:net";

const kWindow = 4;

// A frame of text under 126 bytes, with a mask of zeros.
const frame = (text) => Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)]);

// Opens one socket; `onText(text)` gets what comes (the server's frames are short and unmasked).
function open(server, path, onText) {
  return new Promise((done, fail) => {
    const url = new URL(server.url);
    const socket = net.connect(Number(url.port), url.hostname);
    socket.setNoDelay(true);
    socket.on("error", fail);
    let read = Buffer.alloc(0);
    let opened = false;
    socket.on("data", (data) => {
      read = read.length === 0 ? data : Buffer.concat([read, data]);
      if (!opened) {
        const end = read.indexOf("\r\n\r\n");
        if (end < 0) return;
        if (!read.toString("latin1", 0, 12).endsWith("101")) return fail(new Error(read.toString("latin1", 0, end)));
        opened = true;
        read = read.subarray(end + 4);
        done(socket);
      }
      let at = 0;
      for (; at + 2 <= read.length && at + 2 + read[at + 1] <= read.length; at += 2 + read[at + 1]) {
        onText(read.latin1Slice(at + 2, at + 2 + read[at + 1]));
      }
      read = read.subarray(at);
    });
    socket.write(`GET ${path} HTTP/1.1\r\nHost: ${server.host ?? url.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
                 "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  });
}

// Resolves with { rate, p99Ms, errors }; `rate` is deliveries a second.
export async function fanOut(server, { rooms, members, seconds, path }) {
  const tag = Math.random().toString(36).slice(2);
  const latencies = [];
  let delivered = 0;
  let measuring = false;
  let running = true;
  let errors = 0;
  const all = [];
  const senders = [];
  for (let room = 0; room < rooms; room++) {
    for (let member = 0; member < members; member++) {
      const sends = member === 0;
      const socket = await open(server, `${path}?room=${tag}-${room}`, (text) => {
        delivered++;
        if (measuring && (delivered & 15) === 0) latencies.push(performance.now() - Number(text.slice(0, text.indexOf(" "))));
        if (sends && running) socket.write(message());
      });
      socket.removeAllListeners("error");
      socket.on("error", () => errors++);
      all.push(socket);
      if (sends) senders.push(socket);
    }
  }
  const message = () => frame(`${performance.now().toFixed(3)} ${"x".repeat(48)}`);
  for (const socket of senders) for (let i = 0; i < kWindow; i++) socket.write(message());
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));
  await pause(300);
  measuring = true;
  const [from, start] = [delivered, performance.now()];
  await pause(seconds * 1000);
  const rate = (delivered - from) / ((performance.now() - start) / 1000);
  running = false;
  for (const socket of all) socket.destroy();
  await pause(100);
  latencies.sort((a, b) => a - b);
  return { rate, p99Ms: latencies[Math.floor(latencies.length * 0.99)] ?? NaN, errors };
}
