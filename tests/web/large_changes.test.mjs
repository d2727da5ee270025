// Patches of megabytes, in many lines or in one: they are shown at once, read on while one scrolls, and never stop the page.

import assert from "node:assert/strict";
import { test } from "node:test";

import { openBrowser, openProfile, openTab } from "./support/browser.mjs";
import { longestTasks } from "./support/cpu.mjs";
import { gitRepository, startServer } from "./support/server.mjs";

const FRAME_MS = 100;
/** Eight thousand lines are laid out anew at once when the longest of them grows. */
const LAYOUT_MS = 150;
const LINES = 100_000;
const MEGABYTES = 5;

test("a patch of five megabytes is read without a long frame", { timeout: 300_000 }, async (t) => {
  const server = await startServer(t);
  await server.submit("organization.create", { organization_id: "org_large", name: "Large" });
  await server.submit("repository.add", { organization_id: "org_large", repository_id: "repo_large", remote_url: gitRepository(t) });
  const { ids } = await server.submit("task.create", { repository_id: "repo_large", prompt: "seq 100001 108000 > src/many.txt; echo one > line.js; echo two > notes.txt; echo three > more.txt" });
  await server.until(`files/${ids.task_id}`, (files) => files.files.length === 4);
  const browser = await openBrowser(t);
  const profile = await openProfile(browser);
  // The server keeps a megabyte of a patch; the page is to stand more than that.
  await answerWith(profile, "notes.txt", Array.from({ length: LINES }, (_, at) => `+${String(at).padStart(8, "0")} ${"words ".repeat(7)}`).join("\n"), LINES);
  await answerWith(profile, "line.js", `+${"x;".repeat(MEGABYTES * 524_288)}`, 1);
  const page = await openTab(profile, server, `/#/org_large/${ids.task_id}`);
  // By its title: looking for a text would read the whole patch, in the page's own time.
  const change = (path) => page.locator(`.change:has(.change-toggle[title="${path}"])`);
  const toggle = async (name) => await change(name).locator(".change-toggle").click();
  await change("src/many.txt").waitFor();

  await t.test("what the server itself captured is followed to its end by scrolling", async () => {
    const longest = await longestTasks(browser, page, async () => {
      await toggle("src/many.txt");
      await change("src/many.txt").locator(".line-added").first().waitFor();
      assert.ok((await page.locator(".line").count()) < 2000);
      await scrollToEnd(page, () => change("src/many.txt").locator("button.more").count());
    });
    t.diagnostic(`longest tasks through 8,000 lines: ${longest.slice(0, 5).map((ms) => ms.toFixed(1)).join(", ")} ms`);
    assert.equal(await change("src/many.txt").locator(".line-added").count(), 8000);
    assert.deepEqual(await change("src/many.txt").locator(".line").last().locator("span").allTextContents(), ["", "8000", "+", "108000"]);
    assert.ok(longest[0] < FRAME_MS, `the main thread was at work for ${longest[0]} ms in one go`);
  });

  await t.test("whoever has read far keeps the place when the agent goes on", async () => {
    const line = await firstLineIn(page);
    const longest = await longestTasks(browser, page, async () => {
      await server.submit("agent_session.send", { task_id: ids.task_id, session_id: ids.session_id, text: "sed -i 1s/$/-first/ src/many.txt; echo last >> src/many.txt" });
      await page.waitForFunction(() => document.querySelector(".piece:last-child > .line:last-child > .code")?.textContent === "last");
    });
    t.diagnostic(`longest tasks of reading 8,000 lines again: ${longest.slice(0, 5).map((ms) => ms.toFixed(1)).join(", ")} ms`);
    assert.equal(await firstLineIn(page), line);
    assert.ok(longest[0] < LAYOUT_MS, `the main thread was at work for ${longest[0]} ms in one go`);
    await toggle("src/many.txt");
  });

  await t.test("the way back for a file covers nothing of what stands beside it, and is called by its name", async () => {
    await change("notes.txt").locator(".change-head").hover();
    const [counts, revert] = await Promise.all([change("notes.txt").locator(".counts"), change("notes.txt").getByRole("button", { name: "Revert notes.txt" })].map((one) => one.boundingBox()));
    assert.ok(counts.x + counts.width <= revert.x, `${counts.x + counts.width} px of ${revert.x}`);
  });

  await t.test("five megabytes in many lines", async () => {
    const longest = await longestTasks(browser, page, async () => {
      await toggle("notes.txt");
      await change("notes.txt").locator(".line-added").first().waitFor();
      for (let screen = 0; screen < 20; screen += 1) await scrollOn(page);
      await change("notes.txt").getByRole("button", { name: /^Show more \(\d\.\d MB left\)$/ }).waitFor();
    });
    t.diagnostic(`longest tasks with 100,000 lines: ${longest.slice(0, 5).map((ms) => ms.toFixed(1)).join(", ")} ms`);
    assert.ok(longest[0] < FRAME_MS, `the main thread was at work for ${longest[0]} ms in one go`);
    await toggle("notes.txt");
  });

  await t.test("five megabytes in one line", async () => {
    const longest = await longestTasks(browser, page, async () => {
      await toggle("line.js");
      await change("line.js").locator(".line-added", { hasText: "5.0 MB more" }).waitFor();
    });
    t.diagnostic(`longest tasks with one line: ${longest.slice(0, 5).map((ms) => ms.toFixed(1)).join(", ")} ms`);
    assert.ok(longest[0] < FRAME_MS, `the main thread was at work for ${longest[0]} ms in one go`);
  });

  await t.test("the files are walked through with the arrow keys, and Back leads to the one that was read", async () => {
    await page.getByRole("tab", { name: "Files" }).click();
    await page.locator(".tree-row").first().waitFor();
    const found = await page.evaluate(() => {
      document.querySelector(".tree [tabindex='0']").focus();
      return ["ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft", "ArrowLeft", "ArrowDown", "End", "Home"].map((key) => {
        document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
        const { path } = document.activeElement.dataset;
        return `${path} ${document.querySelectorAll(".tree-row").length}`;
      });
    });
    assert.deepEqual(found, ["src 7", "src/many.txt 7", "src/numbers.txt 7", "src 7", "src 5", "README.md 5", "notes.txt 5", "src 5"]);
    await page.keyboard.press("End");
    await page.keyboard.press("Enter");
    await page.locator(".content", { hasText: "two" }).waitFor();
    await page.keyboard.press("Enter");
    await page.locator("[data-path='notes.txt']:focus").waitFor();
  });

  await t.test("a file that could not be read while the server was away is read when asked for again", async () => {
    await profile.context.setOffline(true);
    await page.keyboard.press("Enter");
    await page.getByText("The server does not answer at the moment.").waitFor();
    await profile.context.setOffline(false);
    await page.getByRole("button", { name: "Try again" }).click();
    await page.locator(".content", { hasText: "two" }).waitFor();
  });

  assert.deepEqual(profile.errors, []);
});

async function answerWith(profile, path, lines, count) {
  const body = `diff --git a/${path} b/${path}\n--- /dev/null\n+++ b/${path}\n@@ -0,0 +1,${count} @@\n${lines}\n`;
  await profile.context.route((url) => url.pathname.startsWith("/v1/diffs/") && url.searchParams.get("path") === path, (route) => route.fulfill({ contentType: "text/x-diff; charset=utf-8", body }));
}

/** The first line of a patch that one sees. */
async function firstLineIn(page) {
  return await page.locator(".pane").evaluate((pane) => {
    const { top } = pane.getBoundingClientRect();
    return [...pane.querySelectorAll(".line")].find((one) => one.getBoundingClientRect().top >= top).textContent;
  });
}

async function scrollOn(page) {
  await page.locator(".pane").evaluate((pane) => {
    pane.scrollTop = pane.scrollHeight;
    return new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  });
}

async function scrollToEnd(page, isLeft) {
  while (await isLeft()) await scrollOn(page);
}
