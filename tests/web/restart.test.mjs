// The server is killed and started again under an open page.

import assert from "node:assert/strict";
import { test } from "node:test";

import { isHolding, isLive, isSelected, openBrowser, openProfile, openTab } from "./support/browser.mjs";
import { startWithoutWorkers } from "./support/server.mjs";
import { makeTasks } from "./support/tasks.mjs";

test("what is sent while the server is away is seen, is not left behind unasked, and arrives", { timeout: 300_000 }, async (t) => {
  const server = await startWithoutWorkers(t);
  const [task] = await makeTasks(server, 1);
  const profile = await openProfile(await openBrowser(t));
  const page = await openTab(profile, server, `/#/org_many/${task}`);
  const asked = [];
  page.on("dialog", (dialog) => {
    asked.push(dialog.type());
    void dialog.dismiss();
  });
  await page.getByRole("textbox", { name: "Message" }).fill("sent while it was away");

  await server.kill();
  await page.keyboard.press("Enter");
  await page.locator(".waiting", { hasText: "sent while it was away" }).getByText("Sending").waitFor();
  await page.evaluate(() => location.reload());
  await page.waitForFunction(() => foundry.task.composer.isSending);
  await server.start();
  await page.locator(".waiting", { hasText: "sent while it was away" }).getByRole("button").waitFor();

  assert.deepEqual(asked, ["beforeunload"]);
  assert.equal(await page.locator(".waiting", { hasText: "sent while it was away" }).count(), 1);
  await page.waitForFunction(() => !foundry.task.composer.isSending);
});

test("the page comes back by itself, with what it missed and without asking for everything", { timeout: 300_000 }, async (t) => {
  const server = await startWithoutWorkers(t);
  const [task] = await makeTasks(server, 300);
  const profile = await openProfile(await openBrowser(t));
  const page = await openTab(profile, server, `/#/org_many/${task}`);
  await isHolding(page, `files/${task}`);
  await isSelected(page, task);
  await page.evaluate(() => (globalThis.neverReloaded = true));
  await page.getByRole("textbox", { name: "Message" }).fill("typed while it was away");
  const before = profile.requests.length;

  await server.kill();
  await page.locator(".notice", { hasText: "does not answer" }).waitFor();
  await server.start();
  await server.submit("task.rename", { task_id: task, title: "Renamed meanwhile" });
  await page.getByRole("heading", { name: "Renamed meanwhile" }).waitFor();
  await isLive(page);

  const asked = profile.requests.slice(before).filter((one) => one.path !== "/v1/commands/agent_session.update_draft");
  const refreshes = await page.evaluate(() => foundry.client.counters.refreshes);
  t.diagnostic(`${asked.length} requests: ${asked.map((one) => `${one.method} ${one.path}`).join(", ")}; ${JSON.stringify(refreshes)}`);
  assert.equal(await page.evaluate(() => globalThis.neverReloaded), true);
  assert.equal(await page.getByRole("textbox", { name: "Message" }).inputValue(), "typed while it was away");
  assert.deepEqual([...new Set(asked.map((one) => one.path))], ["/v1/stream"]);
  assert.equal(refreshes.reset ?? 0, 0);
  assert.equal(refreshes.gap ?? 0, 0);
});
