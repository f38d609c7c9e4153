export default { fetch: (request) => new Response(`plain ${new URL(request.url).pathname}`) };
