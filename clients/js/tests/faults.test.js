/** Streams that go wrong in every way a network has, against a server of the test's own. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { Foundry } from "../foundry.js";
import { frame, Imitation, problem } from "./imitation.js";
import { Told } from "./waiting.js";

const TOPIC = "task/task_1";

let server = new Imitation();
/** @type {Foundry} */
let foundry;
/** @type {Told<any>} */
let states;
/** @type {Told<{view: any, why: any}>} */
let told;

beforeEach(async () => {
  server = new Imitation();
  await server.start();
  server.show(TOPIC, { id: "task_1", name: "one", sessions: [] });
  foundry = new Foundry({ url: server.url, token: "secret" });
  states = new Told();
  told = new Told();
  foundry.on("state", states.listener);
});

afterEach(async () => {
  await foundry.close();
  await server.stop();
});

function watch(topic = TOPIC) {
  return foundry.subscribe(topic, (view, why) => told.listener({ view, why }));
}

/** @param {string} name */
const named = (name) => told.until(({ view }) => view?.data.name === name);

/** Watches, and waits until everything is live. */
async function live() {
  const subscription = watch();
  await named("one");
  await states.until((state) => state === "live");
  return subscription;
}

test("whatever the server answers instead of a stream, the view is live in the end", async () => {
  server.instead("/v1/stream", (_, response) => problem(response, 503, "draining"));
  server.instead("/v1/stream", (_, response) => void response.writeHead(502).end("<html>Bad gateway</html>"));
  server.instead("/v1/stream", (_, response) => void response.writeHead(200).end("<html>Sign in here</html>"));
  server.instead("/v1/stream", (_, response) => void response.socket?.destroy());

  await live();

  assert.deepEqual(states.all, ["connecting", "reconnecting", "catching_up", "live"]);
  assert.equal(foundry.counters.reconnect_attempts, 4);
});

test("Retry-After is waited for", async () => {
  const asked = Date.now();
  server.instead("/v1/stream", (_, response) => problem(response, 503, "unavailable", { "Retry-After": "1" }));

  await live();

  assert.ok(Date.now() - asked >= 990);
});

test("a server that is away for a while is found again, and what was missed is there", async () => {
  await live();
  await server.stop();
  await states.until((state) => state === "reconnecting");
  server.rename(TOPIC, "two");

  await server.start();

  await named("two");
  await states.until((state) => state === "live", { from: states.all.indexOf("reconnecting") });
});

test("half an event is no event: the stream goes on from what was held", async () => {
  await live();
  const { response } = server.stream;
  const change = { topic: TOPIC, epoch: "e1", base: 10, version: 11, changes: [], cause: { kind: "event" } };
  response.write(frame("change", change, "11.c").slice(0, -2));
  response.destroy();

  await states.until((state) => state === "reconnecting");
  await states.until((state) => state === "live", { from: 4 });

  assert.deepEqual(server.stream.body, { topics: { [TOPIC]: "e1.10" }, cursor: "10.c" });
});

test("bytes may come one by one", async () => {
  server.show(TOPIC, { id: "task_1", name: "ä€😀\u2028", sessions: [] });
  server.instead("/v1/stream", (asked, response) => {
    const write = response.write.bind(response);
    /** @type {Buffer[]} */
    const bytes = [];
    Object.assign(response, { write: (/** @type {string} */ text) => bytes.push(Buffer.from(text)) });
    server.open(asked, response);
    const all = Buffer.concat(bytes);
    let at = 0;
    const next = () => at < all.length && write(all.subarray(at, (at += 1)), next);
    next();
  });

  watch();

  await named("ä€😀\u2028");
});

test("an event that is not JSON ends the stream, and the next one goes on", async () => {
  await live();
  server.stream.response.write("event: change\ndata: {half\n\n");

  await states.until((state) => state === "reconnecting");
  server.rename(TOPIC, "two");

  await named("two");
});

test("a silent stream is stale, then left for another", async () => {
  server.heartbeat_ms = 100;
  const subscription = await live();
  const silent = server.stream;

  await states.until((state) => state === "stale");
  assert.equal(subscription.state, "stale");
  await states.until((state) => state === "live", { from: states.all.indexOf("stale") });

  assert.notEqual(server.stream.sid, silent.sid);
});

test("a piece of a large event is a sign of life", async () => {
  server.heartbeat_ms = 1000;
  await live();
  const { response, sid } = server.stream;
  await states.until((state) => state === "stale");

  response.write("event: change\n");

  await states.until((state) => state === "live", { from: states.all.indexOf("stale") });
  assert.equal(server.stream.sid, sid);
});

