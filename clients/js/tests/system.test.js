/** The client against a real `foundry serve`. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { Foundry, Problem } from "../foundry.js";
import { System } from "./system.js";
import { Told } from "./waiting.js";

const system = new System({ FOUNDRY_HEARTBEAT_SECONDS: "2", FOUNDRY_DRAIN_SECONDS: "3" });
/** @type {Foundry[]} */
const clients = [];

before(() => system.start());
after(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await system.end();
});

/** @param {import("../foundry.js").Options} [options] */
function client(options = {}) {
  const made = new Foundry({ url: system.url, token: system.token, ...options });
  clients.push(made);
  return made;
}

/**
 * @param {Foundry} foundry
 * @param {string} topic
 * @param {object} [options]
 */
function watch(foundry, topic, options) {
  /** @type {Told<{view: any, why: import("../types.js").Why}>} */
  const told = new Told();
  const subscription = foundry.subscribe(topic, (view, why) => told.listener({ view, why }), options);
  return { told, subscription };
}

/** @param {Foundry} foundry */
async function organization(foundry) {
  const { ids } = await foundry.command("organization.create", { name: "One" });
  return ids.organization_id ?? assert.fail();
}

test("the example of the README does what it says", async () => {
  const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
  const example = /^```js\n(.*?)^```$/ms.exec(readme)?.[1] ?? assert.fail();
  const child = spawn(process.execPath, ["--input-type=module", "--eval", example], {
    cwd: fileURLToPath(new URL("..", import.meta.url)),
    env: { ...process.env, URL: system.url, TOKEN: system.token },
    timeout: 60_000,
  });

  const [said, complaints, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);

  assert.deepEqual([code, complaints], [0, ""]);
  assert.match(said, /^[a-z_]+ Toured$/m);
});

test("a command's change reaches the view with the command's own id", async () => {
  const foundry = client();
  const id = await organization(foundry);
  const { told, subscription } = watch(foundry, `workspace/${id}`);
  await told.until(({ view }) => view?.data.name === "One");

  const { command_id, position } = await foundry.command("organization.update", { organization_id: id, name: "Two" });

  const { view, why } = await told.until(({ view }) => view.data.name === "Two");
  assert.equal(view.version, position);
  assert.deepEqual([why.cause, why.command_id, why.event], ["event", command_id, "organization_updated"]);
  assert.equal(subscription.state, "live");
  assert.equal(foundry.counters.connections_created, 1);
});

test("after atLeast the view holds what the command did", async () => {
  const foundry = client();
  const id = await organization(foundry);
  const { subscription } = watch(foundry, `workspace/${id}`);

  for (const name of ["a", "b", "c", "d"]) {
    const { position } = await foundry.command("organization.update", { organization_id: id, name });
    await foundry.atLeast(position);

    assert.equal(subscription.view?.data.name, name);
  }
});

test("a position that was never reached is a problem in time", async () => {
  const foundry = client();
  const id = await organization(foundry);

  await assert.rejects(
    foundry.atLeast(10_000_000, `workspace/${id}`, { deadline_ms: 100 }),
    (problem) => problem instanceof Problem && ["not_caught_up", "unreachable"].includes(problem.code),
  );
});

test("a view that is only read follows one's own commands and nothing else", async () => {
  const foundry = client({ live: { workspace: "bootstrap-only" } });
  const other = client();
  const id = await organization(foundry);
  const { told, subscription } = watch(foundry, `workspace/${id}`);
  await told.until(({ view }) => view?.data.name === "One");

  const { position } = await other.command("organization.update", { organization_id: id, name: "Theirs" });
  await other.atLeast(position, `workspace/${id}`);
  assert.equal(subscription.view?.data.name, "One");
  await foundry.command("organization.update", { organization_id: id, default_agent: "shell" });

  const { why } = await told.until(({ view }) => view.data.name === "Theirs");
  assert.equal(why.cause, "command");
  assert.equal(subscription.state, "frozen");
  assert.deepEqual([foundry.state, foundry.counters.connections_created], ["idle", 0]);
});

test("the same key is the same command", async () => {
  const foundry = client();
  const key = randomUUID();

  const first = await foundry.command("organization.create", { name: "Once" }, { key });
  const second = await foundry.command("organization.create", { name: "Once" }, { key });

  assert.deepEqual(second, first);
  await assert.rejects(
    foundry.command("organization.create", { name: "Other" }, { key }),
    (problem) => problem instanceof Problem && problem.status === 422 && problem.code === "key_reused",
  );
});

