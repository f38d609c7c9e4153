// examples/chat in a browser: people in rooms, reload, a killed server, the rate limit, what is said as HTML.
// CHAT_ON=workerd runs the same on workerd.
import assert from "node:assert/strict";
import dns from "node:dns";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";
import { corePid, kRepository, startLimpet, startWorkerd, temporaryFolder, until } from "./lib.mjs";

const kBrowser = "/usr/bin/chromium";
const kBrowserFlags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
                       "--disable-component-update", "--disable-sync"];
const kWaitMs = 60_000;
const kOnWorkerd = process.env.CHAT_ON === "workerd";

const source = join(kRepository, "examples/chat/src");
const script = {
  modules: Object.fromEntries(["index.mjs", "room.mjs", "limiter.mjs", "chat.html"].map((name) => [name, readFileSync(join(source, name))])),
  classes: [["ROOMS", "ChatRoom"], ["LIMITERS", "RateLimiter"]],
};
const kUnlimited = { SECONDS_PER_ACTION: "0", GRACE_SECONDS: "0" };
const kLimited = { SECONDS_PER_ACTION: "2", GRACE_SECONDS: "2" };   // Two at once, the third after 2 s.

// A server with the example: { url, kill(), startAgain(), stop() }. Its data outlives a kill, and so does its address.
async function startChat(vars, flags = []) {
  let server;
  if (kOnWorkerd) {
    const folder = temporaryFolder("workerd-chat");
    server = await startWorkerd({ ...script, vars, folder });
    return {
      url: server.url,
      kill: async () => await server.stop("SIGKILL"),
      startAgain: async () => { server = await startWorkerd({ ...script, vars, folder, listen: `127.0.0.1:${server.port}` }); },
      stop: async () => await server.stop(),
    };
  }
  server = await startLimpet({ flags });
  await server.deploy({ ...script, name: "chat", vars });
  return {
    metric: (name) => server.metric(name),
    deployAgain: async () => await server.deploy({ ...script, name: "chat", vars, newClasses: [] }),
    url: server.of("chat"),
    kill: async () => {
      const core = corePid(server.running.pid);
      await server.stop("SIGKILL");
      await until("the end of the core", () => !existsSync(`/proc/${core}`));
    },
    startAgain: async () => { server = await startLimpet({ dataDir: server.dataDir, listen: `127.0.0.1:${server.port}` }); },
    stop: async () => await server.stop(),
  };
}

let browser;
before(async () => {
  assert.ok(existsSync(kBrowser), `${kBrowser} does not exist: run ./dev bootstrap`);
  browser = await chromium.launch({ executablePath: kBrowser, args: kBrowserFlags });  // With an empty profile of its own.
});
after(() => browser?.close());

// Somebody with a browser profile of their own. Errors of the page fail the test at its end; refused connections are no errors.
const people = [];
async function person(name, url) {
  const context = await browser.newContext({ reducedMotion: "reduce" });
  context.setDefaultTimeout(kWaitMs);
  const page = await context.newPage();
  const self = { name, page, errors: [] };
  page.on("pageerror", (error) => self.errors.push(error.message));
  page.on("console", (message) => message.type() === "error" && !/WebSocket connection|ERR_CONNECTION/.test(message.text()) && self.errors.push(message.text()));
  page.on("dialog", (dialog) => { self.errors.push(`a dialog: ${dialog.message()}`); dialog.dismiss(); });
  await page.goto(url);
  people.push(self);
  return self;
}

async function comesIn(self, room) {
  await self.page.getByLabel("Your name").fill(self.name);
  if (room !== undefined) await self.page.getByLabel("Room", { exact: true }).fill(room);
  await self.page.getByRole("button", { name: "Enter" }).click();
  await isIn(self);
}

const isIn = async (self) => {
  await self.page.locator("#people li").first().waitFor();
  await self.page.locator("#lost").waitFor({ state: "hidden" });
};
const write = async (self, text) => {
  await self.page.getByLabel("Message", { exact: true }).fill(text);
  await self.page.getByLabel("Message", { exact: true }).press("Enter");
};
// Says it and waits until the room has said it back.
const say = async (self, text) => {
  await write(self, text);
  await self.page.locator(".said.own:not(.waiting)", { hasText: text }).waitFor();
};
const said = (self) => self.page.locator(".said:not(.waiting) .text").allTextContents();
const hears = async (self, ...texts) => await until(`${self.name} to see ${texts}`, async () => {
  const seen = await said(self);
  return seen.length >= texts.length && (assert.deepEqual(seen, texts), true);
}, kWaitMs);
const present = async (self, ...names) => await until(`${self.name} to see ${names} there`, async () => {
  assert.deepEqual((await self.page.locator("#people .name").allTextContents()).sort(), names.sort());
  return true;
}, kWaitMs);

async function everybodyLeaves() {
  for (const { name, page, errors } of people.splice(0)) {
    await page.context().close();
    assert.deepEqual(errors, [], `errors of ${name}'s page`);
  }
}

