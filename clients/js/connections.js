/**
 * The life of streams: opening one, losing it, coming back, moving to another, giving up for want of an identity.
 *
 * @import {Lost} from "./types.js"
 * @import {Turn} from "./turn.js"
 */

import { gapsAreDue, held, interestChanged, rest, wanted } from "./topics.js";
import {
  jitter,
  LOST_AFTER,
  MOST_TOPICS,
  OPENING_MS,
  SLOW_MS,
  STALE_AFTER,
  STEADY_MS,
  WAKE_MS,
} from "./turn.js";

/**
 * Opens a stream for what is wanted. More topics than one request takes follow through `interest`.
 *
 * @param {Turn} turn
 * @param {"current" | "next"} place
 */
export function open(turn, place) {
  const names = wanted(turn).slice(0, MOST_TOPICS);
  const id = turn.state.last_connection + 1;
  const topics = Object.fromEntries(names.map((name) => [name, held(turn.topic(name))]));
  for (const name of names) {
    if (turn.topic(name)?.gap) turn.setTopic(name, { gap: "asked" });
  }
  turn.set({
    last_connection: id,
    [place]: {
      id,
      sid: null,
      heartbeat_ms: 0,
      heard_at: turn.at,
      ready_at: null,
      carried: new Set(names),
      revision: 0,
      asking: null,
      failures: 0,
      draining: false,
    },
  });
  turn.count("connections_created");
  turn.do({ type: "open", connection: id, topics, cursor: turn.state.cursor });
  turn.do({ type: "set_timer", name: `opening ${id}`, ms: OPENING_MS });
}

/**
 * The `retry` timer, or somebody who does not want to wait for it.
 *
 * @param {Turn} turn
 */
export function reopen(turn) {
  if (turn.state.status !== "reconnecting" || turn.state.current !== null) return;
  turn.count("reconnect_attempts");
  open(turn, "current");
}

/**
 * A stream ended by itself, or never began.
 *
 * @param {Turn} turn
 * @param {Lost} input
 */
export function lost(turn, { connection, status = 0, retry_after_ms = 0, code = "", detail = "" }) {
  const place = turn.placeOf(connection);
  if (place === null) return;
  turn.do({ type: "log", event: "stream lost", connection, status, code, detail });
  if (status === 401) {
    forget(turn, place);
    needSignIn(turn, detail);
    return;
  }
  // The request itself was refused. It will be refused again, but a deploy may mend it.
  const refused = status >= 400 && status < 500 && ![408, 425, 429].includes(status);
  if (refused) turn.do({ type: "problem", status, code, detail });
  if (retry_after_ms > 0) turn.set({ not_before: turn.at + retry_after_ms });
  forget(turn, place);
  comeBack(turn, place, Math.max(retry_after_ms, refused ? SLOW_MS : turn.state.retry_ms));
}

/**
 * Leaves a stream that is of no use any more, for another.
 *
 * @param {Turn} turn
 * @param {number} connection
 * @param {{detail: string, at_least_ms?: number}} why
 */
export function breakOff(turn, connection, { detail, at_least_ms = turn.state.retry_ms }) {
  const place = turn.placeOf(connection);
  if (place === null) return;
  turn.do({ type: "log", event: "stream left", connection, detail });
  dispose(turn, place);
  comeBack(turn, place, at_least_ms);
}

/**
 * Nothing is wanted any more.
 *
 * @param {Turn} turn
 */
export function closeStreams(turn) {
  dispose(turn, "next");
  dispose(turn, "current");
  rest(turn);
}

/**
 * The new stream has everything: the old one is left, and what it was asked for is asked of the new one.
 *
 * @param {Turn} turn
 */
export function moveOver(turn) {
  dispose(turn, "current");
  promote(turn);
}

/**
 * @param {Turn} turn
 * @param {{retry_ms: number}} drain
 */
export function startDrain(turn, { retry_ms }) {
  if (turn.state.current?.draining) return;
  turn.setConnection("current", { draining: true });
  turn.count("drains");
  turn.do({ type: "set_timer", name: "drain", ms: retry_ms });
}

/**
 * Nobody knows who is asking: nothing is tried until somebody signs in. What is held stays.
 *
 * @param {Turn} turn
 * @param {string} detail
 */
export function needSignIn(turn, detail) {
  if (turn.state.status === "needs_auth") return;
  stop(turn);
  turn.do({ type: "log", event: "needs_auth", detail });
  turn.enter("needs_auth");
}

