// The Worker: finds the counter called "A" and hands the request on to it.
export default {
  async fetch(request, env) {
    const id = env.COUNTER.idFromName("A");
    const counter = env.COUNTER.get(id);
    const response = await counter.fetch(request.url);
    const count = await response.text();
    return new Response(`Durable Object 'A' count: ${count}\n`, { status: response.status });
  },
};

// The Durable Object: there is one per name, and its storage is its own.
export class Counter {
  constructor(state, env) {
    this.state = state;
  }

  async fetch(request) {
    const url = new URL(request.url);
    let value = (await this.state.storage.get("value")) ?? 0;
    switch (url.pathname) {
      case "/increment":
        ++value;
        break;
      case "/decrement":
        --value;
        break;
      case "/":
        return new Response(value);  // Nothing to write.
      default:
        return new Response("Not found", { status: 404 });
    }
    // No lock and no await are needed: nothing else runs in this object between the get and the put, and the answer
    // leaves only when the put is on disk.
    this.state.storage.put("value", value);
    return new Response(value);
  }
}
