// Two tabs of one person agree, and share one stream; whoever is left goes on.

import assert from "node:assert/strict";
import { test } from "node:test";

import { isHolding, isLive, openBrowser, openProfile, openTab } from "./support/browser.mjs";
import { startWithoutWorkers } from "./support/server.mjs";
import { makeTasks } from "./support/tasks.mjs";

test("two tabs agree over one stream, and one goes on without the other", { timeout: 300_000 }, async (t) => {
  const server = await startWithoutWorkers(t);
  const [task, other] = await makeTasks(server, 20);
  const profile = await openProfile(await openBrowser(t));
  const first = await openTab(profile, server, `/#/org_many/${task}`);
  await isHolding(first, `files/${task}`);
  const second = await openTab(profile, server, `/#/org_many/${other}`);
  await isHolding(second, `files/${other}`);

  await t.test("what is done in one is seen in the other", async () => {
    await first.getByRole("button", { name: "Task", exact: true }).click();
    await first.getByRole("menuitem", { name: "Rename …" }).click();
    await first.getByLabel("Title").fill("Seen in both");
    await first.getByRole("button", { name: "Rename" }).click();
    for (const page of [first, second]) await page.locator(".row-task", { hasText: "Seen in both" }).waitFor();
    assert.equal(await second.getByRole("heading", { name: "Task #1" }).count(), 1);
  });

  await t.test("the server carries one stream for both", async () => {
    assert.equal(await server.metric("foundry_streams"), 1);
    assert.equal(profile.requests.filter((one) => one.path === "/v1/stream").length, 1);
  });

  await t.test("when the first tab is closed, the second goes on", async () => {
    await first.close();
    await server.submit("task.rename", { task_id: other, title: "After the first was closed" });
    await second.getByRole("heading", { name: "After the first was closed" }).waitFor();
    await isLive(second);
    assert.equal(await server.metric("foundry_streams"), 1);
  });
});
