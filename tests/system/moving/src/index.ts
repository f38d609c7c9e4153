import { Hono } from "hono";
import { cors } from "hono/cors";
import { nanoid } from "nanoid";
import { Guestbook, type Entry } from "@/guestbook";
import { Limiter } from "./limiter";
import notes from "./notes.txt";
export { Guestbook, Limiter };

interface Env {
  GUESTBOOK: DurableObjectNamespace<Guestbook>;
  LIMITER: DurableObjectNamespace<Limiter>;
  SETTINGS: KVNamespace;
  ASSETS: Fetcher;
  TITLE: string;
  OPTIONS: { max: number };
}

const app = new Hono<{ Bindings: Env }>();
app.use("/api/*", cors());
app.get("/api/about", async ({ env, json }) => {
  const greeting = await env.SETTINGS.get<{ text: string }>("greeting", "json");
  return json({ title: env.TITLE, max: env.OPTIONS.max, notes: notes.trim(), greeting: greeting?.text ?? null });
});
app.put("/api/greeting", async ({ env, req, body }) => {
  await env.SETTINGS.put("greeting", JSON.stringify({ text: await req.text() }));
  return body(null, 204);
});
app.get("/api/books/:book", async ({ env, req, json }) => json(await env.GUESTBOOK.getByName(req.param("book")).entries()));
app.post("/api/books/:book", async ({ env, req, json, text }) => {
  const limiter = env.LIMITER.get(env.LIMITER.idFromName(req.header("cf-connecting-ip") ?? "unknown"));
  if (!(await limiter.take())) return text("slow down", 429);
  const entry: Entry = { id: nanoid(), ...(await req.json<Omit<Entry, "id">>()) };
  return json(await env.GUESTBOOK.getByName(req.param("book")).sign(entry), 201);
});
app.all("*", ({ env, req }) => env.ASSETS.fetch(req.raw));

export default {
  fetch: app.fetch,
  async scheduled(_controller, env) {
    await env.SETTINGS.put("swept", "yes");
  },
} satisfies ExportedHandler<Env>;
