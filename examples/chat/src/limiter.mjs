// One object for each client address, asked by every room that the client speaks in.
export class RateLimiter {
  constructor(ctx, env) {
    this.msPerAction = Number(env.SECONDS_PER_ACTION) * 1_000;  // In the long run a client may act once in this time.
    this.graceMs = Number(env.GRACE_SECONDS) * 1_000;           // It may be this much ahead of that before it must wait.
    // Kept in memory alone: an object that was idle for long enough to be evicted owes nothing anyway.
    this.nextAllowedMs = 0;
  }

  // Answers how many seconds the client must wait; 0 when it may act now, and that counts as an action.
  async fetch(request) {
    const now = Date.now();
    const next = Math.max(now, this.nextAllowedMs);
    const waitMs = Math.max(0, next - now - this.graceMs);
    if (waitMs === 0) this.nextAllowedMs = next + this.msPerAction;
    return new Response(String(waitMs / 1_000));
  }
}
