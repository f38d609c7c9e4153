// Serves the page and leads each WebSocket to its room.
//   GET  /                           the page
//   POST /api/rooms                  makes a private room; answers its ID
//   GET  /api/rooms/ROOM             200 if there can be such a room, else 404
//   GET  /api/rooms/ROOM/websocket   joins it
// ROOM is a name of up to 32 characters, or the ID of a private room.
import HTML from "./chat.html";

export { RateLimiter } from "./limiter.mjs";
export { ChatRoom } from "./room.mjs";

const kRoomNameLengthMax = 32;

export default {
  async fetch(request, env) {
    const path = new URL(request.url).pathname;
    if (path === "/") return page();
    if (path === "/api/rooms") {
      if (request.method !== "POST") return new Response("Use POST.\n", { status: 405, headers: { Allow: "POST" } });
      return new Response(env.ROOMS.newUniqueId().toString());
    }
    const [, room, action] = path.match(/^\/api\/rooms\/([^/]+)(?:\/(websocket))?$/) ?? [];
    const id = room && roomId(env, room);
    if (!id) return new Response("There is no such room.\n", { status: 404 });
    if (!action) return new Response("There is such a room.\n");
    return await env.ROOMS.get(id).fetch(request);
  },
};

// The ID of a room, or undefined if `text` can be none: an ID that this script did not make is refused, not opened.
function roomId(env, text) {
  try {
    const room = decodeURIComponent(text);
    if (/^[0-9a-f]{64}$/.test(room)) return env.ROOMS.idFromString(room);
    return room.length <= kRoomNameLengthMax ? env.ROOMS.idFromName(room) : undefined;
  } catch {
    return undefined;
  }
}

// The page brings its style and script along. Its policy lets it run nothing else, and reach nothing but this server.
function page() {
  const nonce = crypto.randomUUID();
  return new Response(HTML.replaceAll("{nonce}", nonce), {
    headers: {
      "Content-Type": "text/html; charset=utf-8",
      "Cache-Control": "no-store",
      "Content-Security-Policy": `default-src 'none'; script-src 'nonce-${nonce}'; style-src 'nonce-${nonce}'; img-src data:; ` +
                                 "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      "Referrer-Policy": "no-referrer",
      "X-Content-Type-Options": "nosniff",
    },
  });
}