/**
 * Ends every stream and every timer that would open one.
 *
 * @param {Turn} turn
 */
export function stop(turn) {
  dispose(turn, "next");
  dispose(turn, "current");
  if (turn.state.flushing) turn.do({ type: "cancel_timer", name: "interest" });
  if (turn.state.status === "reconnecting") turn.do({ type: "cancel_timer", name: "retry" });
  turn.set({ flushing: false, attempt: 0 });
}

/**
 * The time a stream has to begin is over.
 *
 * @param {Turn} turn
 * @param {number} connection
 */
export function openingIsOver(turn, connection) {
  const place = turn.placeOf(connection);
  if (place === null || turn.state[place]?.sid !== null) return;
  breakOff(turn, connection, { detail: "The stream did not begin in time." });
}

/**
 * Looks how long a stream has been silent.
 *
 * @param {Turn} turn
 * @param {number} connection
 */
export function listen(turn, connection) {
  const place = turn.placeOf(connection);
  const stream = place === null ? null : turn.state[place];
  if (place === null || !stream || stream.sid === null) return;
  // A clock that was set back must not make a stream look alive for longer.
  if (stream.heard_at > turn.at) turn.setConnection(place, { heard_at: turn.at });
  const silent = Math.max(0, turn.at - stream.heard_at);
  const stale = STALE_AFTER * stream.heartbeat_ms;
  const over = LOST_AFTER * stream.heartbeat_ms;
  if (silent >= over) {
    breakOff(turn, connection, { detail: "The stream fell silent." });
    return;
  }
  if (silent >= stale && place === "current") turn.enter("stale");
  const ms = Math.ceil((silent >= stale ? over : stale) - silent);
  turn.do({ type: "set_timer", name: `silence ${connection}`, ms });
}

/**
 * The machine woke up, or is online again: look at once, but not all the time.
 *
 * @param {Turn} turn
 */
export function wake(turn) {
  const { woken_at, current } = turn.state;
  if (current?.sid) listen(turn, current.id);
  const waits = turn.state.status === "reconnecting" && turn.state.current === null;
  if (!waits || turn.at < turn.state.not_before) return;
  if (woken_at !== null && turn.at - woken_at < WAKE_MS && turn.at >= woken_at) return;
  turn.set({ woken_at: turn.at });
  turn.do({ type: "cancel_timer", name: "retry" });
  reopen(turn);
}

/**
 * @param {Turn} turn
 * @param {"current" | "next"} place
 * @param {number} at_least_ms
 */
function comeBack(turn, place, at_least_ms) {
  const ms = at_least_ms + jitter(turn.random, turn.state.attempt);
  if (place === "next") {
    // The old stream still serves; another one is tried until it ends.
    turn.set({ attempt: turn.state.attempt + 1 });
    turn.do({ type: "set_timer", name: "drain", ms });
    interestChanged(turn);
  } else if (turn.state.next !== null) promote(turn);
  else if (wanted(turn).length === 0) rest(turn);
  else {
    turn.set({ attempt: turn.state.attempt + 1 });
    if (turn.state.flushing) turn.do({ type: "cancel_timer", name: "interest" });
    turn.set({ flushing: false });
    turn.enter("reconnecting");
    turn.do({ type: "set_timer", name: "retry", ms });
  }
}

/** @param {Turn} turn */
function promote(turn) {
  const { next } = turn.state;
  if (next === null) return;
  turn.set({ current: next, next: null });
  gapsAreDue(turn);
  if (next.ready_at === null) turn.enter(next.sid === null ? "reconnecting" : "catching_up");
  interestChanged(turn);
}

/**
 * @param {Turn} turn
 * @param {"current" | "next"} place
 */
function dispose(turn, place) {
  const stream = turn.state[place];
  if (stream === null) return;
  turn.do({ type: "dispose", connection: stream.id });
  forget(turn, place);
}

/**
 * @param {Turn} turn
 * @param {"current" | "next"} place
 */
function forget(turn, place) {
  const stream = turn.state[place];
  if (stream === null) return;
  const timer = stream.sid === null ? "opening" : "silence";
  turn.do({ type: "cancel_timer", name: `${timer} ${stream.id}` });
  if (stream.draining) turn.do({ type: "cancel_timer", name: "drain" });
  turn.set(place === "current" ? { current: null } : { next: null });
  turn.count("connections_disposed");
  if (stream.ready_at !== null && turn.at - stream.ready_at >= STEADY_MS) turn.set({ attempt: 0 });
}
