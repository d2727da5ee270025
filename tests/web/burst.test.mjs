// A page that was away gets five thousand changes at once, and stays usable meanwhile.

import assert from "node:assert/strict";
import { test } from "node:test";

import { isHolding, isLive, openBrowser, openProfile, openTab } from "./support/browser.mjs";
import { longestTasks } from "./support/cpu.mjs";
import { openGate } from "./support/gate.mjs";
import { startWithoutWorkers } from "./support/server.mjs";
import { makeTasks } from "./support/tasks.mjs";

const RENAMES = 2000;
const TOGGLES = 1000;
const FRAME_MS = 100;

test("five thousand changes are folded and painted without a frame over 100 ms", { timeout: 400_000 }, async (t) => {
  const server = await startWithoutWorkers(t);
  const [task] = await makeTasks(server, 200);
  const gate = await openGate(t, server);
  const browser = await openBrowser(t);
  const profile = await openProfile(browser);
  const page = await openTab(profile, { url: gate.url, token: server.token }, `/#/org_many/${task}`);
  await page.getByRole("heading", { name: "Task #0" }).waitFor();
  await isHolding(page, `task/${task}`);

  const session = (await server.view(`task/${task}`)).sessions[0].id;
  await gate.shut();
  // Each rename is a change of two topics on the screen, the list and the task; each mark one of a third. More of one
  // topic than this, and the server would send the topic anew instead.
  await inTurns(RENAMES, (at) => server.submitAll(rename(task, at)));
  await inTurns(TOGGLES, (at) => server.submitAll(mark(task, session, at)));
  const longest = await longestTasks(browser, page, async () => {
    await gate.open();
    await page.evaluate(() => foundry.client.retry());
    await page.getByRole("heading", { name: `Change ${RENAMES - 1}` }).waitFor();
    await page.locator(".row-task", { hasText: `Change ${RENAMES - 1}` }).waitFor();
    await isLive(page);
  });
  const { refreshes, frames } = await page.evaluate(() => ({ refreshes: foundry.client.counters.refreshes, frames: foundry.frame.count }));
  t.diagnostic(`longest tasks: ${longest.slice(0, 5).map((ms) => ms.toFixed(1)).join(", ")} ms; ${frames} frames; ${JSON.stringify(refreshes)}`);

  assert.ok(refreshes.resume >= 2 * RENAMES + TOGGLES, `only ${refreshes.resume} changes came`);
  assert.ok(longest[0] < FRAME_MS, `the main thread was at work for ${longest[0]} ms in one go`);
  assert.ok(frames < 200, `${frames} frames were painted`);
});

const TOGETHER = 250;

async function inTurns(number, act) {
  for (let from = 0; from < number; from += TOGETHER) await act(Array.from({ length: TOGETHER }, (_, at) => from + at));
}

function rename(task, numbers) {
  return numbers.map((number) => ({ name: "task.rename", data: { task_id: task, title: `Change ${number}` } }));
}

function mark(task, session, numbers) {
  return numbers.map((number) => ({ name: "agent_session.set_unread", data: { task_id: task, session_id: session, unread: number % 2 === 0 } }));
}