test("a command may name the version it is about", async () => {
  const foundry = client();
  const id = await organization(foundry);
  const { told } = watch(foundry, `workspace/${id}`);
  const { view } = await told.until(({ view }) => view !== null);
  await foundry.command("organization.update", { organization_id: id, name: "Two" }, { ifMatch: view });

  await assert.rejects(
    foundry.command("organization.update", { organization_id: id, name: "Three" }, { ifMatch: view }),
    (problem) => problem instanceof Problem && problem.code === "version_mismatch",
  );
});

test("what is wrong with a command is told field by field", async () => {
  const foundry = client();

  await assert.rejects(foundry.command("organization.create", { name: 7 }), (problem) => {
    assert(problem instanceof Problem);
    assert.deepEqual([problem.status, problem.code], [400, "malformed"]);
    assert.deepEqual(problem.errors.map(({ pointer }) => pointer), ["/name"]);
    return true;
  });
  assert.equal(foundry.counters.command_retries, 0);
});

test("what nobody may see is forbidden, and the rest of the stream goes on", async () => {
  const foundry = client();
  const id = await organization(foundry);
  const seen = watch(foundry, `workspace/${id}`);
  const unseen = watch(foundry, "workspace/org_nowhere");

  const { view, why } = await unseen.told.until(() => true);

  assert.deepEqual([view, why.cause, unseen.subscription.state], [null, "forbidden", "forbidden"]);
  await seen.told.until(({ view }) => view?.data.name === "One");
});

test("topics come and go on one stream", async () => {
  const foundry = client({ grace_ms: 0 });
  const [first, second] = [await organization(foundry), await organization(foundry)];
  const one = watch(foundry, `workspace/${first}`);
  await one.told.until(({ view }) => view !== null);
  const two = watch(foundry, `workspace/${second}`);
  await two.told.until(({ view }) => view !== null);
  one.subscription.close();
  /** @type {Told<string>} */
  const states = new Told();
  foundry.on("state", states.listener);

  await foundry.command("organization.update", { organization_id: second, name: "Two" });
  await two.told.until(({ view }) => view.data.name === "Two");
  assert.equal(foundry.counters.connections_created, 1);

  two.subscription.close();
  await states.until((state) => state === "idle");
  assert.deepEqual(foundry.counters.subscriptions, {});
});

test("a wrong token needs a sign-in, and the right one goes on from there", async () => {
  const id = await organization(client());
  const foundry = client({ token: "wrong" });
  /** @type {Told<string>} */
  const states = new Told();
  foundry.on("state", states.listener);
  const { told } = watch(foundry, `workspace/${id}`);
  await states.until((state) => state === "needs_auth");

  foundry.signedIn(system.token);

  await told.until(({ view }) => view?.data.name === "One");
});

test("a token that is revoked stops the stream and keeps what is held", async () => {
  const owner = client();
  const { ids, secret } = /** @type {any} */ (await owner.command("token.create", {}));
  const foundry = client({ token: secret });
  const { told, subscription } = watch(foundry, "app");
  await told.until(({ view }) => view !== null);
  /** @type {Told<string>} */
  const states = new Told();
  foundry.on("state", states.listener);

  await owner.command("token.revoke", { token_id: ids.token_id });

  await states.until((state) => state === "needs_auth");
  assert.equal(subscription.state, "stale");
  assert.ok(subscription.view?.data.user);
});

test("a server that is killed and comes back is followed without a gap", async () => {
  const foundry = client();
  const id = await organization(foundry);
  const { told, subscription } = watch(foundry, `workspace/${id}`);
  await told.until(({ view }) => view !== null);
  /** @type {Told<string>} */
  const states = new Told();
  foundry.on("state", states.listener);

  await system.stop("SIGKILL");
  await states.until((state) => state === "reconnecting");
  assert.equal(subscription.state, "stale");
  await system.start();
  const { position } = await foundry.command("organization.update", { organization_id: id, name: "Back" });

  const { view, why } = await told.until(({ view }) => view.data.name === "Back");
  assert.equal(view.version, position);
  assert.ok(["event", "resume"].includes(why.cause), why.cause);
  assert.equal(foundry.counters.gaps, 0);
});

test("a server that drains is left cleanly", async () => {
  const foundry = client();
  const id = await organization(foundry);
  const { told } = watch(foundry, `workspace/${id}`);
  await told.until(({ view }) => view !== null);
  /** @type {Told<string>} */
  const states = new Told();
  foundry.on("state", states.listener);

  await system.stop("SIGTERM");
  assert.equal(foundry.counters.drains, 1);
  await system.start();

  await states.until((state) => state === "live");
  await foundry.command("organization.update", { organization_id: id, name: "After" });
  await told.until(({ view }) => view.data.name === "After");
});
