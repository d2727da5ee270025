// A page nobody touches costs one connection and no request. IDLE_SECONDS=120 makes the idle time two minutes.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pass } from "node:timers/promises";

import { isHolding, isSelected, openBrowser, openProfile, openTab } from "./support/browser.mjs";
import { startWithoutWorkers } from "./support/server.mjs";
import { makeTasks } from "./support/tasks.mjs";

const IDLE_SECONDS = Number(process.env.IDLE_SECONDS ?? 20);
/** More often than by default, so that a short time holds several. */
const HEARTBEAT_SECONDS = IDLE_SECONDS / 8;

test(`idle for ${IDLE_SECONDS} s, the page holds one stream and asks for nothing`, { timeout: 300_000 + IDLE_SECONDS * 1000 }, async (t) => {
  const server = await startWithoutWorkers(t, { FOUNDRY_HEARTBEAT_SECONDS: String(HEARTBEAT_SECONDS) });
  const [task] = await makeTasks(server, 50);
  const profile = await openProfile(await openBrowser(t));
  const page = await openTab(profile, server, `/#/org_many/${task}`);
  await isHolding(page, `files/${task}`);
  await isSelected(page, task);

  // This is time itself, not a wait for something to happen.
  const [asked, served] = [profile.requests.length, await answered(server)];
  await pass(IDLE_SECONDS * 1000);
  const servedAfter = await answered(server);

  assert.deepEqual(profile.requests.slice(asked), []);
  // One more: the first of the two readings of this test.
  assert.equal(servedAfter - served, 1);
  assert.equal(await server.metric("foundry_streams"), 1);
  assert.ok((await server.metric("foundry_stream_frames_total", 'event="heartbeat"')) >= 4);
  assert.equal(await page.evaluate(() => foundry.client.counters.connections_created), 1);
});

/** Requests the server answered, streams aside: those end with the page. */
async function answered(server) {
  return await server.metric("foundry_request_seconds_count");
}
