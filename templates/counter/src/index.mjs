// The Worker: sends every request to the Durable Object named "A".
export default {
  async fetch(request, env) {
    let id = env.COUNTER.idFromName("A");
    let obj = env.COUNTER.get(id);
    let resp = await obj.fetch(request.url);
    let count = await resp.text();
    return new Response("Durable Object 'A' count: " + count);
  },
};

// The Durable Object: one instance, one event at a time, its own storage.
export class Counter {
  constructor(state, env) {
    this.state = state;
  }

  async fetch(request) {
    let url = new URL(request.url);
    let value = (await this.state.storage.get("value")) || 0;
    switch (url.pathname) {
      case "/increment":
        ++value;
        break;
      case "/decrement":
        --value;
        break;
      case "/":
        break;
      default:
        return new Response("Not found", { status: 404 });
    }
    // No await needed: the response leaves only when the write is on disk.
    if (url.pathname !== "/") this.state.storage.put("value", value);
    return new Response(value);
  }
}
