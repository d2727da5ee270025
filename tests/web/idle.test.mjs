// A page nobody touches costs one connection and no request: for two minutes, or for IDLE_SECONDS.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pass } from "node:timers/promises";

import { isHolding, isLive, isSelected, openBrowser, openProfile, openTab } from "./support/browser.mjs";
import { startWithoutWorkers } from "./support/server.mjs";
import { makeTasks } from "./support/tasks.mjs";

const IDLE_SECONDS = Number(process.env.IDLE_SECONDS ?? 120);
/** Several within the time; as often as by default in two minutes. */
const HEARTBEAT_SECONDS = IDLE_SECONDS / 8;

test(`idle for ${IDLE_SECONDS} s, the page holds one stream and asks for nothing`, { timeout: 300_000 + IDLE_SECONDS * 1000 }, async (t) => {
  const server = await startWithoutWorkers(t, { FOUNDRY_HEARTBEAT_SECONDS: String(HEARTBEAT_SECONDS), FOUNDRY_LOG_LEVEL: "info" });
  const [task] = await makeTasks(server, 50);
  const profile = await openProfile(await openBrowser(t));
  const page = await openTab(profile, server, `/#/org_many/${task}`);
  await isHolding(page, `files/${task}`);
  await isSelected(page, task);

  // This is time itself, not a wait for something to happen.
  const asked = profile.requests.length;
  const isFile = (line) => /\.(js|css)$/.test(line);
  assert.ok((await server.answered()).some(isFile), "what a page asks for is in the server's log");
  const opened = await server.metric("foundry_streams_opened_total");
  await server.answered();
  await pass(IDLE_SECONDS * 1000);

  assert.deepEqual(await server.answered(), []);
  assert.deepEqual(profile.requests.slice(asked), []);
  assert.equal(await server.metric("foundry_streams_opened_total"), opened);
  assert.equal(await server.metric("foundry_streams"), 1);
  assert.ok((await server.metric("foundry_stream_frames_total", 'event="heartbeat"')) >= 4);
  assert.equal(await page.evaluate(() => foundry.client.counters.connections_created), 1);

  await page.reload();
  await isLive(page);
  const reloaded = await server.answered();
  assert.ok(reloaded.includes("GET /"));
  assert.deepEqual(reloaded.filter(isFile), [], "what the page is made of is fetched once");
});
