/** Several tabs of a real browser share one stream. */

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";

import { Imitation, frame, json, problem } from "./imitation.js";
import { launch } from "./browser.js";

const TOPIC = "task/task_1";
/** Tabs in the background draw no frames, which is when it would look otherwise. */
const OFTEN = { polling: 50 };

/** @typedef {import("playwright-core").Page} Page */

/** @type {import("playwright-core").Browser} */
let browser;
/** @type {import("playwright-core").BrowserContext} */
let context;
let server = new Imitation();

before(async () => {
  browser = await launch();
});
after(() => browser.close());
beforeEach(async () => {
  server = new Imitation();
  await server.start();
  server.show(TOPIC, { id: "task_1", name: "one", sessions: [{ id: "ses_1" }] });
  context = await browser.newContext();
  context.setDefaultTimeout(90_000);
});
afterEach(async () => {
  await context.close();
  await server.stop();
});

/**
 * A tab that watches a topic; what it saw stands in its `names` and `states`.
 *
 * @param {object} [options]
 */
async function tab(options = {}) {
  const page = await context.newPage();
  await page.goto(server.url);
  await page.evaluate(
    async ([topic, more]) => {
      const { Foundry } = await import(`${location.origin}/client/foundry.js`);
      const foundry = new Foundry({ share: "usr_1", token: "secret", .../** @type {object} */ (more) });
      const [names, states] = [/** @type {string[]} */ ([]), /** @type {string[]} */ ([])];
      foundry.on("state", (/** @type {string} */ state) => states.push(state));
      const subscription = foundry.subscribe(topic, (/** @type {any} */ view) => names.push(view && view.data.name));
      Object.assign(globalThis, { foundry, subscription, names, states });
    },
    /** @type {const} */ ([TOPIC, options]),
  );
  return page;
}

/**
 * @param {Page} page
 * @param {string} name
 */
const sees = (page, name) => page.waitForFunction((name) => /** @type {any} */ (globalThis).names.at(-1) === name, name, OFTEN);

/**
 * @param {Page} page
 * @param {string} state
 */
const is = (page, state) => page.waitForFunction((state) => /** @type {any} */ (globalThis).foundry.state === state, state, OFTEN);

/**
 * @param {Page} page
 * @param {string} state
 */
const subscriptionIs = (page, state) =>
  page.waitForFunction((state) => /** @type {any} */ (globalThis).subscription.state === state, state, OFTEN);

/**
 * @param {Page} page
 * @returns {Promise<any>}
 */
const seen = (page) =>
  page.evaluate(() => {
    const { names, states, foundry, subscription } = /** @type {any} */ (globalThis);
    return { names, states, gaps: foundry.counters.gaps, view: subscription.view, last: foundry.ledger.at(-1) };
  });

/**
 * @param {() => boolean} isSo
 * @returns {Promise<void>}
 */
const happens = (isSo) =>
  new Promise((resolve) => {
    const look = () => (isSo() ? resolve() : setImmediate(look));
    look();
  });

/** From now on streams are refused, as by a server that is being replaced, until `end()`. */
function refuseStreams() {
  const refusal = { count: 0, end: () => void (isOver = true) };
  let isOver = false;
  const refuse = (/** @type {import("./imitation.js").Asked} */ asked, /** @type {import("node:http").ServerResponse} */ response) => {
    if (isOver) return server.open(asked, response);
    refusal.count += 1;
    server.instead("/v1/stream", refuse);
    return problem(response, 503, "unavailable");
  };
  server.instead("/v1/stream", refuse);
  return refusal;
}

const streamsAsked = () => server.asked.filter(({ path }) => path === "/v1/stream").length;

test("tabs share one stream, and each is told each change once", async () => {
  const tabs = [await tab(), await tab(), await tab()];
  for (const page of tabs) await is(page, "live");

  server.rename(TOPIC, "two");
  server.rename(TOPIC, "three");
  for (const page of tabs) await sees(page, "three");

  assert.equal(streamsAsked(), 1);
  for (const page of tabs) {
    const { names, gaps, view, last } = await seen(page);
    assert.deepEqual([names, gaps], [["one", "two", "three"], 0]);
    assert.deepEqual(view, { topic: TOPIC, epoch: "e1", version: 12, data: { id: "task_1", name: "three", sessions: [{ id: "ses_1" }] } });
    assert.deepEqual([last.cause, last.event, last.position], ["event", "renamed", 12]);
  }
});

test("a tab that comes later sees what is held without a request", async () => {
  await sees(await tab(), "one");
  const asked = server.asked.filter(({ path }) => path.startsWith("/v1/")).length;

  await sees(await tab(), "one");

  assert.equal(server.asked.filter(({ path }) => path.startsWith("/v1/")).length, asked);
});

test("a tab that comes while something is missing is told that it may be behind", async () => {
  await is(await tab(), "live");
  /** @type {Promise<{asked: import("./imitation.js").Asked, response: import("node:http").ServerResponse}>} */
  const missed = new Promise((resolve) => {
    server.instead("/v1/stream/", (asked, response) => resolve({ asked, response }));
  });
  const change = { topic: TOPIC, epoch: "e1", base: 98, version: 99, changes: [], cause: { kind: "event", event: "renamed" } };
  server.stream.response.write(frame("change", change, "99.c"));
  const { asked, response } = await missed;

  const late = await tab();

  await subscriptionIs(late, "stale");
  const view = { topic: TOPIC, epoch: "e1", version: 99, data: { id: "task_1", name: "caught up", sessions: [] } };
  json(response, 202, { revision: asked.body.revision });
  server.stream.response.write(frame("snapshot", { ...view, cause: { kind: "gap" } }));
  server.stream.response.write(frame("ready", { revision: asked.body.revision, topics: { [TOPIC]: "e1.99" } }, "99.c"));
  await sees(late, "caught up");
  await subscriptionIs(late, "live");
});

