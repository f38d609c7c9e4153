// ./dev demo: starts a server, deploys the examples, says what to open. Ctrl-C stops it.
//   node tools/demo.mjs [--port N] [--admin-port N] [--data-dir DIR]
import { spawn, spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const kRoot = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const kLimpet = join(kRoot, "bin/limpet");
const { values } = parseArgs({ options: { port: { type: "string", default: "8787" }, "admin-port": { type: "string", default: "8788" },
                                          "data-dir": { type: "string", default: join(kRoot, "limpet-data") } } });

const server = spawn(kLimpet, ["serve", "--data-dir", values["data-dir"], "--listen", `127.0.0.1:${values.port}`,
                               "--admin-listen", `127.0.0.1:${values["admin-port"]}`], { stdio: ["ignore", "pipe", "inherit"] });
server.on("exit", (code) => process.exit(code ?? 0));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => server.kill("SIGTERM"));

const [port, adminPort] = await new Promise((done) => {
  let text = "";
  let found = false;
  server.stdout.on("data", (data) => {
    process.stdout.write(data);
    if (found) return;
    text += data;
    const line = text.split("\n").slice(0, -1).find((each) => (each.match(/:\d+/g) ?? []).length >= 2);
    if (!line) return;
    found = true;
    done(line.match(/:(\d+)/g).map((each) => Number(each.slice(1))));
  });
});

const env = { ...process.env, LIMPET_SERVER: `http://127.0.0.1:${adminPort}`,
              LIMPET_TOKEN: readFileSync(join(values["data-dir"], "admin-token"), "utf8").trim() };
for (const example of readdirSync(join(kRoot, "examples")).sort()) {
  const { status, stdout, stderr } = spawnSync(kLimpet, ["publish"], { cwd: join(kRoot, "examples", example), env, encoding: "utf8" });
  if (status !== 0) console.error(`examples/${example} was not deployed:\n${stdout}${stderr}`);
}

const base = (name) => `http://${name}.localhost:${port}`;
console.log(`
The examples are running. Open in a browser, or try with curl:

  ${base("chat")}/                      (rooms to talk in; open it in two windows)
  ${base("agent")}/                     (a conversation that lasts; on a phone too)
  ${base("scheduler")}/tasks            (tasks by PUT, see examples/scheduler)
  ${base("site")}/                      (static files and a script beside them)
  ${base("links")}/                     (short links in KV, see examples/links)
  ${base("hello")}/
  ${base("counter")}/increment          (also / and /decrement)
  ${base("counter-pair")}/increment     (two objects answer)
  ${base("rate-limiter")}/              (a sixth quick request is told to wait)

To publish something of your own, in another terminal:

  bin/limpet generate my-worker && cd my-worker && ../bin/limpet publish --new-class Counter

Ctrl-C stops the server.`);
