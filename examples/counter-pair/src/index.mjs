// Two objects of one class answer in one request.
export default {
  async fetch(request, env) {
    const path = new URL(request.url).pathname;
    const answers = await Promise.all(["A", "B"].map(async (name) => {
      const response = await env.COUNTER.get(env.COUNTER.idFromName(name)).fetch(`http://counter${path}`);
      if (!response.ok) return { name, error: await response.text() };
      return { name, ...(await response.json()) };
    }));
    const lines = answers.map(({ name, count, wasInitialized, error }) =>
      error ?? `Durable Object '${name}' count: ${count}, wasInitialized: ${wasInitialized}`);
    return new Response(lines.join("\n") + "\n");
  },
};

export class Counter {
  constructor(state, env) {
    this.state = state;
    this.initialized = false;  // Memory of this instance: gone when the instance is.
  }

  async fetch(request) {
    const wasInitialized = this.initialized;
    this.initialized = true;
    let count = (await this.state.storage.get("value")) ?? 0;
    const path = new URL(request.url).pathname;
    if (path === "/increment") count++;
    else if (path === "/decrement") count--;
    else if (path !== "/") return new Response(`Not found: ${path}`, { status: 404 });
    if (path !== "/") this.state.storage.put("value", count);
    return Response.json({ count, wasInitialized });
  }
}
