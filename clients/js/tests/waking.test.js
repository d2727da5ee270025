/** That the machine slept shows in its clocks: one goes on, the other stands still. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { whenSlept } from "../waking.js";

const HOUR_MS = 3_600_000;

test("a sleep is noticed once, and a moment without one is not", (t) => {
  t.mock.timers.enable({ apis: ["setInterval", "Date"] });
  let noticed = 0;
  const stop = whenSlept(() => (noticed += 1));

  t.mock.timers.tick(2_000);
  assert.equal(noticed, 0);
  t.mock.timers.setTime(Date.now() + HOUR_MS);
  t.mock.timers.tick(2_000);
  assert.equal(noticed, 1);
  t.mock.timers.tick(2_000);
  assert.equal(noticed, 1);

  stop();
  t.mock.timers.setTime(Date.now() + HOUR_MS);
  t.mock.timers.tick(2_000);
  assert.equal(noticed, 1);
});
