// What an agent sends is not always of the shape its protocol wants: the page shows it as text, and goes on.

import assert from "node:assert/strict";
import { test } from "node:test";

import { addressOf, placesOf } from "../../web/address.js";
import { h } from "../../web/dom.js";
import { Entry } from "../../web/entry.js";
import { Transcript } from "../../web/transcript.js";

const draw = (kind, payload, live = true) => JSON.stringify(Entry({ block: { key: "1", kind, continued: false, at: 1, until: 1, sender: "agent", word: kind, text: "", payload }, mono: false, live }));

for (const [kind, payload, seen] of [
  ["plan", { entries: [null] }, "plan"],
  ["plan", { entries: ["only a text", { content: { odd: "content" }, status: {} }] }, "only a text"],
  ["plan", { entries: "none" }, "plan"],
  ["tool", { title: { toString: 1 } }, "toString"],
  ["tool", { title: "Read", status: "constructor" }, "queued"],
  ["tool", { title: 7, content: [null, { type: "diff", path: { toString: 1 }, newText: [] }] }, "toString"],
  ["system", { title: { valueOf: 1 } }, "valueOf"],
]) {
  test(`${kind} ${JSON.stringify(payload)}`, () => assert.ok(draw(kind, payload).includes(seen)));
}

const entriesOf = (said, from) => said.map((entry, at) => ({ id: String(from + at), index: from + at, sender: "agent", at: 1, ...entry }));
const USAGE = { kind: "usage_update", payload: { used: 1 } };

test("what an agent tells programs stands between no two words", () => {
  const transcript = new Transcript();

  transcript.follow(entriesOf([{ kind: "available_commands_update", payload: {} }, { kind: "agent_message_chunk", text: "One " }, USAGE, { kind: "agent_message_chunk", text: "sentence." }], 1));

  assert.deepEqual(transcript.blocks.map((block) => [block.kind, block.text]), [["agent", "One sentence."]]);
  assert.equal(transcript.entries.length, 4);
});

test("a page of which nothing is shown is taken all the same", () => {
  const transcript = new Transcript();
  transcript.follow(entriesOf([{ kind: "agent_message_chunk", text: "Said." }], 3));

  assert.ok(transcript.precede(entriesOf([USAGE, USAGE], 1)));

  assert.equal(transcript.first, 1);
  assert.equal(transcript.blocks.length, 1);
});

test("work of a turn that is over does not go on", () => {
  const shown = (status, live) => /mark-(\w+)/.exec(draw("tool", { title: "make", status }, live))?.[1];

  assert.deepEqual(["in_progress", "pending", "completed", "failed"].map((status) => shown(status, true)), ["running", "queued", "succeeded", "failed"]);
  assert.deepEqual(["in_progress", "pending", "completed", "failed"].map((status) => shown(status, false)), ["cancelled", "cancelled", "succeeded", "failed"]);
});

test("what cannot be shown at all says so", (t) => {
  t.mock.method(console, "error", () => undefined);
  let deep = [];
  for (let depth = 0; depth < 100_000; depth += 1) deep = [deep];
  assert.ok(draw("tool", { title: "Deep", rawInput: deep }).includes("This cannot be shown"));
});

test("no name turns the direction of what stands beside it", () => {
  for (const turn of ["\u061c", "\u200f", "\u202e", "\u2067"]) {
    assert.deepEqual(h("span", null, `bidi${turn}gnp.exe`).children.map((one) => one.text), [`bidi\\u${turn.charCodeAt(0).toString(16).padStart(4, "0")}gnp.exe`]);
  }
});

test("what a person said is not said to be the reader's", () => {
  const entry = Entry({ block: { key: "1", kind: "user", at: 1, until: 1, sender: "user", word: "message", text: "Hello", attachments: [] }, mono: false });
  assert.equal(entry.properties["aria-label"], "Person");
});

test("ids of any length that there is are places", () => {
  const places = { organization: `org_${"a".repeat(59)}`, repository: undefined, task: `task_${"b".repeat(58)}`, session: `ses_${"c".repeat(59)}` };
  const { organization, task, session } = places;
  assert.deepEqual(placesOf(addressOf(places)), { organization, task, session });
});
