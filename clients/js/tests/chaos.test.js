/** Whatever happens to its streams, the client ends with the same views, and tells each version once. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Foundry } from "../foundry.js";
import { Proxy } from "./proxy.js";
import { Told } from "./waiting.js";

/** @import {View, Why} from "../types.js" */

/** Bytes of a stream of the recording that tells everything. */
const LENGTH = 4_200;
const EVERY = 13;
const SIDE_BY_SIDE = 60;

const proxy = new Proxy();
before(() => proxy.start());
after(() => proxy.end());

for (const kind of ["cut", "stall", "duplicate", "delay", "reset", "tear", "end", "drain"]) {
  test(`the views are the same whichever byte has a ${kind}`, async () => {
    const offsets = Array.from({ length: Math.floor(LENGTH / EVERY) }, (_, number) => 1 + number * EVERY);
    const lives = offsets.values();

    await Promise.all(
      Array.from({ length: SIDE_BY_SIDE }, async () => {
        for (const offset of lives) await watchToTheEnd(`${proxy.url}/~${kind}@${offset}`);
      }),
    );

    const { faults } = await proxy.report();
    assert.ok((faults[kind] ?? 0) > offsets.length / 2, JSON.stringify(faults));
  });
}

test("the views are the same after faults drawn at random", async () => {
  const seeds = Array.from({ length: 10 }, (_, seed) => seed);

  await Promise.all(seeds.map((seed) => watchToTheEnd(`${proxy.url}/~503,random@${seed}`)));
});

/** @param {string} url */
async function watchToTheEnd(url) {
  const foundry = new Foundry({ url });
  /** @type {Told<{view: View | null, why: Why}>} */
  const told = new Told();
  const wanted = Object.entries(proxy.expected);
  const watched = wanted.map(([topic, { epoch, version }]) => {
    const subscription = foundry.subscribe(topic, (view, why) => told.listener({ view, why }));
    return { subscription, isThere: () => isAt(subscription.view, epoch, version) };
  });

  await told.until(() => watched.every(({ isThere }) => isThere()), { within: 120_000 });

  for (const { subscription } of watched) {
    assert.deepEqual(subscription.view?.data, proxy.expected[subscription.topic]?.data, url);
  }
  await foundry.close();
  assertEachToldOnce(told.all, url);
  assert.equal(foundry.counters.connections_created, foundry.counters.connections_disposed, url);
}

/**
 * @param {View | null} view
 * @param {string} epoch
 * @param {number} version
 */
const isAt = (view, epoch, version) => view?.epoch === epoch && view.version === version;

/**
 * No change twice, and nothing older after something newer; only a snapshot may say again what is held.
 *
 * @param {{view: View | null, why: Why}[]} told
 * @param {string} url
 */
function assertEachToldOnce(told, url) {
  /** @type {Map<string, number>} */
  const newest = new Map();
  for (const { view, why } of told) {
    assert.ok(view !== null, url);
    const key = `${view.epoch} ${view.topic}`;
    const least = (newest.get(key) ?? -1) + (["bootstrap", "gap", "reset"].includes(why.cause) ? 0 : 1);
    assert.ok(view.version >= least, `${url}: ${JSON.stringify(why)} after ${least}`);
    newest.set(key, view.version);
  }
}