test("drain: another stream is ready before the first is left, and no change is lost or told twice", async () => {
  await live();
  const first = server.stream;
  first.response.write(frame("drain", { retry_ms: 0, deadline_ms: 5000 }));
  const left = new Promise((resolve) => first.response.on("close", resolve));
  for (const name of ["two", "three", "four"]) server.rename(TOPIC, name);
  await left;
  server.rename(TOPIC, "five");
  await named("five");

  assert.deepEqual(told.all.map(({ view }) => view.data.name), ["one", "two", "three", "four", "five"]);
  assert.deepEqual(states.all, ["connecting", "catching_up", "live"]);
  assert.deepEqual([foundry.counters.drains, foundry.counters.gaps], [1, 0]);
});

test("a gap of one topic is mended by asking for that topic alone", async () => {
  const other = "task/task_2";
  server.show(other, { id: "task_2", name: "other", sessions: [] });
  watch(other);
  await live();
  server.stream.topics.delete(TOPIC);
  server.rename(TOPIC, "missed");
  server.stream.topics.add(TOPIC);
  server.rename(TOPIC, "seen");

  const { why } = await named("seen");

  const asked = server.asked.filter(({ path }) => path.endsWith("/interest"));
  assert.deepEqual(asked.map(({ body }) => body), [{ revision: 1, add: { [TOPIC]: null }, remove: [] }]);
  assert.deepEqual([why.cause, foundry.counters.gaps], ["gap", 1]);
});

test("a stream the server has forgotten is opened anew", async () => {
  await live();
  server.instead("/v1/stream/", (_, response) => problem(response, 404, "not_found"));
  server.show("task/task_2", { id: "task_2", name: "other", sessions: [] });

  watch("task/task_2");

  await named("other");
  assert.equal(foundry.counters.connections_created, 2);
});

test("more topics than one request takes follow in others", async () => {
  const topics = Array.from({ length: 600 }, (_, n) => `job/job_${n}`);
  for (const topic of topics) server.show(topic, { id: topic, name: topic });
  const subscriptions = topics.map((topic) => watch(topic));

  await named("job/job_599");

  const sizes = server.asked.map(({ body }) => Object.keys(body.topics ?? body.add).length);
  assert.deepEqual(sizes, [250, 250, 100]);
  assert.ok(subscriptions.every(({ view }) => view !== null));
});

test("without an identity nothing is tried until somebody signs in", async () => {
  server.instead("/v1/stream", (_, response) => problem(response, 401, "unauthenticated"));
  const subscription = watch();
  await states.until((state) => state === "needs_auth");
  assert.equal(subscription.state, "loading");

  foundry.signedIn("other");

  await named("one");
  assert.deepEqual(server.asked.map(({ headers }) => headers.authorization), ["Bearer secret", "Bearer other"]);
});

test("subscribing within the grace shows the same object at once, without a request", async () => {
  const first = await live();
  const view = first.view;
  first.close();
  assert.deepEqual([first.view, first.state], [null, "closed"]);
  const requests = server.asked.length;

  const again = watch();

  assert.equal(again.view, view);
  const { why } = await told.until(() => true, { from: 1 });
  assert.deepEqual([why.cause, again.state, server.asked.length], ["held", "live", requests]);
});

test("a closed subscription is told nothing more, the others are", async () => {
  const [gone, other] = [new Told(), new Told()];
  const subscription = foundry.subscribe(TOPIC, gone.listener);
  foundry.subscribe(TOPIC, other.listener);
  await other.until(() => true);

  subscription.close();
  server.rename(TOPIC, "two");
  await other.until((view) => view.data.name === "two");

  assert.equal(gone.all.length, 1);
});

test("the ledger keeps the last thousand reasons", async () => {
  await live();
  for (let n = 0; n < 1001; n += 1) server.rename(TOPIC, `n${n}`);
  await named("n1000");

  assert.equal(foundry.ledger.length, 1000);
  assert.deepEqual(foundry.ledger.at(-1)?.entities, [{ op: "put", entity: "self", id: "task_1" }]);
  assert.equal(foundry.counters.refreshes.event, 1001);
});

test("logs are structured and off unless asked for", async () => {
  const logged = new Told();
  const logging = new Foundry({ url: server.url, token: "secret", log: logged.listener });
  logging.subscribe(TOPIC);
  await logged.until(({ event, topic, cause }) => event === "refresh" && topic === TOPIC && cause === "bootstrap");
  await logging.close();

  assert.ok(logged.all.some(({ event }) => event === "stream opened"));
});
