// Tasks, each with a time and perhaps a repetition, in SQL; and the one alarm of the object, set to the next of them.
//
// A task runs at least once for each time it is due. If the process ends between the run and the note that it ran, it runs
// again, under the same key: who receives it can tell (see journal.mjs). Times that passed while the server was down are
// one run, not many. A run that fails is tried again after 1 s, 2 s, 4 s, … up to an hour, and holds up no other task.
import { DurableObject } from "cloudflare:workers";

const kTasksMax = 10_000;
const kTasksPerPage = 100;
const kRunsPerAlarm = 100;  // More that are due wait for the next alarm, which comes at once.
const kPayloadLengthMax = 16_384;
const kSecondsMax = 100 * 365 * 86_400;
const kRetryMsMax = 3_600_000;

export class Scheduler extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    this.sql = ctx.storage.sql;
    // due: the time it is meant for, which names the run. wake: when to try, later than due once it failed.
    this.sql.exec(`
      CREATE TABLE IF NOT EXISTS tasks(id TEXT PRIMARY KEY, wish TEXT NOT NULL, due INTEGER NOT NULL, wake INTEGER NOT NULL, every INTEGER,
                                       payload TEXT NOT NULL, failures INTEGER NOT NULL DEFAULT 0, error TEXT);
      CREATE INDEX IF NOT EXISTS tasks_by_wake ON tasks(wake, id);`);
  }

  // Plans task `id`: { task, created } or { error }. The same wish again changes nothing, another one takes its place.
  async plan(id, wish) {
    const { due, every, payload, error } = check(id, wish);
    if (error) return { error };
    const same = JSON.stringify(wish);
    const [before] = this.sql.exec("SELECT wish FROM tasks WHERE id = ?", id);
    if (before?.wish !== same) {
      if (!before && this.sql.exec("SELECT count(*) AS count FROM tasks").one().count >= kTasksMax) {
        return { error: `There are ${kTasksMax} tasks already.` };
      }
      this.sql.exec("INSERT OR REPLACE INTO tasks(id, wish, due, wake, every, payload) VALUES(?, ?, ?, ?, ?, ?)",
                    id, same, due, due, every, payload);
    }
    await this.arm();  // In the same burst as the task: both are on disk, or neither.
    return { task: this.get(id), created: !before };
  }

  // The task, or null.
  get(id) {
    const [row] = this.sql.exec("SELECT * FROM tasks WHERE id = ?", id);
    return row ? shown(row) : null;
  }

  // The task that will not run any more, or null if there was none. A run under way is not stopped.
  async cancel(id) {
    const task = this.get(id);
    this.sql.exec("DELETE FROM tasks WHERE id = ?", id);
    await this.arm();
    return task;
  }

  // { tasks, after }: with `after`, there are more.
  list(after) {
    const [, wake, id] = /^(\d{1,15}):(.*)$/.exec(after ?? "") ?? [0, -1, ""];
    const rows = this.sql.exec("SELECT * FROM tasks WHERE (wake, id) > (?, ?) ORDER BY wake, id LIMIT ?", Number(wake), id, kTasksPerPage + 1).toArray();
    const page = rows.slice(0, kTasksPerPage);
    return { tasks: page.map(shown), after: rows.length > page.length ? `${page.at(-1).wake}:${page.at(-1).id}` : undefined };
  }

  async alarm() {
    const rows = this.sql.exec("SELECT * FROM tasks WHERE wake <= ? ORDER BY wake, id LIMIT ?", Date.now(), kRunsPerAlarm).toArray();
    for (const row of rows) await this.run(row);
    await this.arm();
  }

  async run({ id, due, every, payload, failures }) {
    let error;
    try {
      await this.deliver(`${id}@${new Date(due).toISOString()}`, JSON.parse(payload));
    } catch (thrown) {
      error = String(thrown?.message ?? thrown);
    }
    // While it ran, it may have been cancelled or planned anew: then it is no longer the row that was due.
    if (error !== undefined) {
      const wake = Date.now() + Math.min(kRetryMsMax, 1_000 * 2 ** failures);
      this.sql.exec("UPDATE tasks SET wake = ?, failures = failures + 1, error = ? WHERE id = ? AND due = ?", wake, error, id, due);
    } else if (every === null) {
      this.sql.exec("DELETE FROM tasks WHERE id = ? AND due = ?", id, due);
    } else {
      const next = due + every * (Math.max(0, Math.floor((Date.now() - due) / every)) + 1);
      this.sql.exec("UPDATE tasks SET due = ?, wake = ?, failures = 0, error = NULL WHERE id = ? AND due = ?", next, next, id, due);
    }
  }

  // What a run does: the place for your own. A throw is a failed run.
  async deliver(key, payload) {
    await this.env.JOURNALS.get(this.env.JOURNALS.idFromName("main")).record(key, payload);
  }

  async arm() {
    const { next } = this.sql.exec("SELECT min(wake) AS next FROM tasks").one();
    if (next !== null) await this.ctx.storage.setAlarm(next);
    else await this.ctx.storage.deleteAlarm();
  }
}

const shown = ({ id, due, wake, every, payload, failures, error }) => ({
  id, due: new Date(due).toISOString(), every: every === null ? undefined : every / 1_000, payload: JSON.parse(payload),
  ...(failures > 0 ? { failures, error, retry: new Date(wake).toISOString() } : {}),
});

// { due, every, payload } or { error }.
function check(id, wish) {
  if (typeof id !== "string" || !/^[\w.-]{1,64}$/.test(id)) return { error: "An ID is up to 64 letters, digits, \"-\", \"_\" and \".\"." };
  if (typeof wish !== "object" || wish === null || Array.isArray(wish)) return { error: "Send an object as JSON." };
  const unknown = Object.keys(wish).find((key) => !["at", "in", "every", "payload"].includes(key));
  if (unknown !== undefined) return { error: `There is no "${unknown}" in a task.` };
  const { at, in: seconds, every, payload = null } = wish;
  if ((at === undefined) === (seconds === undefined)) return { error: "Say when: either \"at\" or \"in\"." };
  if (seconds !== undefined && !(typeof seconds === "number" && seconds >= 0 && seconds <= kSecondsMax)) {
    return { error: "\"in\" is a number of seconds." };
  }
  const due = seconds !== undefined ? Date.now() + Math.round(seconds * 1_000) : typeof at === "number" ? Math.round(at) : Date.parse(at);
  if (!(due >= 0 && due <= Date.now() + kSecondsMax * 1_000)) return { error: "\"at\" is a time like 2030-01-31T12:00:00Z, or milliseconds since 1970." };
  if (every !== undefined && !(typeof every === "number" && every >= 1 && every <= kSecondsMax)) {
    return { error: "\"every\" is a number of seconds, at least 1." };
  }
  const text = JSON.stringify(payload);
  if (text.length > kPayloadLengthMax) return { error: `A payload has up to ${kPayloadLengthMax} characters.` };
  return { due, every: every === undefined ? null : Math.round(every * 1_000), payload: text };
}