test("three people in two rooms, one of them private, a reload and a killed server", async () => {
  const chat = await startChat(kUnlimited);
  try {
    const mira = await person("Mira", chat.url);
    const joss = await person("Joss", `${chat.url}/#harbour`);
    await comesIn(mira, "harbour");
    await comesIn(joss);
    await present(mira, "Mira", "Joss");
    await mira.page.locator(".note", { hasText: /Joss.? came in/ }).waitFor();
    await say(mira, "Is the tide out?");
    await say(joss, "In an hour.");
    await hears(mira, "Is the tide out?", "In an hour.");
    await hears(joss, "Is the tide out?", "In an hour.");
    assert.equal(await mira.page.locator(".said.own").count(), 1, "own messages stand apart");

    // A third opens a private room, and the first follows the link.
    const tomas = await person("Tomás", chat.url);
    await tomas.page.getByLabel("Your name").fill("Tomás");
    await tomas.page.getByRole("button", { name: "New private room" }).click();
    await isIn(tomas);
    const link = tomas.page.url();
    assert.match(link, /#[0-9a-f]{64}$/);
    await say(tomas, "Only for us");
    await mira.page.evaluate((hash) => { location.hash = hash; }, new URL(link).hash);
    await present(tomas, "Mira", "Tomás");
    await hears(mira, "Only for us");
    await present(joss, "Joss");
    await hears(joss, "Is the tide out?", "In an hour.");
    await mira.page.evaluate(() => { location.hash = "harbour"; });
    await present(joss, "Joss", "Mira");
    await present(tomas, "Tomás");

    await say(joss, "Half an hour now");
    await mira.page.reload();
    await hears(mira, "Is the tide out?", "In an hour.", "Half an hour now");

    // Killed: the pages say so, and keep what is written meanwhile.
    await chat.kill();
    for (const each of [mira, joss, tomas]) await each.page.getByText("Reconnecting…").waitFor();
    await write(mira, "Written while the server was down");
    await mira.page.locator(".said.waiting").waitFor();
    await chat.startAgain();
    const all = ["Is the tide out?", "In an hour.", "Half an hour now", "Written while the server was down"];
    for (const each of [mira, joss]) await hears(each, ...all);
    await hears(tomas, "Only for us");
    await present(mira, "Joss", "Mira");
    await mira.page.reload();
    await hears(mira, ...all);   // In storage once.

    await joss.page.getByRole("button", { name: "Leave" }).click();
    await present(mira, "Mira");
  } finally {
    await everybodyLeaves().finally(() => chat.stop());
  }
});

test("who is too fast is told so and loses nothing; others are not held up", async () => {
  const chat = await startChat(kLimited);
  try {
    const mira = await person("Mira", `${chat.url}/#pace`);
    await comesIn(mira);
    // In one go, so that a slow machine is no slow writer.
    await mira.page.evaluate(() => {
      for (const text of ["one", "two", "three"]) {
        document.getElementById("text").value = text;
        document.getElementById("write").requestSubmit();
      }
    });
    await mira.page.getByText("Too fast.").waitFor();
    assert.deepEqual(await said(mira), ["one", "two"]);
    assert.deepEqual(await mira.page.locator(".said.waiting .text").allTextContents(), ["three"]);
    assert.equal(await mira.page.locator("#lost").isVisible(), false, "nobody is disconnected");

    // Another address has a limiter of its own.
    const other = await frames(chat, "pace", { "CF-Connecting-IP": "203.0.113.7" });
    other.send({ name: "Ola" });
    other.send({ message: "from elsewhere", ref: "1" });
    await until("a message of another address", () => other.seen.find((each) => each.ref === "1" && each.message));

    await mira.page.locator("#slow").waitFor({ state: "hidden" });
    await until("the message that had to wait", async () => (await said(mira)).at(-1) === "three", kWaitMs);
    assert.equal(await mira.page.locator(".said.waiting").count(), 0);
    other.close();
  } finally {
    await everybodyLeaves().finally(() => chat.stop());
  }
});

test("names and messages are text, whatever they look like", async () => {
  const chat = await startChat(kUnlimited);
  try {
    const evil = await person("<img src=x onerror=alert(1)>", `${chat.url}/#html`);
    const mira = await person("Mira", `${chat.url}/#html`);
    await comesIn(evil);
    await comesIn(mira);
    const message = `<script>alert(2)</script><b onclick="alert(3)">"'&amp;</b><img src=x onerror=alert(4)>`;
    await say(evil, message);
    await hears(mira, message);
    await present(mira, "Mira", evil.name);
    await mira.page.reload();
    await hears(mira, message);
    for (const { page } of [evil, mira]) assert.equal(await page.locator("img, #log b, #log script").count(), 0);
    // Not even a script that did get in would run.
    assert.equal(await mira.page.evaluate(() => {
      document.body.append(Object.assign(document.createElement("script"), { textContent: "globalThis.ran = true" }));
      return globalThis.ran === undefined;
    }), true);
    mira.errors = mira.errors.filter((error) => !/Content Security Policy/.test(error));

    const strange = await person("Mira", `${chat.url}/#${"0".repeat(64)}`);
    await strange.page.getByLabel("Your name").fill("Mira");
    await strange.page.getByRole("button", { name: "Enter" }).click();
    await strange.page.getByText("There is no such room.").waitFor();
    strange.errors = strange.errors.filter((error) => !/404/.test(error));
  } finally {
    await everybodyLeaves().finally(() => chat.stop());
  }
});

// Node's WebSocket takes no Host header, and the system's resolver need not know the names below localhost.
const lookup = dns.lookup;
dns.lookup = (host, ...rest) => lookup(host.endsWith(".localhost") ? "127.0.0.1" : host, ...rest);

// A client that is no browser: { send(value), seen, close() }.
async function frames(chat, room, headers = {}) {
  const socket = new WebSocket(`${chat.url.replace("http:", "ws:")}/api/rooms/${room}/websocket`, { headers });
  const seen = [];
  socket.addEventListener("message", (event) => seen.push(event.data === "pong" ? "pong" : JSON.parse(event.data)));
  await new Promise((done, fail) => {
    socket.addEventListener("open", done);
    socket.addEventListener("error", (event) => fail(event.error ?? new Error("the WebSocket was refused")));
  });
  return { seen, send: (value) => socket.send(typeof value === "string" ? value : JSON.stringify(value)), close: () => socket.close() };
}

test("a room bears what no page would send, and keeps its newest 100 messages in order", async () => {
  const chat = await startChat(kUnlimited);
  try {
    const one = await frames(chat, "strange");
    one.send("ping");
    await until("a pong", () => one.seen.includes("pong"));
    const answers = async (value, pattern) => {
      const before = one.seen.length;
      one.send(value);
      await until(`an answer to ${JSON.stringify(value).slice(0, 80)}`, () => one.seen.length > before);
      assert.match(one.seen.at(-1).error ?? `no error: ${JSON.stringify(one.seen.at(-1))}`, pattern);
    };
    await answers("not JSON", /as JSON/);
    await answers("null", /as JSON/);
    await answers("x".repeat(10_000), /as JSON/);
    await answers({ message: "before the name" }, /your name/);
    await answers({ name: "n".repeat(33) }, /up to 32/);
    await answers({ name: " \n " }, /your name/);
    one.send({ name: "n".repeat(32) });
    await until("a welcome", () => one.seen.at(-1).welcome === "n".repeat(32));
    await answers({ message: "m".repeat(257), ref: "long" }, /up to 256/);
    assert.equal(one.seen.at(-1).ref, "long");
    await answers({ message: 7 }, /no message/);
    await answers([], /no message/);

    for (let index = 0; index < 120; index++) one.send({ message: `${index}`.padEnd(256, "."), ref: `${index}` });
    const heard = await until("120 messages", () => {
      const messages = one.seen.filter((each) => each.message);
      return messages.length === 120 && messages;
    });
    const two = await frames(chat, "strange");
    two.send({ name: "Mira" });
    const { history, people: there } = await until("a welcome", () => two.seen.find((each) => each.welcome));
    assert.deepEqual(history, heard.slice(-100));
    assert.deepEqual(history.map((each) => Number(each.ref)), Array.from({ length: 100 }, (_, index) => index + 20));
    for (let index = 1; index < heard.length; index++) assert.ok(heard[index].timestamp > heard[index - 1].timestamp, "timestamps are unique");
    assert.deepEqual(there, ["n".repeat(32), "Mira"]);
    two.close();
    await until("a leave", () => one.seen.at(-1).left === "Mira");
    one.close();
  } finally {
    await chat.stop();
  }
});

test("a room that left memory, or was deployed anew, has lost nobody", { skip: kOnWorkerd }, async () => {
  const chat = await startChat(kUnlimited, ["--idle-evict-ms", "50"]);
  try {
    const [mira, joss] = [await frames(chat, "sleepy"), await frames(chat, "sleepy")];
    const hear = async (client, ref) => await until(`message ${ref}`, () => client.seen.find((each) => each.message && each.ref === ref));
    mira.send({ name: "Mira" });
    joss.send({ name: "Joss" });
    await until("two people", () => mira.seen.find((each) => each.joined === "Joss") ?? joss.seen.find((each) => each.joined === "Mira"));
    await until("the eviction of the room and the limiter", async () => (await chat.metric("limpet_objects_live")) === 0);
    const starts = await chat.metric("limpet_object_starts_total");
    mira.send("ping");
    await until("a pong", () => mira.seen.includes("pong"));
    assert.equal(await chat.metric("limpet_object_starts_total"), starts, "a ping wakes nobody");

    mira.send({ message: "awake", ref: "1" });
    assert.equal((await hear(joss, "1")).name, "Mira");
    await chat.deployAgain();
    joss.send({ message: "still here", ref: "2" });
    assert.equal((await hear(mira, "2")).name, "Joss");
    assert.ok((await chat.metric("limpet_object_starts_total")) > starts);
    mira.close();
    await until("a leave", () => joss.seen.find((each) => each.left === "Mira"));
    joss.close();
  } finally {
    await chat.stop();
  }
});
