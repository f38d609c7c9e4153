// Short links. PUT /NAME with an address as the body keeps it, GET /NAME leads there, DELETE /NAME forgets it, GET / lists.
const kDays = 30;

async function keep(env, name, request) {
  const address = (await request.text()).trim();
  if (!URL.canParse(address)) return new Response("The body must be an address.\n", { status: 400 });
  await env.LINKS.put(name, address, { expirationTtl: kDays * 86_400, metadata: { made: new Date().toISOString() } });
  return new Response(`${name} leads to ${address} for ${kDays} days\n`);
}

export default {
  async fetch(request, env) {
    const name = decodeURIComponent(new URL(request.url).pathname.slice(1));
    if (name === "") {
      const { keys } = await env.LINKS.list();
      return new Response(keys.map((key) => `${key.name}  since ${key.metadata?.made ?? "some time"}\n`).join(""));
    }
    if (request.method === "PUT") return keep(env, name, request);
    if (request.method === "DELETE") {
      await env.LINKS.delete(name);
      return new Response(`${name} is forgotten\n`);
    }
    const address = await env.LINKS.get(name);
    return address === null ? new Response("There is no such link.\n", { status: 404 }) : Response.redirect(address, 302);
  },
};
