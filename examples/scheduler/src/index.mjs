// The scheduler over HTTP. Its methods are there for other Workers too, over RPC: see scheduler.mjs.
//   GET    /tasks       what is planned, the next first: 100 a page; ?after=CURSOR goes on
//   PUT    /tasks/ID    plans a task: { "at": ISO time or ms, or "in": seconds, "every": seconds, "payload": any JSON }
//   GET    /tasks/ID
//   DELETE /tasks/ID    cancels it
//   GET    /runs        what ran, the newest first
// ID is up to 64 letters, digits, "-", "_" and ".". It is the client's: the same PUT twice plans one task.
export { Journal } from "./journal.mjs";
export { Scheduler } from "./scheduler.mjs";

export default {
  async fetch(request, env) {
    const scheduler = env.SCHEDULERS.get(env.SCHEDULERS.idFromName("main"));
    const { pathname, searchParams } = new URL(request.url);
    const route = `${request.method} ${pathname.replace(/^\/tasks\/[\w.-]{1,64}$/, "/tasks/ID")}`;
    const id = pathname.slice("/tasks/".length);
    switch (route) {
      case "GET /tasks": return Response.json(await scheduler.list(searchParams.get("after") ?? undefined));
      case "GET /tasks/ID": return found(await scheduler.get(id));
      case "DELETE /tasks/ID": return found(await scheduler.cancel(id));
      case "PUT /tasks/ID": {
        const wish = await request.json().catch(() => undefined);
        const { task, created, error } = await scheduler.plan(id, wish);
        return error ? Response.json({ error }, { status: 400 }) : Response.json(task, { status: created ? 201 : 200 });
      }
      case "GET /runs": return Response.json(await env.JOURNALS.get(env.JOURNALS.idFromName("main")).newest());
      default: return Response.json({ error: `There is no ${request.method} ${pathname}.` }, { status: 404 });
    }
  },
};

const found = (task) => (task ? Response.json(task) : Response.json({ error: "There is no such task." }, { status: 404 }));
