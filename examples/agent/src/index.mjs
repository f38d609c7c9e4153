// Serves the page and leads each request to its conversation.
//   GET  /                                     the page
//   GET  /api/PERSON                           what is known of that person, and their conversations
//   GET  /api/PERSON/CONVERSATION              what was said
//   POST /api/PERSON/CONVERSATION              says the body (text), answers the reply
//   GET  /api/PERSON/CONVERSATION/websocket    the same, live; frames: see agent.mjs
// PERSON and CONVERSATION are names of up to 64 letters, digits, "-" and "_". Nobody logs in here: who knows a name has
// what is behind it, so the page makes itself long random ones.
import HTML from "./agent.html";

export { Agent } from "./agent.mjs";
export { Memory } from "./memory.mjs";

const kSaidBytesMax = 8_192;

export default {
  async fetch(request, env) {
    const path = new URL(request.url).pathname;
    if (path === "/") return page();
    const [, person, conversation, live] = path.match(/^\/api\/([\w-]{1,64})(?:\/([\w-]{1,64})(\/websocket)?)?$/) ?? [];
    if (!person) return new Response("Not found.\n", { status: 404 });
    if (!conversation) return Response.json(await env.MEMORIES.get(env.MEMORIES.idFromName(person)).all());

    const agent = env.AGENTS.get(env.AGENTS.idFromName(`${person}/${conversation}`));
    if (live) return await agent.fetch(request);
    if (request.method === "GET") return Response.json(await agent.history());
    if (request.method !== "POST") return new Response("Use GET or POST.\n", { status: 405, headers: { Allow: "GET, POST" } });
    if (Number(request.headers.get("Content-Length") ?? Infinity) > kSaidBytesMax) return new Response("That is too long.\n", { status: 413 });
    const { text, error } = await agent.ask(person, conversation, await request.text());
    return new Response(`${text ?? error}\n`, { status: error ? 400 : 200 });
  },
};

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
