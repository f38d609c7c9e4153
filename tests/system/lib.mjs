// What the black-box tests share: starting and stopping servers in temporary folders, HTTP by host name, deploying.
// Nothing here sleeps for a fixed time: waiting is polling for an event with a deadline.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

process.setMaxListeners(0);  // One exit listener for each child and folder.

export const kRepository = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
export const kLimpet = process.env.LIMPET_BINARY ?? join(kRepository, "bin/limpet");
export const kWorkerd = join(kRepository, "node_modules/@cloudflare/workerd-linux-64/bin/workerd");
// Deadlines are for what hangs, not for what is slow: nobody waits for them in a run that is well.
export const kReadyDeadlineMs = 180_000;

// The program is one with sanitizers: figures of its memory say nothing.
export const kSanitized = process.env.LIMPET_SANITIZED === "1";

export const limpetExists = () => existsSync(kLimpet);

// A folder that is gone when the process ends.
export function temporaryFolder(label = "limpet-test") {
  const folder = mkdtempSync(join(tmpdir(), `${label}-`));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

// Polls `probe` until it gives something truthy. Throws, naming `what`, after `deadlineMs`, or at once if `probe` throws an
// error marked `final`.
export async function until(what, probe, deadlineMs = 60_000) {
  const end = performance.now() + deadlineMs;
  let last;
  for (;;) {
    try {
      last = await probe();
      if (last) return last;
    } catch (error) {
      if (error.final) throw error;
      last = error;
    }
    if (performance.now() > end) throw new Error(`waited ${deadlineMs} ms for ${what}; last: ${last?.stack ?? last}`);
    await new Promise((done) => setTimeout(done, 5));
  }
}

// One HTTP request; resolves with { status, headers, body (text), bytes }. `host` overrides the Host header.
export function request(url, { method = "GET", headers = {}, body, host, agent, timeoutMs = 120_000 } = {}) {
  return new Promise((done, fail) => {
    const target = new URL(url);
    const options = {
      hostname: target.hostname.endsWith(".localhost") ? "127.0.0.1" : target.hostname,
      port: target.port, path: target.pathname + target.search, method, agent,
      headers: { host: host ?? target.host, ...headers },
    };
    const sent = http.request(options, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("error", fail);
      response.on("end", () => {
        const bytes = Buffer.concat(chunks);
        done({ status: response.statusCode, headers: response.headers, bytes, body: bytes.toString() });
      });
    });
    sent.setTimeout(timeoutMs, () => sent.destroy(new Error(`no answer within ${timeoutMs} ms: ${method} ${url}`)));
    sent.on("error", fail);
    if (body && typeof body.pipe === "function") body.pipe(sent);
    else sent.end(body);
  });
}

// A child process whose output is kept; `exited` resolves with { code, signal }.
export function run(command, args, { cwd, env, stdio } = {}) {
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: stdio ?? ["ignore", "pipe", "pipe"] });
  const running = { child, pid: child.pid, stdout: "", stderr: "" };
  child.stdout?.on("data", (data) => (running.stdout += data));
  child.stderr?.on("data", (data) => (running.stderr += data));
  running.exited = new Promise((done) => {
    child.on("error", (error) => done({ code: -1, signal: null, error: error.message }));
    child.on("close", (code, signal) => done({ code, signal }));
  });
  const stopOnExit = () => child.kill("SIGKILL");
  process.on("exit", stopOnExit);
  running.exited.then(() => process.off("exit", stopOnExit));
  return running;
}

// Runs the tool to its end. Resolves with { code, stdout, stderr }.
export async function limpet(args, options = {}) {
  const running = run(kLimpet, args, options);
  const { code, signal } = await running.exited;
  return { code, signal, stdout: running.stdout, stderr: running.stderr };
}

