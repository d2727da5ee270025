/** Commands and reads that go wrong on the way, against a server of the test's own. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { Foundry, Problem } from "../foundry.js";
import { Imitation, json, problem } from "./imitation.js";
import { Told } from "./waiting.js";

const TOPIC = "task/task_1";

let server = new Imitation();
/** @type {Foundry} */
let foundry;

beforeEach(async () => {
  server = new Imitation();
  await server.start();
  server.show(TOPIC, { id: "task_1", name: "one" });
  foundry = new Foundry({ url: server.url, token: "secret" });
});

afterEach(async () => {
  await foundry.close();
  await server.stop();
});

const keys = () => server.asked.map(({ headers }) => headers["idempotency-key"]);

/** @param {string} code */
const isProblem = (code) => (/** @type {unknown} */ error) => error instanceof Problem && error.code === code;

test("a command whose answer was lost is sent again under its key", async () => {
  server.instead("/v1/commands", (_, response) => void response.socket?.destroy());
  server.instead("/v1/commands", (_, response) => problem(response, 503, "unavailable"));
  server.instead("/v1/commands", (_, response) => problem(response, 409, "conflict"));
  server.instead("/v1/commands", (_, response) => problem(response, 429, "too_many_requests"));

  const { command_id } = await foundry.command("task.rename", { task_id: "task_1", title: "x" });

  assert.equal(server.asked.length, 5);
  assert.deepEqual(new Set(keys()), new Set([command_id]));
  assert.deepEqual([foundry.counters.commands, foundry.counters.command_retries], [1, 4]);
});

for (const [status, code] of /** @type {[number, string][]} */ ([
  [400, "malformed"],
  [403, "forbidden"],
  [404, "not_found"],
  [409, "already_exists"],
  [412, "version_mismatch"],
  [422, "rejected"],
  [500, "internal"],
])) {
  test(`a ${status} ${code} is told at once`, async () => {
    server.instead("/v1/commands", (_, response) => problem(response, status, code));

    await assert.rejects(foundry.command("task.rename"), isProblem(code));

    assert.equal(server.asked.length, 1);
  });
}

test("what no request can be made with is said at once, and not tried for ever", async () => {
  for (const url of ["", "127.0.0.1:7741", "localhost:7741", "ftp://host", "http://[::1"]) {
    assert.throws(() => new Foundry({ url }), TypeError, url);
  }
  for (const token of ["fdy_ü", "日本", "fdy_one\nfdy_two"]) {
    assert.throws(() => new Foundry({ url: server.url, token }), TypeError);
    assert.throws(() => foundry.signedIn(token), TypeError);
  }
  await assert.rejects(foundry.command("task.rename", { title: 1n }), TypeError);
  await assert.rejects(foundry.command("task.rename", {}, { key: "one\ntwo" }), TypeError);
  await assert.rejects(foundry.command("task.rename", {}, { ifMatch: "日本" }), TypeError);
  assert.throws(() => foundry.subscribe("task/\ud800"), TypeError);
  assert.equal(foundry.state, "idle");

  assert.equal(server.asked.length, 0);
});

test("an address may be a URL", async () => {
  const other = new Foundry({ url: new URL(server.url), token: "secret\n" });

  await other.command("task.rename");

  assert.equal(server.asked[0]?.headers.authorization, "Bearer secret");
  await other.close();
});

test("a success no command answers with is as good as none", async () => {
  server.instead("/v1/commands", (_, response) => json(response, 200, { signed_in: true }));

  const { position } = await foundry.command("task.rename");

  assert.ok(position > 0);
  assert.equal(server.asked.length, 2);
  assert.equal(new Set(keys()).size, 1);
});

test("each command has a key of its own, or the one that is given", async () => {
  await foundry.command("task.rename");
  await foundry.command("task.rename");
  await foundry.command("task.rename", {}, { key: "0198c7b4-0000-7000-8000-000000000001" });

  assert.equal(new Set(keys()).size, 3);
  assert.equal(keys()[2], "0198c7b4-0000-7000-8000-000000000001");
});

test("a command nobody answers ends at its deadline and says under which key it was sent", async () => {
  server.instead("/v1/commands", () => undefined);

  await assert.rejects(foundry.command("task.rename", {}, { key: "k", deadline_ms: 50 }), (error) => {
    assert.ok(error instanceof Problem);
    assert.deepEqual([error.status, error.code, error.key], [0, "unreachable", "k"]);
    return true;
  });
});

test("many at once are not taken for a leak, while they are tried again either", async () => {
  /** @type {string[]} */
  const warnings = [];
  const warned = (/** @type {Error} */ warning) => void warnings.push(warning.message);
  process.on("warning", warned);
  const { signal } = new AbortController();
  const many = Array.from({ length: 20 }, (_, at) => at);
  for (const _ of many) server.instead("/v1/commands", (_, response) => problem(response, 503, "unavailable"));

  await Promise.all(many.map(() => foundry.command("task.rename", {}, { signal })));
  await Promise.all(many.map(() => foundry.atLeast(10, TOPIC, { signal })));

  process.off("warning", warned);
  assert.deepEqual(warnings, []);
});

test("who does not answer is told with the reason", async () => {
  await server.stop();

  await assert.rejects(foundry.command("task.rename", {}, { deadline_ms: 50 }), /ECONNREFUSED/);

  await server.start();
});

test("a Retry-After beyond the deadline is not waited for", async () => {
  server.instead("/v1/commands", (_, response) => problem(response, 503, "draining", { "Retry-After": "3600" }));

  await assert.rejects(foundry.command("task.rename"), isProblem("draining"));
});

