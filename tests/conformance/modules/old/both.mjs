addEventListener("fetch", (event) => event.respondWith(new Response("listened")));
export default { fetch: () => new Response("handled") };
