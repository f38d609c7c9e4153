// examples/agent in a browser: a reply in pieces, memory across conversations, a killed server, what is said as HTML, reminders.
// EXAMPLES_ON=workerd runs the same on workerd. SCREENSHOTS=FOLDER keeps pictures of the page.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";
import { kNoAlarms, kOnWorkerd, modulesOf, startExample } from "./example.mjs";
import { request, until } from "./lib.mjs";

const kBrowser = "/usr/bin/chromium";
const kBrowserFlags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
                       "--disable-component-update", "--disable-sync"];
const kWaitMs = 60_000;
const script = { name: "agent", modules: modulesOf("agent"), classes: [["AGENTS", "Agent"], ["MEMORIES", "Memory"]] };

let server;
let browser;
before(async () => {
  assert.ok(existsSync(kBrowser), `${kBrowser} does not exist: run ./dev bootstrap`);
  browser = await chromium.launch({ executablePath: kBrowser, args: kBrowserFlags });
  server = await startExample({ ...script, flags: ["--idle-evict-ms", "200"] });
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

// A browser profile with the page open; `errors` must be empty at the end. Refused connections are no errors.
async function somebody({ viewport = { width: 1440, height: 900 }, url = server.url, ...options } = {}) {
  const context = await browser.newContext({ reducedMotion: "reduce", viewport, ...options });
  context.setDefaultTimeout(kWaitMs);
  const page = await context.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => message.type() === "error" && !/WebSocket connection|ERR_CONNECTION/.test(message.text()) && errors.push(message.text()));
  page.on("dialog", (dialog) => { errors.push(`a dialog: ${dialog.message()}`); dialog.dismiss(); });
  await page.goto(url);
  await page.locator("#facts li").first().waitFor({ state: "attached" });
  return { page, errors, leave: async () => { await context.close(); assert.deepEqual(errors, []); } };
}
const write = async ({ page }, text) => {
  await page.getByLabel("Message", { exact: true }).fill(text);
  await page.getByLabel("Message", { exact: true }).press("Enter");
};
const said = ({ page }) => page.locator(".said:not(.waiting) .text").allTextContents();
const reads = async (self, ...texts) => await until(`the page to show ${texts}`, async () => {
  const seen = await said(self);
  return seen.length >= texts.length && (assert.deepEqual(seen, texts), true);
}, kWaitMs);
const picture = async ({ page }, name) => {
  if (process.env.SCREENSHOTS) await page.screenshot({ path: join(process.env.SCREENSHOTS, `agent-${name}.png`) });
};
const ask = async (path, body) => await request(`${server.url}/api/${path}`, { method: "POST", body, headers: { "content-length": Buffer.byteLength(body) } });
const json = async (path) => JSON.parse((await request(`${server.url}/api/${path}`)).body);

test("a conversation in a browser: pieces, memory in another conversation, a phone, a killed server", async () => {
  const mira = await somebody();
  await mira.page.getByRole("heading", { name: "What shall I keep in mind?" }).waitFor();
  await picture(mira, "empty-wide");

  // A reply grows on the page.
  await mira.page.evaluate(() => {
    globalThis.lengths = [];
    new MutationObserver(() => globalThis.lengths.push(document.querySelector(".agent .text")?.textContent.length ?? 0))
        .observe(document.getElementById("log"), { childList: true, subtree: true, characterData: true });
  });
  await mira.page.getByRole("button", { name: "My boat is called Patella" }).click();
  const boat = ["My boat is called Patella", "I will remember that your boat is Patella. You can ask me in any conversation."];
  await reads(mira, ...boat);
  const lengths = new Set(await mira.page.evaluate(() => globalThis.lengths));
  assert.ok(lengths.size >= 5, `the reply came in ${lengths.size} pieces`);
  await mira.page.locator("#facts li", { hasText: "Patella" }).waitFor();

  // Another conversation, another object, knows it too; the first one is in the list and is found again.
  const first = mira.page.url();
  await mira.page.getByRole("button", { name: "New conversation" }).click();
  await mira.page.getByRole("heading", { name: "What shall I keep in mind?" }).waitFor();
  await write(mira, "What is my boat called?");
  await reads(mira, "What is my boat called?", "Your boat is Patella.");
  await write(mira, "12 * (3 + 4)");
  await reads(mira, "What is my boat called?", "Your boat is Patella.", "12 * (3 + 4)", "12 * (3 + 4) = 84");
  await mira.page.locator(".speaking").waitFor({ state: "detached" });
  await picture(mira, "wide");
  await mira.page.locator("#talks").getByRole("link", { name: "My boat is called Patella" }).click();
  await reads(mira, ...boat);
  assert.equal(mira.page.url(), first);

  // Killed in the middle of a reply: it is said again, whole, and what was written meanwhile is said once.
  await write(mira, "What can you do?");
  await mira.page.locator(".agent.speaking .text", { hasText: "Tell me" }).waitFor();
  await server.kill();
  await mira.page.getByText("Reconnecting…").waitFor();
  await write(mira, "How many things have I said?");
  await mira.page.locator(".waiting").waitFor();
  await picture(mira, "lost");
  await server.startAgain();
  await until("both replies", async () => (await said(mira)).length === 6 && (await mira.page.locator(".speaking").count()) === 0, kWaitMs);
  const all = await said(mira);
  assert.match(all[3], /^Tell me something .* turn the tide”\)\.$/);
  assert.deepEqual(all.slice(4), ["How many things have I said?", "You have said 3 things in this conversation."]);
  await mira.page.reload();
  await reads(mira, ...all);
  await mira.leave();
});