test("If-Match takes a position, a tag or a view, if there is one", async () => {
  for (const ifMatch of [7, "7", "e1.7", '"e1.7"', "*", { epoch: "e1", version: 7 }, null]) {
    await foundry.command("task.rename", {}, { ifMatch });
  }

  const tags = server.asked.map(({ headers }) => headers["if-match"]);
  assert.deepEqual(tags, ["7", "7", '"e1.7"', '"e1.7"', "*", '"e1.7"', undefined]);
});

test("a command without an identity asks for a sign-in", async () => {
  server.instead("/v1/commands", (_, response) => problem(response, 401, "unauthenticated"));

  await assert.rejects(foundry.command("task.rename"), isProblem("unauthenticated"));

  assert.equal(foundry.state, "needs_auth");
});

test("nothing is asked of a client that was closed, and nothing was reached", async () => {
  await foundry.close();

  assert.throws(() => foundry.subscribe(TOPIC), isProblem("closed"));
  await assert.rejects(foundry.command("task.rename"), isProblem("closed"));
  await assert.rejects(foundry.atLeast(1), isProblem("closed"));
  await assert.rejects(foundry.atLeast(1, TOPIC), isProblem("closed"));

  assert.equal(server.asked.length, 0);
});

test("close ends a command that waits", async () => {
  server.instead("/v1/commands", () => void foundry.close());

  await assert.rejects(foundry.command("task.rename"), isProblem("closed"));
});

test("a signal ends a command nobody answers, or that waits for another attempt, and one that is not sent yet", async () => {
  const leaving = [new AbortController(), new AbortController()];
  server.instead("/v1/commands", () => leaving[0]?.abort());
  server.instead("/v1/commands", (_, response) => {
    problem(response, 503, "unavailable", { "Retry-After": "30" });
    leaving[1]?.abort(new RangeError("enough"));
  });

  for (const [number, name] of ["AbortError", "RangeError"].entries()) {
    const signal = leaving[number]?.signal;
    await assert.rejects(foundry.command("task.rename", {}, { signal }), { name });
    await assert.rejects(foundry.command("task.rename", {}, { signal }), { name });
  }

  assert.equal(server.asked.length, 2);
});

test("a signal ends a wait for a position", async () => {
  foundry.subscribe(TOPIC);
  await foundry.atLeast(10);
  const leaving = new AbortController();
  server.instead("/v1/views", () => leaving.abort("enough"));

  await assert.rejects(foundry.atLeast(99, TOPIC, { signal: leaving.signal }), (reason) => reason === "enough");
  await assert.rejects(foundry.atLeast(99, undefined, { signal: leaving.signal }), (reason) => reason === "enough");
});

test("atLeast asks again until the node has caught up", async () => {
  const view = foundry.subscribe(TOPIC, undefined, { live: "bootstrap-only" });
  await foundry.atLeast(10);
  server.instead("/v1/views", (_, response) => problem(response, 503, "not_caught_up"));
  server.rename(TOPIC, "two");

  await foundry.atLeast(11);

  assert.equal(view.view?.data.name, "two");
  assert.ok(server.asked.some(({ path, headers }) => path.endsWith("?at_least=11") && headers["if-none-match"] === '"e1.10"'));
});

test("a success that is no view is as good as none, for a view that is only read too", async () => {
  for (const body of [null, {}, { epoch: "e1", version: 10, data: null }]) {
    server.instead("/v1/views", (_, response) => json(response, 200, body));
  }
  server.instead("/v1/views", (_, response) => void response.end());
  /** @type {Told<any>} */
  const told = new Told();

  foundry.subscribe(TOPIC, told.listener, { live: "bootstrap-only" });
  await told.until((view) => view !== null);
  await foundry.atLeast(10);

  assert.deepEqual(told.all.map((view) => view.data.name), ["one"]);
});

test("atLeast is satisfied by a view that did not change", async () => {
  const view = foundry.subscribe(TOPIC);
  await foundry.atLeast(10);

  await foundry.atLeast(99);

  assert.equal(view.view?.version, 10);
});

test("atLeast is satisfied by what the stream brings meanwhile", async () => {
  /** @type {Told<any>} */
  const told = new Told();
  foundry.subscribe(TOPIC, told.listener);
  await told.until((view) => view !== null);
  server.instead("/v1/views", () => void server.rename(TOPIC, "two"));

  await foundry.atLeast(11, TOPIC);

  assert.equal(told.all.at(-1).data.name, "two");
});

test("atLeast gives up at its deadline", async () => {
  server.instead("/v1/views", (_, response) => problem(response, 503, "not_caught_up", { "Retry-After": "5" }));

  await assert.rejects(foundry.atLeast(99, TOPIC, { deadline_ms: 1000 }), isProblem("not_caught_up"));
});

test("atLeast of all that is watched passes over what is gone", async () => {
  foundry.subscribe(TOPIC);
  foundry.subscribe("task/task_gone");

  await foundry.atLeast(10);

  await assert.rejects(foundry.atLeast(11, "task/task_gone"), isProblem("not_found"));
});

test("a newer read never makes the view older, whatever comes late", async () => {
  const subscription = foundry.subscribe(TOPIC);
  await foundry.atLeast(10);
  server.rename(TOPIC, "two");
  await foundry.atLeast(11);
  server.instead("/v1/views", (_, response) =>
    json(response, 200, { topic: TOPIC, epoch: "e1", version: 10, data: { id: "task_1", name: "one" } }),
  );

  foundry.refresh(TOPIC);
  await foundry.command("task.rename");
  await foundry.atLeast(11);

  assert.equal(subscription.view?.data.name, "two");
});

test("topics are written so that they stay one place in the address", async () => {
  await assert.rejects(foundry.atLeast(1, "task/a b?c#d%2F"), isProblem("not_found"));

  assert.equal(server.asked[0]?.path, "/v1/views/task/a%20b%3Fc%23d%252F?at_least=1");
});
