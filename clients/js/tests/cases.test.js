/**
 * The shared examples of the step function, each run on frozen states: a step that changed one would throw.
 *
 * @import {Input, State} from "../types.js"
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { step } from "../step.js";
import { begin } from "../turn.js";

/**
 * @typedef {{when: any, then: any[], state?: any}} Step
 * @typedef {{name: string, options?: {grace_ms?: number}, beginning?: string, steps: Step[]}} Case
 */

/** @type {{beginnings: Record<string, any[]>, cases: Case[]}} */
const { beginnings, cases } = JSON.parse(readFileSync(new URL("../../cases.json", import.meta.url), "utf8"));

/** What changes a map or a set; to freeze those takes none of it away. */
const CHANGES = ["set", "add", "delete", "clear"];

for (const { name, options, beginning, steps } of cases) {
  test(name, () => {
    let state = frozen(begin(options));
    let at = 0;
    for (const input of beginning === undefined ? [] : beginnings[beginning] ?? assert.fail()) {
      [state, at] = stepped(state, at, input);
    }

    for (const { when, then, state: expected } of steps) {
      let effects;
      [state, at, effects] = stepped(state, at, when);

      assert.deepEqual(effects.filter((effect) => effect.type !== "log"), then);
      if (expected !== undefined) assertHas(state, expected);
    }
  });
}

test("every case has a name of its own", () => {
  assert.equal(new Set(cases.map(({ name }) => name)).size, cases.length);
});

/**
 * `at` left out is that of the input before, `random` left out is a half.
 *
 * @param {State} state
 * @param {number} last
 * @param {any} input
 * @returns {[State, number, import("../types.js").Effect[]]}
 */
function stepped(state, last, input) {
  /** @type {Input} */
  const complete = { at: last, random: 0.5, ...input };
  const [next, effects] = step(state, frozen(complete));
  return [frozen(next), complete.at, effects];
}

/**
 * The parts that are named are there; others may be there too.
 *
 * @param {any} actual
 * @param {any} expected
 */
function assertHas(actual, expected) {
  if (actual instanceof Map) return assertHas(Object.fromEntries(actual), expected);
  const isPart = typeof expected === "object" && expected !== null && Object.keys(expected).length > 0;
  if (!isPart || Array.isArray(expected)) assert.deepEqual(actual, expected);
  else for (const key of Object.keys(expected)) assertHas(actual?.[key], expected[key]);
}

/**
 * @template T
 * @param {T} value
 * @returns {T}
 */
function frozen(value) {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    if (value instanceof Map || value instanceof Set) {
      for (const change of CHANGES) Object.defineProperty(value, change, { value: assert.fail });
    }
    Object.freeze(value);
    for (const part of value instanceof Map ? value.values() : Object.values(value)) frozen(part);
  }
  return value;
}
