// The API beside the static files of public/: only what is under /api/ comes here (run_worker_first).
const kStates = ["high tide", "ebb", "low tide", "flood"];
const kPeriodMs = 12.42 * 3600 * 1000;

const tideAt = (time) => kStates[Math.floor((4 * (time % kPeriodMs)) / kPeriodMs)];

export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    if (url.pathname === "/api/tide") {
      const time = Number(url.searchParams.get("at") ?? Date.now());
      if (!Number.isFinite(time)) return Response.json({ error: "at must be milliseconds since 1970" }, { status: 400 });
      return Response.json({ tide: tideAt(time) });
    }
    // The files are at hand for the script too: this one answers with the page and a header of its own.
    if (url.pathname === "/api/page") {
      const page = await env.ASSETS.fetch(new URL("/", url));
      const answer = new Response(page.body, page);
      answer.headers.set("X-Made-By", "the script");
      return answer;
    }
    return Response.json({ error: `there is no ${url.pathname}` }, { status: 404 });
  },
};
