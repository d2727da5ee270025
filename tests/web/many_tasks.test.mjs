// Two thousand tasks in the list: only what can be seen is in the document, and finding one is immediate.

import assert from "node:assert/strict";
import { test } from "node:test";

import { openBrowser, openProfile, openTab } from "./support/browser.mjs";
import { longestTasks } from "./support/cpu.mjs";
import { startWithoutWorkers } from "./support/server.mjs";
import { makeTasks } from "./support/tasks.mjs";

const TASKS = 2000;
const FRAME_MS = 100;

test("two thousand tasks are scrolled, filtered and walked through", { timeout: 400_000 }, async (t) => {
  const server = await startWithoutWorkers(t);
  const ids = await makeTasks(server, TASKS);
  const browser = await openBrowser(t);
  const profile = await openProfile(browser);
  const page = await openTab(profile, server, "/#/org_many");
  const row = (number) => page.locator(".row-task .title", { hasText: new RegExp(`^Task #${number}$`) });
  await row(0).waitFor();

  await t.test("opening the list opens no task's topics", async () => {
    const held = await page.evaluate(() => Object.keys(foundry.client.counters.subscriptions).sort());
    assert.deepEqual(held, ["app", "workspace/org_many"]);
  });

  await t.test("only the rows around the window are in the document", async () => {
    assert.ok((await page.locator(".row-task").count()) < 60);
    assert.equal(await page.locator(".row-count").textContent(), String(TASKS));
  });

  await t.test("scrolling to the end and filtering take no long frame", async () => {
    const longest = await longestTasks(browser, page, async () => {
      for (let screen = 0; screen < 20; screen += 1) {
        await page.locator(".list").evaluate((list, screen) => (list.scrollTop = (screen / 19) * list.scrollHeight), screen);
        await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
      }
      await row(TASKS - 1).waitFor();
      await page.keyboard.press("/");
      await page.keyboard.type("task #1234");
      await row(1234).waitFor();
    });
    t.diagnostic(`longest tasks: ${longest.slice(0, 5).map((ms) => ms.toFixed(1)).join(", ")} ms`);
    assert.equal(await page.locator(".row-task").count(), 1);
    assert.ok(longest[0] < FRAME_MS, `the main thread was at work for ${longest[0]} ms in one go`);
  });

  await t.test("the keyboard walks through what the filter left, and opens it", async () => {
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Task #1234" }).waitFor();
    await page.keyboard.press("/");
    await page.keyboard.press("Escape");
    await page.keyboard.press("j");
    await page.locator("[data-task]:focus", { hasText: "Task #1235" }).waitFor();
  });

  await t.test("keys that come faster than frames go where the ones before them led", async () => {
    const focused = await page.evaluate(() => {
      const press = (key) => document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
      const write = (text) => {
        document.activeElement.value = text;
        document.activeElement.dispatchEvent(new InputEvent("input", { bubbles: true }));
      };
      const titled = [];
      const note = () => titled.push(document.activeElement.querySelector(".title")?.textContent);
      press("/");
      write("task #1777");
      press("ArrowDown");
      note();
      press("/");
      press("Escape");
      press("j");
      note();
      press("j");
      note();
      return titled;
    });
    assert.deepEqual(focused, ["Task #1777", "Task #1235", "Task #1236"]);
  });

  await t.test("rows one looks at stay where they are when others come above them", async () => {
    const seen = () =>
      page.evaluate(() => {
        const { top } = document.querySelector(".list").getBoundingClientRect();
        const row = [...document.querySelectorAll("[data-task]")].find((one) => one.getBoundingClientRect().top > top + 100);
        return [row.textContent, Math.round(row.getBoundingClientRect().top)];
      });
    await page.locator(".list").evaluate((list) => {
      document.activeElement.blur();
      list.scrollTop = 40_000;
      return new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    });
    const before = await seen();
    await server.submitAll(Array.from({ length: 3 }, (_, at) => ({ name: "task.create", data: { repository_id: "repo_many", prompt: "true", title: `New #${at}` } })));
    await page.waitForFunction((total) => foundry.views.of("workspace/org_many").data.tasks.length === total, TASKS + 3);
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
    assert.deepEqual(await seen(), before);
  });

  await t.test("wherever one comes from, the row of the task that is open is in sight, and stays so in a lower window", async () => {
    const inSight = (task) =>
      page.waitForFunction((task) => {
        const [row, list] = [document.querySelector(`[data-task="${task}"]`)?.getBoundingClientRect(), document.querySelector(".list").getBoundingClientRect()];
        return row && row.top >= list.top && row.bottom <= list.bottom;
      }, task);
    for (const task of [ids[1500], ids[20], ids[1900]]) {
      await page.evaluate((task) => foundry.goTo({ organization: "org_many", task }), task);
      await inSight(task);
    }
    await page.setViewportSize({ width: 1440, height: 700 });
    await inSight(ids[1900]);
  });

  await t.test("what is not on the screen any more is let go", async () => {
    await page.goto(`${server.url}/#/org_many`);
    await page.getByText("Choose a task").waitFor();
    const held = await page.evaluate(() => Object.keys(foundry.client.counters.subscriptions).sort());
    assert.deepEqual(held, ["app", "workspace/org_many"]);
  });
});
