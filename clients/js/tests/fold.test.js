/**
 * A snapshot with changes applied is the later snapshot, and what did not change is the same object.
 *
 * @import {Change, Data} from "../types.js"
 */

import assert from "node:assert/strict";
import { test } from "node:test";

import { changesBetween, compareIds, fold, share } from "../fold.js";

const ROUNDS = 300;

/** @param {number} seed */
function chance(seed) {
  let state = seed + 1;
  return (/** @type {number} */ below) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >>> 8) % below;
  };
}

const IDS = ["a", "b", "a/b", "é", "～", "😀", "z_9", "z_10", "\u{10ffff}"];

test("changes applied to a snapshot are the later snapshot", () => {
  for (let seed = 0; seed < ROUNDS; seed += 1) {
    const dice = chance(seed);
    /** @type {{self: Data, tasks: Map<string, Data>, entries: Map<string, Data>}} */
    const rows = { self: { id: "x" }, tasks: new Map(), entries: new Map() };
    const snapshot = () => ({
      ...rows.self,
      tasks: [...rows.tasks.values()].sort((one, other) => Buffer.compare(Buffer.from(one.id), Buffer.from(other.id))),
      entries: [...rows.entries.values()].sort((one, other) => one.index - other.index),
    });
    /** @type {Data} */
    let held = snapshot();

    for (let round = 0; round < 12; round += 1) {
      held = fold(held, Array.from({ length: dice(6) }, () => happened(rows, dice)));

      assert.deepEqual(held, snapshot(), `seed ${seed}`);
    }
  }
});

/**
 * @param {{self: Data, tasks: Map<string, Data>, entries: Map<string, Data>}} rows
 * @param {(below: number) => number} dice
 * @returns {Change}
 */
function happened(rows, dice) {
  const id = IDS[dice(IDS.length)] ?? "a";
  const kind = dice(5);
  if (kind === 0) {
    rows.self = dice(2) ? { id: "x", name: `n${dice(3)}` } : { id: "x", pull_request: { number: dice(3) } };
    return { op: "put", entity: "self", id: "x", value: rows.self };
  }
  const [list, entity] = kind < 3 ? [rows.tasks, "task"] : [rows.entries, "entry"];
  if (dice(3) === 0) {
    list.delete(id);
    return { op: "remove", entity, id };
  }
  // Of two entries none has the index of another, as on the server.
  const value = kind < 3 ? { id, title: `t${dice(3)}` } : { id, index: IDS.indexOf(id) * 1000 + dice(900) };
  list.set(id, value);
  return { op: "put", entity, id, value };
}

test("the changes between two states lead from one to the other", () => {
  for (let seed = 0; seed < ROUNDS; seed += 1) {
    const dice = chance(seed);
    /** @type {{self: Data, tasks: Map<string, Data>, entries: Map<string, Data>}} */
    const rows = { self: { id: "x" }, tasks: new Map(), entries: new Map() };
    /** @type {Data} */
    const start = { id: "x", tasks: [], entries: [] };
    const before = fold(start, Array.from({ length: dice(9) }, () => happened(rows, dice)));
    const told = Array.from({ length: dice(9) }, () => happened(rows, dice));
    const after = fold(before, told);

    const changes = changesBetween(before, after, told);

    assert.deepEqual(fold(structuredClone(before), changes), after, `seed ${seed}`);
    assert.ok(changes.every(({ entity }) => ["self", "task", "entry"].includes(entity)));
  }
});

test("what a change does not touch is the same object, and so is what it does not alter", () => {
  const data = { id: "x", pull_request: { number: 1 }, tasks: [{ id: "a", n: 1 }, { id: "b", n: { m: 2 } }], jobs: [{ id: "j" }] };

  const folded = fold(data, [
    { op: "put", entity: "task", id: "a", value: { id: "a", n: 9 } },
    { op: "put", entity: "task", id: "b", value: { id: "b", n: { m: 2 } } },
    { op: "put", entity: "self", id: "x", value: { id: "x", name: "new", pull_request: { number: 1 } } },
  ]);

  assert.equal(folded.jobs, data.jobs);
  assert.equal(folded.tasks[1], data.tasks[1]);
  assert.equal(folded.pull_request, data.pull_request);
  assert.notEqual(folded.tasks, data.tasks);
  assert.deepEqual(data.tasks[0], { id: "a", n: 1 });
});

test("of a new snapshot the equal elements are the old objects, wherever they stand", () => {
  const held = { id: "x", tasks: [{ id: "b", sessions: [{ id: "s" }] }], jobs: [{ id: "j" }] };
  const fresh = structuredClone({ ...held, tasks: [{ id: "a", sessions: [] }, ...held.tasks] });

  const shared = share(held, fresh);

  assert.deepEqual(shared, fresh);
  assert.equal(shared.tasks[1], held.tasks[0]);
  assert.equal(shared.jobs, held.jobs);
  assert.equal(share(held, structuredClone(held)), held);
});

test("names like __proto__ are names", () => {
  const odd = JSON.parse('{"__proto__": {"a": 1}, "constructor": 2}');

  assert.deepEqual(Object.keys(share({ "x": 1 }, odd)), ["__proto__", "constructor"]);
});

test("ids are compared as their bytes are", () => {
  for (const one of IDS) {
    for (const other of IDS) {
      const bytes = Buffer.compare(Buffer.from(one), Buffer.from(other));
      assert.equal(Math.sign(compareIds(one, other)), bytes, `${one} and ${other}`);
    }
  }
});

test("a large change is folded in one go", () => {
  const count = 20_000;
  const tasks = Array.from({ length: count }, (_, n) => ({ id: `task_${String(n).padStart(6, "0")}`, n }));
  const changes = tasks.map(({ id }) => ({ op: /** @type {const} */ ("put"), entity: "task", id, value: { id, n: -1 } }));

  const folded = fold({ id: "x", tasks }, changes);

  assert.equal(folded.tasks.length, count);
  assert.ok(folded.tasks.every((/** @type {Data} */ { n }) => n === -1));
});
