const kMsPerAction = 5_000;   // In the long run each client may act once in this time.
const kGraceMs = 20_000;      // It may be this much ahead of that before it is told to wait.

// One object for each client address: clients never wait for one another.
export default {
  async fetch(request, env) {
    const address = request.headers.get("CF-Connecting-IP") ?? "unknown";
    const limiter = env.LIMITERS.get(env.LIMITERS.idFromName(address));
    const response = await limiter.fetch("https://limiter/", { method: "POST" });
    const waitSeconds = Number(await response.text());
    if (waitSeconds > 0) {
      return new Response(`Too fast: wait ${waitSeconds.toFixed(1)} s\n`, {
        status: 429,
        headers: { "Retry-After": String(Math.ceil(waitSeconds)) },
      });
    }
    return new Response(`Welcome, ${address}\n`);
  },
};

export class RateLimiter {
  constructor(state, env) {
    // Kept in memory alone: an object that was idle for long enough to be evicted owes nothing anyway.
    this.nextAllowedMs = 0;
  }

  // Answers how many seconds the client must wait; 0 when it may act now, which counts as an action.
  async fetch(request) {
    const now = Date.now();
    const next = Math.max(now, this.nextAllowedMs);
    const waitMs = Math.max(0, next - now - kGraceMs);
    if (waitMs === 0 && request.method === "POST") this.nextAllowedMs = next + kMsPerAction;
    return new Response(String(waitMs / 1000));
  }
}
