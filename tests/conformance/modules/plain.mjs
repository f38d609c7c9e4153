// A Worker without RPC: its default export is an object. It calls itself, and the Worker before it.
export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    if (url.pathname === "/self") return await env.SELF.fetch("http://self/leaf");
    if (url.pathname === "/on") return await env.CALLEE.fetch(request.url.replace("/on", "/further"), request);
    if (url.pathname === "/rpc") return new Response(String(await env.CALLEE.add(2, 3)));
    return new Response(`plain ${url.pathname}`);
  },
  method(value, env, ctx) { return `method ${value}`; },
};