test("the page on a phone: nothing is cut off, the lists are a tap away", async () => {
  const joss = await somebody({ viewport: { width: 390, height: 780 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 });
  await joss.page.getByRole("heading", { name: "What shall I keep in mind?" }).waitFor();
  await picture(joss, "empty-narrow");
  await write(joss, "My name is Joss");
  await reads(joss, "My name is Joss", "I will remember that your name is Joss. You can ask me in any conversation.");
  await write(joss, "help");
  await until("the help", async () => (await said(joss)).length === 4 && (await joss.page.locator(".speaking").count()) === 0, kWaitMs);
  await picture(joss, "narrow");
  const sizes = await joss.page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.equal(sizes[0], sizes[1], "nothing is wider than the screen");
  const send = await joss.page.getByRole("button", { name: "Send" }).boundingBox();
  assert.ok(send.width >= 44 && send.height >= 44 && send.y + send.height <= 780, `${JSON.stringify(send)}`);
  await joss.page.getByRole("button", { name: "Conversations" }).tap();
  await joss.page.locator("#facts li", { hasText: "Joss" }).waitFor();
  await picture(joss, "narrow-lists");
  await joss.page.getByRole("button", { name: "New conversation" }).tap();
  await joss.page.getByRole("heading", { name: "What shall I keep in mind?" }).waitFor();
  await joss.leave();
});

test("what is said is text, whatever it looks like, and no other script runs", async () => {
  const evil = await somebody({ colorScheme: "dark" });
  const text = `<img src=x onerror=alert(1)><script>alert(2)</script>`;
  await write(evil, `My ${text} is "'&amp;${text}`);
  await until("the reply", async () => (await said(evil)).length === 2 && (await evil.page.locator(".speaking").count()) === 0, kWaitMs);
  assert.equal((await said(evil))[0], `My ${text} is "'&amp;${text}`);
  await picture(evil, "dark");
  await evil.page.reload();
  await evil.page.locator("#facts li", { hasText: "onerror" }).waitFor();
  assert.equal(await evil.page.locator("#app img, #app script").count(), 0);
  await evil.leave();
});

test("the same over HTTP; bad input is refused", async () => {
  assert.equal((await ask("mira/boats", "My rope is blue")).body, "I will remember that your rope is blue. You can ask me in any conversation.\n");
  assert.equal((await ask("mira/other", "what's my rope?")).body, "Your rope is blue.\n");
  assert.equal((await ask("ola/other", "what's my rope?")).body, "I do not know that. Tell me: “my rope is …”.\n");
  assert.equal((await ask("mira/other", "Forget my rope")).body, "Forgotten: I no longer know your rope.\n");
  assert.equal((await ask("mira/other", "Forget my rope")).body, "I knew nothing of your rope.\n");
  assert.deepEqual((await json("mira/boats")).map(({ id, role, done }) => [id, role, done]), [[1, "person", 1], [2, "agent", 1]]);
  assert.deepEqual((await json("mira")).conversations.map((each) => each.title), ["what's my rope?", "My rope is blue"]);
  for (const [sum, value] of [["2 + 3 * 4", "14"], ["-2^2", "-4"], ["2^3^2", "512"], ["1 - 2 - 3", "-4"], ["what is 0.1 + 0.2", "0.3"], ["(1 + 2) × 3", "9"]]) {
    assert.equal((await ask("sums/a", sum)).body, `${sum.replace("what is ", "")} = ${value}\n`);
  }
  for (const sum of ["2 +", "(1", "1)", "()", "2 3", "/"]) assert.match((await ask("sums/b", sum)).body, /only a few rules/, sum);

  assert.deepEqual(await ask("mira/boats", "  ").then(({ status, body }) => [status, body]), [400, "There is nothing in it.\n"]);
  assert.equal((await ask("mira/boats", "x".repeat(2_001))).status, 400);
  assert.equal((await ask("mira/boats", "x".repeat(9_000))).status, 413);
  assert.equal((await request(`${server.url}/api/${"x".repeat(65)}/a`)).status, 404);
  assert.equal((await request(`${server.url}/api/mira/boats/websocket`)).status, 426);
  assert.equal((await request(`${server.url}/api/mira/boats`, { method: "DELETE" })).status, 405);
});

test("an agent that left memory answers where it was", { skip: kOnWorkerd }, async () => {
  const mira = await somebody();
  await write(mira, "My knot is a bowline");
  await until("the reply", async () => (await said(mira)).length === 2 && (await mira.page.locator(".speaking").count()) === 0, kWaitMs);
  await until("the eviction of all objects", async () => (await server.metric("limpet_objects_live")) === 0, kWaitMs);
  assert.equal(await mira.page.locator("#lost").isVisible(), false, "nobody is disconnected");
  await write(mira, "What is my knot?");
  await until("the reply", async () => (await said(mira)).at(-1) === "Your knot is a bowline.", kWaitMs);
  await mira.leave();
});

test("a reminder wakes an agent whose server was killed meanwhile", async (context) => {
  if (!server.alarms) return context.skip(kNoAlarms);
  const mira = await somebody();
  await write(mira, "Remind me in 8 seconds to turn the tide");
  await mira.page.locator("#reminders li", { hasText: "turn the tide" }).waitFor();
  await picture(mira, "reminder");
  await server.kill();
  await server.startAgain();
  await until("the reminder", async () => (await said(mira)).at(-1) === "A reminder, as you asked: turn the tide.", kWaitMs);
  await mira.page.locator("#due").waitFor({ state: "hidden" });
  await mira.leave();
});

test("several reminders come at their times, with nobody there", async (context) => {
  if (!server.alarms) return context.skip(kNoAlarms);
  for (const [seconds, what] of [[8, "second"], [1, "first"]]) await ask("ola/late", `remind me in ${seconds} seconds to be ${what}`);
  const reminders = await until("two reminders", async () => {
    const found = (await json("ola/late")).filter(({ text }) => text.startsWith("A reminder"));
    return found.length === 2 && found;
  }, kWaitMs);
  assert.deepEqual(reminders.map((each) => each.text), ["first", "second"].map((each) => `A reminder, as you asked: be ${each}.`));
});
