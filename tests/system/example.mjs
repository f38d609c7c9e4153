// An example on a server of its own, on limpet or, with EXAMPLES_ON=workerd, on workerd.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { corePid, deploy, kRepository, request, startLimpet, startWorkerd, temporaryFolder, until } from "./lib.mjs";

export const kOnWorkerd = process.env.EXAMPLES_ON === "workerd";

// The files of examples/NAME/src, the main module first. `main`: a main module of the test's own, which may import it.
export function modulesOf(name, main) {
  const folder = join(kRepository, "examples", name, "src");
  const files = readdirSync(folder).sort((a, b) => (b === "index.mjs") - (a === "index.mjs") || a.localeCompare(b));
  const modules = Object.fromEntries(files.map((file) => [file, readFileSync(join(folder, file))]));
  return main ? { "test.mjs": main, ...modules } : modules;
}

// { url, kill(), startAgain(), stop(), alarms }. The data outlives a kill, and so does the address. `alarms` is false where
// the server has no setAlarm yet. Of `script`: { name, modules, classes, flags, vars }.
export async function startExample({ flags = [], ...script }) {
  if (kOnWorkerd) {
    const folder = temporaryFolder("workerd-example");
    let server = await startWorkerd({ ...script, sqlite: true, folder });
    return {
      alarms: true, url: server.url,
      kill: async () => await server.stop("SIGKILL"),
      startAgain: async () => { server = await startWorkerd({ ...script, sqlite: true, folder, listen: `127.0.0.1:${server.port}` }); },
      stop: async () => await server.stop(),
    };
  }
  let server = await startLimpet({ flags });
  await server.deploy({ ...script, sqlite: true });
  return {
    alarms: await hasAlarms(server), url: server.of(script.name),
    metric: async (name) => await server.metric(name),
    kill: async () => {
      const core = corePid(server.running.pid);
      await server.stop("SIGKILL");
      await until("the end of the core", () => !existsSync(`/proc/${core}`));
    },
    startAgain: async () => { server = await startLimpet({ dataDir: server.dataDir, listen: `127.0.0.1:${server.port}`, flags }); },
    stop: async () => await server.stop(),
  };
}

// Whether objects on this server can set an alarm.
export async function hasAlarms(server) {
  await deploy(server, { name: "alarm-probe", classes: ["Probe"], code: `
    export default { fetch: (request, env) => env.Probe.get(env.Probe.idFromName("probe")).fetch(request) };
    export class Probe {
      constructor(ctx) { this.ctx = ctx; }
      alarm() {}
      async fetch() {
        const error = await this.ctx.storage.setAlarm(Date.now() + 3_600_000).then(() => undefined, (error) => error);
        if (!error) await this.ctx.storage.deleteAlarm();
        return new Response(error ? error.message : "yes");
      }
    }` });
  const { body } = await request(`${server.of("alarm-probe")}/`);
  await server.remove?.("alarm-probe");
  if (body !== "yes" && !/alarm/i.test(body)) throw new Error(`the probe for alarms: ${body}`);
  return body === "yes";
}
export const kNoAlarms = "this server has no setAlarm yet";