test("when the leading tab is closed another leads at once, from what it holds", async () => {
  const [first, second, third] = [await tab(), await tab(), await tab()];
  for (const page of [first, second, third]) await is(page, "live");

  await first.close();
  await happens(() => streamsAsked() === 2);
  server.rename(TOPIC, "two");

  await sees(second, "two");
  await sees(third, "two");
  assert.deepEqual([(await seen(second)).names, (await seen(third)).names], [["one", "two"], ["one", "two"]]);
  assert.deepEqual(server.stream.body.topics, { [TOPIC]: "e1.10" });
});

test("what only a closed tab watched is let go", async () => {
  await sees(await tab({ grace_ms: 0 }), "one");
  const other = "task/task_2";
  server.show(other, { id: "task_2", name: "other", sessions: [] });
  const second = await tab({ grace_ms: 0 });
  await second.evaluate((topic) => void /** @type {any} */ (globalThis).foundry.subscribe(topic), other);
  await second.waitForFunction(
    (topic) => /** @type {any} */ (globalThis).foundry.ledger.some((/** @type {any} */ why) => why.topic === topic),
    other,
    OFTEN,
  );
  assert.ok(server.stream.topics.has(other));
  const { response, topics } = server.stream;

  await second.close();
  await happens(() => !topics.has(other));

  assert.ok(!response.destroyed);
});

test("a topic that is taken up again is shown again", async () => {
  const other = "task/task_2";
  server.show(other, { id: "task_2", name: "other", sessions: [] });
  await is(await tab(), "live");
  const second = await tab({ grace_ms: 0 });
  await is(second, "live");

  const shown = () =>
    second.evaluate(async (topic) => {
      const { foundry } = /** @type {any} */ (globalThis);
      /** @type {any} */
      let subscription;
      const view = await new Promise((resolve) => (subscription = foundry.subscribe(topic, resolve)));
      subscription.close();
      return view.data.name;
    }, other);
  const { topics } = server.stream;

  for (const _ of [1, 2, 3]) {
    assert.equal(await shown(), "other");
    await happens(() => !topics.has(other));
  }
});

test("a lost server is seen by every tab, and so is its return", async () => {
  const tabs = [await tab(), await tab()];
  for (const page of tabs) await is(page, "live");

  await server.stop();
  for (const page of tabs) await page.waitForFunction(() => /** @type {any} */ (globalThis).states.includes("reconnecting"), null, OFTEN);
  await server.start();
  server.rename(TOPIC, "two");

  for (const page of tabs) await sees(page, "two");
  for (const page of tabs) await is(page, "live");
});

test("while the server is away no tab takes another tab for it, and all come back with it", async () => {
  const tabs = [await tab(), await tab()];
  for (const page of tabs) await is(page, "live");
  const refusal = refuseStreams();
  server.stream.response.destroy();

  for (const page of tabs) await page.waitForFunction(() => /** @type {any} */ (globalThis).foundry.counters.connections_created >= 2, null, OFTEN);
  const late = await tab();
  await late.waitForFunction(() => /** @type {any} */ (globalThis).foundry.counters.connections_created === 1, null, OFTEN);
  await happens(() => refusal.count >= 2);
  assert.ok(!(await seen(late)).states.includes("catching_up"));
  for (const page of tabs) assert.equal((await seen(page)).states.at(-1), "reconnecting");
  server.rename(TOPIC, "two");
  refusal.end();

  for (const page of [...tabs, late]) {
    await sees(page, "two");
    await is(page, "live");
    assert.equal((await seen(page)).gaps, 0);
  }
});

test("whoever wants to try again now has the stream of all tried", async () => {
  const tabs = [await tab(), await tab()];
  for (const page of tabs) await is(page, "live");
  // By itself nobody would try again for an hour.
  server.stream.response.end("retry: 3600000\n\n");
  for (const page of tabs) await is(page, "reconnecting");
  assert.equal(streamsAsked(), 1);

  await tabs[1]?.evaluate(() => /** @type {any} */ (globalThis).foundry.retry());

  for (const page of tabs) await is(page, "live");
});

test("without an identity every tab needs a sign-in, and one is enough for the stream", async () => {
  server.instead("/v1/stream", (_, response) => problem(response, 401, "unauthenticated"));
  const tabs = [await tab(), await tab()];
  for (const page of tabs) await page.waitForFunction(() => /** @type {any} */ (globalThis).states.includes("needs_auth") || /** @type {any} */ (globalThis).foundry.state === "live", null, OFTEN);

  for (const page of tabs) await page.evaluate(() => /** @type {any} */ (globalThis).foundry.signedIn("other"));

  for (const page of tabs) await sees(page, "one");
});

test("closing every client leaves no stream", async () => {
  const tabs = [await tab(), await tab()];
  for (const page of tabs) await is(page, "live");

  for (const page of tabs) await page.evaluate(() => /** @type {any} */ (globalThis).foundry.close());

  await happens(() => server.streams.length === 0);
});