// Starts `limpet serve` on free ports. The ready line names the public address first, the admin address second.
export async function startLimpet({ dataDir = temporaryFolder("limpet-data"), shards = 2, listen = "127.0.0.1:0",
                                    adminListen = "127.0.0.1:0", flags = [], env, deadlineMs = kReadyDeadlineMs } = {}) {
  const args = ["serve", "--data-dir", dataDir, "--listen", listen, "--admin-listen", adminListen, "--shards", String(shards)];
  const running = run(kLimpet, [...args, ...flags], { env });
  let ended;
  running.exited.then((result) => (ended = result));
  const ports = await until("limpet's ready line", () => {
    if (ended) throw Object.assign(new Error(`limpet serve ended: ${JSON.stringify(ended)}\n${running.stderr}`), { final: true, ended, running });
    const line = running.stdout.split("\n").slice(0, -1).find((text) => (text.match(/:\d+/g) ?? []).length >= 2);
    return line && line.match(/:(\d+)/g).map((port) => Number(port.slice(1)));
  }, deadlineMs).catch((error) => {
    running.child.kill("SIGKILL");
    throw error;
  });
  const server = { ...running, running, dataDir, port: ports[0], adminPort: ports[1] };
  server.url = `http://127.0.0.1:${server.port}`;
  server.admin = `http://127.0.0.1:${server.adminPort}`;
  server.token = readFileSync(join(dataDir, "admin-token"), "utf8").trim();
  server.of = (name) => `http://${name}.localhost:${server.port}`;
  server.env = { LIMPET_SERVER: server.admin, LIMPET_TOKEN: server.token };
  server.fetch = (name, path = "/", options = {}) => request(server.of(name) + path, options);
  server.deploy = (script) => deploy(server, script);
  server.metrics = async () => (await request(`${server.admin}/metrics`)).body;
  server.metric = async (name) => {  // The sum over its labels.
    const values = (await server.metrics()).matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\d+)$`, "gm"));
    return [...values].reduce((sum, value) => sum + Number(value[1]), 0);
  };
  server.remove = (name) => api(server, "DELETE", `/workers/scripts/${name}?force=true`);
  server.stop = async (signal = "SIGTERM") => {
    running.child.kill(signal);
    return await running.exited;
  };
  return server;
}

// The running core: the one child of the launcher. Linux only.
export function corePid(launcherPid) {
  const children = readFileSync(`/proc/${launcherPid}/task/${launcherPid}/children`, "utf8").trim().split(" ").filter(Boolean);
  return children.length > 0 ? Number(children[0]) : undefined;
}

// A call of the REST API; resolves with { status, json }.
export async function api(server, method, path, { body, headers = {}, token = server.token } = {}) {
  const answer = await request(`${server.admin}/client/v4/accounts/local${path}`,
                               { method, body, headers: { authorization: `Bearer ${token}`, ...headers } });
  let json;
  try {
    json = JSON.parse(answer.body);
  } catch {
    json = undefined;
  }
  return { status: answer.status, json, body: answer.body, headers: answer.headers };
}

const kModuleTypes = {
  ".mjs": "application/javascript+module", ".js": "application/javascript+module", ".cjs": "application/javascript", ".wasm": "application/wasm",
  ".txt": "text/plain", ".html": "text/plain", ".bin": "application/octet-stream", ".json": "application/json",
};
export const moduleType = (name) => kModuleTypes[name.slice(name.lastIndexOf("."))] ?? "application/octet-stream";

// The upload form: `modules` is { name: content }, the first one is the main module; with `script` it is in service-worker
// format.
export function uploadForm({ modules, script = false, bindings = [], migrations, compatibilityDate = "2026-03-01", metadata = {} }) {
  const boundary = "----limpet-test-0123456789abcdef";
  const names = Object.keys(modules);
  const meta = { [script ? "body_part" : "main_module"]: names[0], bindings, compatibility_date: compatibilityDate, compatibility_flags: [],
                 ...(migrations ? { migrations } : {}), ...metadata };
  const chunks = [Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="metadata"\r\n\r\n${JSON.stringify(meta)}\r\n`)];
  for (const name of names) {
    chunks.push(Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="${name}"; filename="${name}"\r\n` +
                            `Content-Type: ${script && name === names[0] ? "application/javascript" : moduleType(name)}\r\n\r\n`), Buffer.from(modules[name]), Buffer.from("\r\n"));
  }
  chunks.push(Buffer.from(`--${boundary}--\r\n`));
  return { body: Buffer.concat(chunks), type: `multipart/form-data; boundary=${boundary}` };
}

// Of `classes`: each a name, bound under that name, or a pair [binding, class].
const classBindings = (classes) => classes.map((each) => (Array.isArray(each) ? { name: each[0], className: each[1] } : { name: each, className: each }));

// Deploys { name, modules | code, classes, vars, newClasses, services: [{ name, service, … }] }. Throws if it is refused.
export async function deploy(server, script) {
  const answer = await tryDeploy(server, script);
  if (!answer.json?.success) throw new Error(`deploy of ${script.name} was refused: ${answer.status} ${answer.body.slice(0, 2000)}`);
  return answer.json.result;
}

// `sqliteClasses`: those of a script that has classes of both kinds.
export async function tryDeploy(server, { name, modules, code, classes = [], sqliteClasses = [], newClasses, sqlite = false, vars = {}, services = [], kv = {}, ...rest }) {
  const bound = classBindings([...classes, ...sqliteClasses]);
  newClasses ??= classBindings(classes).map((each) => each.className);
  const bindings = [
    ...bound.map((each) => ({ type: "durable_object_namespace", name: each.name, class_name: each.className })),
    ...Object.entries(vars).map(([key, text]) => ({ type: "plain_text", name: key, text })),
    ...services.map((each) => ({ type: "service", ...each })),
    ...Object.entries(kv).map(([key, id]) => ({ type: "kv_namespace", name: key, namespace_id: id })),
  ];
  const steps = newClasses.length > 0 ? [{ [sqlite ? "new_sqlite_classes" : "new_classes"]: newClasses }] : [];
  if (sqliteClasses.length > 0) steps.push({ new_sqlite_classes: classBindings(sqliteClasses).map((each) => each.className) });
  const migrations = steps.length > 0 ? { steps } : undefined;
  const form = uploadForm({ modules: modules ?? { "index.mjs": code }, bindings, migrations, ...rest });
  return await api(server, "PUT", `/workers/scripts/${name}?excludeScript=true`,
                   { body: form.body, headers: { "content-type": form.type } });
}

// The ID of a new KV namespace.
export async function makeKvNamespace(server, title) {
  const answer = await api(server, "POST", "/storage/kv/namespaces", { body: JSON.stringify({ title }) });
  if (!answer.json?.success) throw new Error(`no KV namespace ${title}: ${answer.status} ${answer.body}`);
  return answer.json.result.id;
}

// Starts workerd as miniflare does, which brings along what answers for bindings to KV: `kv`, their names.
export async function startMiniflare({ modules, classes = [], vars = {}, kv = [], compatibilityDate = "2026-03-01", compatibilityFlags = [], folder }) {
  const { convertV4MiniflareOptions, Miniflare } = await import("miniflare");
  const types = { ".mjs": "ESModule", ".js": "ESModule", ".wasm": "CompiledWasm", ".txt": "Text", ".html": "Text", ".bin": "Data" };
  const miniflare = new Miniflare(convertV4MiniflareOptions({
    name: "main", host: "127.0.0.1", port: 0, compatibilityDate, compatibilityFlags, bindings: vars, kvNamespaces: kv, kvPersist: folder,
    modules: Object.entries(modules).map(([path, contents]) => ({ type: types[path.slice(path.lastIndexOf("."))], path, contents: String(contents) })),
    durableObjects: Object.fromEntries(classBindings(classes).map((each) => [each.name, each.className])),
  }));
  const url = await miniflare.ready;
  return { url: url.origin, stop: () => miniflare.dispose() };
}

const kModuleFields = { ".mjs": "esModule", ".js": "esModule", ".cjs": "commonJsModule", ".wasm": "wasm", ".txt": "text", ".html": "text", ".bin": "data", ".json": "json" };
const quote = JSON.stringify;
const designator = ({ service, entrypoint, props }) => `(name = ${quote(service)}${entrypoint ? `, entrypoint = ${quote(entrypoint)}` : ""}` +
  `${props ? `, props = (json = ${quote(quote(props))})` : ""})`;

// A Worker of workerd's configuration; its modules become files in `folder`.
function workerdWorker(name, folder, { modules, script = false, classes = [], sqliteClasses = [], sqlite = false, vars = {}, services = [], tails = [], compatibilityDate = "2026-03-01", compatibilityFlags = [] }) {
  const bound = classBindings([...classes, ...sqliteClasses]);
  const names = Object.keys(modules);
  const embeds = names.map((module, index) => {
    writeFileSync(join(folder, `${name}-module-${index}`), modules[module]);
    return `(name = ${quote(module)}, ${kModuleFields[module.slice(module.lastIndexOf("."))]} = embed "${name}-module-${index}")`;
  });
  return `(
  ${script ? `serviceWorkerScript = embed "${name}-module-0"` : `modules = [${embeds.join(",\n    ")}]`},
  compatibilityDate = ${quote(compatibilityDate)},
  compatibilityFlags = [${compatibilityFlags.map(quote).join(", ")}],
  bindings = [${[
    ...bound.map((each) => `(name = ${quote(each.name)}, durableObjectNamespace = ${quote(each.className)})`),
    ...Object.entries(vars).map(([key, text]) => `(name = ${quote(key)}, text = ${quote(text)})`),
    ...services.map((each) => `(name = ${quote(each.name)}, service = ${designator(each)})`),
  ].join(", ")}],
  durableObjectNamespaces = [${bound.map(({ className }) => `(className = ${quote(className)}, uniqueKey = ${quote(className)}${sqlite || sqliteClasses.includes(className) ? ", enableSql = true" : ""})`).join(", ")}],
  ${bound.length > 0 ? `durableObjectStorage = (localDisk = "storage"),` : ""}
  tails = [${tails.map(quote).join(", ")}],
)`;
}

// Starts workerd with one Worker, which answers, and `others` ({ name: worker }); all as in deploy. Durable Objects keep
// their data in `storage`, a folder.
export async function startWorkerd({ folder = temporaryFolder("workerd"), listen = "127.0.0.1:0", trusted = [], others = {}, ...main }) {
  spawnSync("mkdir", ["-p", join(folder, "storage")]);
  const services = Object.entries({ main, ...others })
    .map(([name, worker]) => `    (name = ${quote(name)}, worker = ${workerdWorker(name, folder, worker)}),\n`);
  writeFileSync(join(folder, "config.capnp"), `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
${services.join("")}    (name = "storage", disk = (path = ${quote(join(folder, "storage"))}, writable = true)),
    (name = "internet", network = (allow = ["public", "private"], tlsOptions = (trustBrowserCas = true, trustedCertificates = [${trusted.map(quote).join(", ")}]))),
  ],
  sockets = [(name = "http", address = ${quote(listen)}, http = (), service = "main")],
);
`);
  const running = run(kWorkerd, ["serve", "--control-fd=3", join(folder, "config.capnp")], { stdio: ["ignore", "pipe", "pipe", "pipe"] });
  let control = "";
  running.child.stdio[3].on("data", (data) => (control += data));
  let ended;
  running.exited.then((result) => (ended = result));
  const port = await until("workerd's port", () => {
    if (ended) throw Object.assign(new Error(`workerd ended: ${JSON.stringify(ended)}\n${running.stderr}`), { final: true });
    return Number(control.match(/"event":"listen".*?"port":(\d+)/)?.[1]);
  });
  const stop = async (signal = "SIGTERM") => {
    running.child.kill(signal);
    return await running.exited;
  };
  return { ...running, running, port, url: `http://127.0.0.1:${port}`, folder, stop };
}
