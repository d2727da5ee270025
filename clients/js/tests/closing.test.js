/** After `close()` nothing is left: a process that has nothing else to do ends by itself. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, test } from "node:test";
import { fileURLToPath } from "node:url";

import { Imitation } from "./imitation.js";

let server = new Imitation();

beforeEach(async () => {
  server = new Imitation();
  await server.start();
  server.show("task/task_1", { id: "task_1", name: "one" });
});

afterEach(() => server.stop());

/** @param {string[]} options */
async function ran(...options) {
  const script = fileURLToPath(new URL("leaving.js", import.meta.url));
  const child = spawn(process.execPath, [script, server.url, ...options], { timeout: 60_000 });
  const [said, complaints, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  return { code, said: said.trim().split("\n"), complaints };
}

test("a client that is closed lets its process end, and a listener's error is its own", async () => {
  // A read nobody answers: close has to end it.
  server.instead("/v1/views", () => undefined);

  const { code, said, complaints } = await ran();

  assert.deepEqual([code, complaints], [0, ""]);
  assert.deepEqual(said.filter((line) => line !== "uncaught: a listener's own"), ["connecting", "catching_up", "live", "closed", "closed", "done"]);
  assert.ok(said.includes("uncaught: a listener's own"));
  assert.equal(server.streams.length, 0);
});

test("a client whose server is away lets its process end too", async () => {
  server.instead("/v1/stream", (asked, response) => {
    server.open(asked, response);
    response.end();
  });

  const { code, said } = await ran();

  assert.equal(code, 0);
  assert.equal(said.at(-1), "done");
});

test("a client without a stream lets its process end", async () => {
  const { code, said } = await ran("bootstrap-only");

  assert.equal(code, 0);
  assert.equal(said.at(-1), "done");
});
