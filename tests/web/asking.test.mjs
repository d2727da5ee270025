// An agent asks something, and waits: whoever has many of them sees which, from anywhere, and gets to its answers.

import assert from "node:assert/strict";
import { test } from "node:test";

import { openBrowser, openProfile, openTab } from "./support/browser.mjs";
import { gitRepository, startServer, talkativeAgent } from "./support/server.mjs";

const SCRIPT = Array.from({ length: 120 }, (_, at) => `echo line ${at} of a long script`).join("\n");

test("who waits for an answer is seen from anywhere, and answered", { timeout: 300_000 }, async (t) => {
  const server = await startServer(t, { settings: talkativeAgent() });
  await server.submit("organization.create", { organization_id: "org_ask", name: "Ask" });
  await server.submit("repository.add", { organization_id: "org_ask", repository_id: "repo_ask", remote_url: gitRepository(t) });
  const create = async (data) => (await server.submit("task.create", { repository_id: "repo_ask", agent: "talkative", ...data })).ids;
  const quiet = await create({ prompt: "show", title: "Asks nothing" });
  const first = await create({ prompt: "ask", title: "Asks first" });
  await server.until(`task/${first.task_id}`, (task) => task.sessions[0].permission_requests.length > 0);
  const second = await create({ prompt: `ask ${SCRIPT}`, title: "Asks at length" });
  const page = await openTab(await openProfile(await openBrowser(t)), server, `/#/org_ask/${quiet.task_id}`);
  const line = page.getByRole("button", { name: /for your answer/ });
  const heading = (name) => page.getByRole("heading", { name, exact: true });

  await t.test("in the list, over the list, in the tab's title and for who does not see the screen", async () => {
    await line.getByText("2 tasks wait for your answer").waitFor();
    assert.deepEqual((await page.locator(".row-task", { hasText: "Waits for your answer" }).locator(".title").allTextContents()).sort(), ["Asks at length", "Asks first"]);
    assert.match(await page.title(), /^2 waiting/);
    assert.match(await page.locator("#polite").textContent(), /2 tasks wait for your answer/);
    await page.getByRole("searchbox", { name: "Filter tasks" }).fill("waits for");
    await page.locator(".row-task", { hasText: "Asks nothing" }).waitFor({ state: "detached" });
    assert.equal(await page.locator(".row-task").count(), 2);
    await page.getByRole("searchbox", { name: "Filter tasks" }).press("Escape");
  });

  await t.test("one key leads from one to the next, who waits longest first", async () => {
    await page.locator("body").press("w");
    await heading("Asks first").waitFor();
    await page.locator("body").press("w");
    await heading("Asks at length").waitFor();
    await page.locator("body").press("w");
    await heading("Asks first").waitFor();
  });

  await t.test("in other organizations as well, in their turn", async () => {
    await server.submit("organization.create", { organization_id: "org_elsewhere", name: "Elsewhere" });
    await server.submit("repository.add", { organization_id: "org_elsewhere", repository_id: "repo_elsewhere", remote_url: gitRepository(t) });
    const { ids } = await server.submit("task.create", { repository_id: "repo_elsewhere", agent: "talkative", prompt: "ask", title: "Asks elsewhere" });
    await line.getByText("3 tasks wait for your answer, 1 elsewhere").waitFor();
    const [list, button] = await Promise.all([page.locator(".sidebar"), line].map((one) => one.boundingBox()));
    assert.ok(button.x + button.width <= list.x + list.width, `${button.x + button.width} px of ${list.x + list.width}`);
    assert.match(await page.title(), /^3 waiting/);
    await page.locator("body").press("w");
    await heading("Asks at length").waitFor();
    await page.locator("body").press("w");
    await heading("Asks elsewhere").waitFor();
    await page.locator(".organization-name", { hasText: "Elsewhere" }).waitFor();
    await line.getByText("3 tasks wait for your answer, 2 elsewhere").waitFor();
    await server.submit("task.kill", { task_id: ids.task_id });
    await line.getByText("2 tasks wait for your answer elsewhere").waitFor();
  });

  await t.test("however long a question is, its answers and the composer are on the screen", async () => {
    await page.goto(`${server.url}/#/org_ask/${second.task_id}`);
    await page.getByRole("alertdialog").getByText("line 119").waitFor();
    for (const viewport of [{ width: 1440, height: 900 }, { width: 1024, height: 768 }, { width: 380, height: 740 }]) {
      await page.setViewportSize(viewport);
      if (viewport.width < 1100) await page.getByRole("tab", { name: "Chat" }).click();
      for (const one of [page.getByRole("button", { name: "Allow once" }), page.getByRole("button", { name: "Refuse" }), page.getByRole("textbox", { name: "Message" })]) {
        const { y, height } = await one.boundingBox();
        assert.ok(y >= 0 && y + height <= viewport.height, `${viewport.width} px: from ${y} to ${y + height} of ${viewport.height}`);
      }
    }
    await page.setViewportSize({ width: 1440, height: 900 });
  });

  await t.test("an answer is given with the keyboard, which stays there", async () => {
    await page.getByRole("button", { name: "Refuse" }).press("Enter");
    await page.locator(".entry-agent", { hasText: "You chose no." }).waitFor();
    await page.getByRole("alertdialog").waitFor({ state: "detached" });
    assert.ok(await page.evaluate(() => document.activeElement.matches(".composer")));
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.id), "message");
    await line.getByText("1 task waits for your answer").waitFor();
    await page.goto(`${server.url}/#/org_ask/${first.task_id}`);
    await page.getByRole("button", { name: "Allow once" }).click();
    await line.waitFor({ state: "detached" });
  });
});
