import { DurableObject } from "cloudflare:workers";

// Three entries, then no more.
export class Limiter extends DurableObject {
  async take() {
    const taken = (await this.ctx.storage.get<number>("taken")) ?? 0;
    if (taken >= 3) return false;
    await this.ctx.storage.put("taken", taken + 1);
    return true;
  }
}
