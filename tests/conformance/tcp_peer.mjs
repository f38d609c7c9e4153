// The far end of the cases that connect by TCP. What it does with a connection is the first line that comes:
//   echo      sends back what comes, and ends when the other side does
//   say TEXT  sends TEXT and ends
//   count N   sends N bytes and ends
//   sum       reads to the end, then sends how many bytes came
//   keep      the same, and keeps the number for whoever asks with "kept"
//   flood     sends without an end; "flooded" on another connection is answered with how much was taken off its hands
//   reset     cuts the connection
//   hold      does nothing more; "held" on another connection is answered with what became of the last one
//   tls       sends "ready\n", then speaks TLS and echoes; "tls-now": at once
import { readFileSync } from "node:fs";
import net from "node:net";
import { dirname, join } from "node:path";
import tls from "node:tls";
import { fileURLToPath } from "node:url";

const kFolder = dirname(fileURLToPath(import.meta.url));
const kSecret = { key: readFileSync(join(kFolder, "certificate/key.pem")), cert: readFileSync(join(kFolder, "certificate/cert.pem")) };
export const kCaFile = join(kFolder, "certificate/cert.pem");

function serve(socket) {
  socket.on("error", () => {});
  let head = Buffer.alloc(0);
  const onFirst = (chunk) => {
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf(10);
    if (end < 0) return;
    socket.off("data", onFirst);
    socket.pause();
    const [verb, ...rest] = head.subarray(0, end).toString().split(" ");
    const left = head.subarray(end + 1);
    if (left.length > 0) socket.unshift(left);
    kVerbs[verb]?.(socket, rest.join(" "));
  };
  socket.on("data", onFirst);
}

let held = "nothing";
let flooded = 0;
let kept = Promise.withResolvers();
const kVerbs = {
  echo: (socket) => socket.pipe(socket),
  say: (socket, text) => socket.end(text),
  count(socket, text) {
    let left = Number(text);
    const more = () => {
      while (left > 0) {
        const size = Math.min(left, 65536);
        left -= size;
        if (!socket.write(Buffer.alloc(size, 97))) return socket.once("drain", more);
      }
      socket.end();
    };
    more();
  },
  sum(socket) {
    let count = 0;
    socket.on("data", (chunk) => (count += chunk.length));
    socket.on("end", () => socket.end(String(count)));
    socket.resume();
  },
  keep(socket) {
    let count = 0;
    socket.on("data", (chunk) => (count += chunk.length));
    socket.on("close", () => kept.resolve(count));
    socket.on("end", () => socket.end());
    socket.resume();
  },
  async kept(socket) {
    socket.end(String(await kept.promise));
    kept = Promise.withResolvers();
  },
  flood(socket) {
    flooded = 0;
    const chunk = Buffer.alloc(65536, 97);
    const more = () => {
      for (let room = true; room && !socket.destroyed; flooded += chunk.length) room = socket.write(chunk);
    };
    socket.on("drain", more);
    more();
  },
  flooded: (socket) => socket.end(String(flooded)),
  reset: (socket) => socket.resetAndDestroy(),
  hold(socket) {
    held = "open";
    socket.on("end", () => {
      held = "ended";
      socket.end();
    });
    socket.on("close", () => (held = "closed"));
    socket.resume();
  },
  held: (socket) => socket.end(held),
  tls(socket) {
    socket.write("ready\n");
    kVerbs["tls-now"](socket);
  },
  "tls-now"(socket) {
    const secure = new tls.TLSSocket(socket, { isServer: true, ...kSecret });
    secure.on("error", () => {});
    secure.pipe(secure);
  },
};

// { plain, secure, closed: "127.0.0.1:PORT", close() }; nobody listens at the third.
export async function startTcpPeer() {
  const listen = async (server) => {
    await new Promise((done) => server.listen(0, "127.0.0.1", done));
    return `127.0.0.1:${server.address().port}`;
  };
  const plain = net.createServer({ allowHalfOpen: true }, serve);
  const secure = tls.createServer({ allowHalfOpen: true, ...kSecret }, serve);
  secure.on("tlsClientError", () => {});
  const gone = net.createServer();
  const addresses = { plain: await listen(plain), secure: await listen(secure), closed: await listen(gone) };
  gone.close();
  return { ...addresses, close() { plain.close(); secure.close(); } };
}
