/**
 * Tells the server what an open stream should carry from now on: one request at a time, because a revision that is
 * overtaken by a later one is ignored.
 *
 * @import {InterestAnswered} from "./types.js"
 * @import {Turn} from "./turn.js"
 */

import { breakOff, closeStreams, needSignIn, open } from "./connections.js";
import { held, wanted } from "./topics.js";
import { jitter, MOST_TOPICS } from "./turn.js";

/**
 * The moment in which changes were collected is over.
 *
 * @param {Turn} turn
 */
export function collected(turn) {
  if (!turn.state.flushing) return;
  turn.set({ flushing: false });
  if (turn.state.current === null && turn.state.status === "connecting") open(turn, "current");
  else flush(turn);
}

/**
 * Asks for what is wanted and not carried, and gives back what is carried and not wanted.
 *
 * @param {Turn} turn
 */
export function flush(turn) {
  const { current, next } = turn.state;
  if (current === null) return;
  const names = wanted(turn);
  if (names.length === 0) {
    closeStreams(turn);
    return;
  }
  // A stream that is about to be left is asked for nothing more.
  if (current.sid === null || current.asking !== null || next?.sid) return;
  const add = names
    .filter((name) => !current.carried.has(name) || turn.topic(name)?.gap === "due")
    .slice(0, MOST_TOPICS);
  const remove = [...current.carried]
    .filter((name) => !names.includes(name))
    .slice(0, MOST_TOPICS);
  if (add.length === 0 && remove.length === 0) return;
  const revision = current.revision + 1;
  const carried = carrying(current.carried, add, remove);
  turn.setConnection("current", { revision, carried, asking: { revision, add, remove } });
  turn.do({
    type: "interest",
    connection: current.id,
    sid: current.sid,
    revision,
    add: Object.fromEntries(add.map((name) => [name, held(turn.topic(name))])),
    remove,
  });
  for (const name of add) {
    if (turn.topic(name)?.gap) turn.setTopic(name, { gap: "asked" });
  }
}

/**
 * @param {Turn} turn
 * @param {InterestAnswered} input
 */
export function answered(turn, input) {
  const { connection, revision, status, retry_after_ms = 0, code = "", detail = "" } = input;
  const { current } = turn.state;
  if (current?.id !== connection || current.asking?.revision !== revision) return;
  const { asking } = current;
  if (status >= 200 && status < 300) {
    turn.setConnection("current", { asking: null, failures: 0 });
    flush(turn);
  } else if (status === 401) needSignIn(turn, detail);
  else if (status === 404) {
    breakOff(turn, connection, { detail: "The server has no such stream.", at_least_ms: 0 });
  } else {
    // Whether it was taken is not known: what is wanted then is asked again.
    const names = wanted(turn);
    const unwanted = asking.remove.filter((name) => !names.includes(name));
    const carried = carrying(current.carried, unwanted, asking.add);
    turn.setConnection("current", { asking: null, carried, failures: current.failures + 1 });
    for (const name of asking.add) {
      if (turn.topic(name)?.gap === "asked") turn.setTopic(name, { gap: "due" });
    }
    if (status === 0 || status === 408 || status === 429 || status >= 500) {
      turn.set({ flushing: true });
      const ms = retry_after_ms + jitter(turn.random, current.failures);
      turn.do({ type: "set_timer", name: "interest", ms });
    } else turn.do({ type: "problem", status, code, detail });
  }
}

/**
 * @param {ReadonlySet<string>} carried
 * @param {readonly string[]} add
 * @param {readonly string[]} remove
 * @returns {ReadonlySet<string>}
 */
function carrying(carried, add, remove) {
  return new Set([...[...carried].filter((name) => !remove.includes(name)), ...add]);
}
