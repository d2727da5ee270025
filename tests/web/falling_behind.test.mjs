// A piece of the stream is lost on its way: while it is asked for again, the page says that it may be behind.

import assert from "node:assert/strict";
import { test } from "node:test";

import { isHolding, openBrowser, openProfile, openTab } from "./support/browser.mjs";
import { openGate } from "./support/gate.mjs";
import { startWithoutWorkers } from "./support/server.mjs";
import { makeTasks } from "./support/tasks.mjs";

for (const [stream, script] of [
  ["shared with other tabs", () => undefined],
  // As in a page that came over plain HTTP from another machine.
  ["of its own", () => delete Navigator.prototype.locks],
]) {
  test(`a page that missed something of a stream ${stream} says so until it has it`, { timeout: 300_000 }, (t) => fallBehind(t, script));
}

async function fallBehind(t, script) {
  const server = await startWithoutWorkers(t);
  const [task] = await makeTasks(server, 3);
  const gate = await openGate(t, server);
  const profile = await openProfile(await openBrowser(t));
  await profile.context.addInitScript(script);
  const page = await openTab(profile, { url: gate.url, token: server.token }, `/#/org_many/${task}`);
  await isHolding(page, `files/${task}`);
  const answered = withResolvers();
  await profile.context.route("**/interest", async (route) => {
    await answered.promise;
    await route.continue();
  });

  const lost = gate.loseOne("Lost on its way");
  await server.submit("task.rename", { task_id: task, title: "Lost on its way" });
  await lost;
  await server.submit("task.rename", { task_id: task, title: "Said after it" });
  await page.locator(".notice", { hasText: "Catching up. You see what was known at" }).waitFor();
  assert.equal(await page.evaluate(() => foundry.client.state), "live");

  answered.resolve();
  await page.getByRole("heading", { name: "Said after it" }).waitFor();
  await page.locator(".notice").waitFor({ state: "detached" });
}

function withResolvers() {
  let resolve;
  const promise = new Promise((done) => (resolve = done));
  return { promise, resolve };
}
