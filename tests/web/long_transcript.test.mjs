// A session of thirty thousand entries: its end is there at once, its beginning can be reached, and nothing jumps.

import assert from "node:assert/strict";
import { test } from "node:test";

import { openBrowser, openProfile, openTab } from "./support/browser.mjs";
import { longestTasks } from "./support/cpu.mjs";
import { gitRepository, startServer, talkativeAgent } from "./support/server.mjs";

const ENTRIES = 30_000;
const FRAME_MS = 100;

test("a transcript of thirty thousand entries is read from its end to its beginning", { timeout: 500_000 }, async (t) => {
  const server = await startServer(t, { settings: talkativeAgent() });
  await server.submit("organization.create", { organization_id: "org_long", name: "Long" });
  await server.submit("repository.add", { organization_id: "org_long", repository_id: "repo_long", remote_url: gitRepository(t) });
  const { ids } = await server.submit("task.create", { repository_id: "repo_long", prompt: "show", agent: "talkative" });
  const { ids: other } = await server.submit("task.create", { repository_id: "repo_long", prompt: "show", agent: "talkative" });
  const browser = await openBrowser(t);
  const profile = await openProfile(browser);
  const page = await openTab(profile, server, `/#/org_long/${ids.task_id}/${ids.session_id}`);
  const transcript = page.locator(".transcript-scroll");
  await transcript.getByText("Shall I change the tests as well?").waitFor();

  await t.test("while it grows, its end is followed without a long frame", async () => {
    const longest = await longestTasks(browser, page, async () => {
      await page.getByRole("textbox", { name: "Message" }).fill(`talk ${ENTRIES}`);
      await page.keyboard.press("Enter");
      await transcript.getByText(`Read file ${ENTRIES - 1}`).waitFor({ timeout: 200_000 });
    });
    t.diagnostic(`longest tasks while it grew: ${longest.slice(0, 5).map((ms) => ms.toFixed(1)).join(", ")} ms`);
    assert.ok(longest[0] < FRAME_MS, `the main thread was at work for ${longest[0]} ms in one go`);
    assert.ok(await atEnd(transcript));
  });

  await page.reload();
  await transcript.getByText(`Read file ${ENTRIES - 1}`).waitFor();

  await t.test("what one reads stays in its place while earlier entries come in above it", async () => {
    const height = await transcript.evaluate((node) => node.scrollHeight);
    await transcript.evaluate((node) => (node.scrollTop = 0));
    const before = await place(transcript);
    await page.waitForFunction((height) => document.querySelector(".transcript-scroll").scrollHeight > height + 2000, height);
    assert.deepEqual(await place(transcript), before);
  });

  await t.test("the beginning is reached page by page, and the document stays small", async () => {
    const longest = await longestTasks(browser, page, async () => {
      while (!(await transcript.getByText("The beginning").count())) {
        await transcript.evaluate((node) => (node.scrollTop = 0));
        await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)));
      }
    });
    t.diagnostic(`longest tasks on the way up: ${longest.slice(0, 5).map((ms) => ms.toFixed(1)).join(", ")} ms`);
    await transcript.evaluate((node) => (node.scrollTop = 0));
    await transcript.getByText("Paragraph 0.").waitFor();
    await transcript.getByText("show", { exact: true }).waitFor();
    assert.ok(longest[0] < FRAME_MS, `the main thread was at work for ${longest[0]} ms in one go`);
    assert.ok((await page.locator("[data-block]").count()) < 150);
  });

  await t.test("what was opened is open when one comes back to it", async () => {
    const details = transcript.locator("details", { hasText: "grep -rn read_numbers src" });
    await details.locator("summary").click();
    await transcript.evaluate((node) => (node.scrollTop = 20_000));
    await details.waitFor({ state: "detached" });
    await transcript.evaluate((node) => (node.scrollTop = 0));
    await details.getByText("pattern").waitFor();
  });

  await t.test("what one reads is there again after one was in another task", async () => {
    await transcript.evaluate((node) => (node.scrollTop = 30_000));
    const before = await place(transcript);
    await page.goto(`${server.url}/#/org_long/${other.task_id}/${other.session_id}`);
    await transcript.getByText("Shall I change the tests as well?").waitFor();
    await server.submit("agent_session.send", { task_id: ids.task_id, session_id: ids.session_id, text: "talk 700" });
    await server.until(`task/${ids.task_id}`, (task) => task.status === "idle");
    await page.goto(`${server.url}/#/org_long/${ids.task_id}/${ids.session_id}`);
    await page.waitForFunction((block) => document.querySelector(`[data-block="${block}"]`), before.block);
    assert.deepEqual(await place(transcript), before);
  });

  await t.test("one key leads back to the newest", async () => {
    await page.locator("body").press("G");
    await transcript.getByText("Read file 699").waitFor();
    assert.ok(await atEnd(transcript));
  });
});

/** What one reads, and where on the screen it stands. */
async function place(transcript) {
  return await transcript.evaluate(async (node) => {
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    const top = node.getBoundingClientRect().top;
    const seen = [...node.querySelectorAll("[data-block]")].find((block) => block.getBoundingClientRect().bottom > top + 100);
    return { block: seen.dataset.block, top: Math.round(seen.getBoundingClientRect().top) };
  });
}

async function atEnd(transcript) {
  return await transcript.evaluate((node) => node.scrollHeight - node.scrollTop - node.clientHeight < 30);
}
