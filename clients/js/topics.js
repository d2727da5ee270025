/**
 * What is watched: reference counts, the grace before a topic is let go, gaps. Nothing is asked of the server here;
 * `interest.js` does that once for all that changed in a moment.
 *
 * @import {Release, Subscribe, Topic, Why} from "./types.js"
 * @import {Turn} from "./turn.js"
 */

import { GAP_MEMORY_MS, INTEREST_MS, jitter } from "./turn.js";

/**
 * @param {Turn} turn
 * @param {Subscribe} input
 */
export function subscribe(turn, { topic: name, live = "on", view = null }) {
  const topic = turn.topic(name);
  if (topic === null) {
    // The server may still carry what was let go a moment ago: then it has to be told to send it again.
    const gap = turn.state.current?.carried.has(name) ? "due" : null;
    turn.setTopic(name, { ...FRESH, listeners: 1, live, view, gap });
    if (view !== null) tell(turn, name, { cause: "held", newest: true });
    ask(turn, name);
    return;
  }
  if (topic.listeners === 0) turn.do({ type: "cancel_timer", name: `grace ${name}` });
  const wider = topic.live !== "on" && live === "on";
  turn.setTopic(name, {
    listeners: topic.listeners + 1,
    live: wider ? "on" : topic.live,
    refused: null,
  });
  if (topic.view !== null) tell(turn, name, { cause: "held", newest: true });
  if (wider || topic.refused !== null) ask(turn, name);
}

/**
 * @param {Turn} turn
 * @param {Release} input
 */
export function release(turn, { topic: name }) {
  const topic = turn.topic(name);
  if (topic === null || topic.listeners === 0) return;
  turn.setTopic(name, { listeners: topic.listeners - 1 });
  if (topic.listeners > 1) return;
  turn.do({ type: "set_timer", name: `grace ${name}`, ms: turn.state.options.grace_ms });
}

/**
 * The grace is over.
 *
 * @param {Turn} turn
 * @param {string} name
 */
export function letGo(turn, name) {
  if (turn.topic(name)?.listeners !== 0) return;
  turn.dropTopic(name);
  interestChanged(turn);
}

/**
 * A topic that cannot go on from what is held: it is asked for anew, at once the first time.
 *
 * @param {Turn} turn
 * @param {string} name
 */
export function noticeGap(turn, name) {
  const topic = turn.topic(name);
  if (topic === null || topic.gap !== null) return;
  const gaps = turn.at - topic.gap_at > GAP_MEMORY_MS ? 0 : topic.gaps;
  turn.count("gaps");
  turn.do({ type: "log", event: "gap", topic: name, version: topic.view?.version ?? null });
  turn.setTopic(name, { gap: gaps === 0 ? "due" : "waiting", gaps: gaps + 1, gap_at: turn.at });
  if (gaps === 0) interestChanged(turn);
  else turn.do({ type: "set_timer", name: `gap ${name}`, ms: jitter(turn.random, gaps) });
}

/**
 * A topic with a gap has waited for its turn.
 *
 * @param {Turn} turn
 * @param {string} name
 */
export function askAgain(turn, name) {
  if (turn.topic(name)?.gap !== "waiting") return;
  turn.setTopic(name, { gap: "due" });
  interestChanged(turn);
}

/**
 * Requests for gaps that went to a stream which is left have to be made again.
 *
 * @param {Turn} turn
 */
export function gapsAreDue(turn) {
  for (const [name, topic] of turn.state.topics) {
    if (topic.gap === "asked") turn.setTopic(name, { gap: "due" });
  }
}

/**
 * The topics a stream should carry.
 *
 * @param {Turn} turn
 */
export function wanted({ state }) {
  return [...state.topics]
    .filter(([, topic]) => topic.live === "on" && topic.refused === null)
    .map(([name]) => name);
}

/**
 * What the server is told that we hold of a topic.
 *
 * @param {Topic | null} topic
 * @returns {string | null}
 */
export function held(topic) {
  return topic?.view && topic.gap === null ? tag(topic.view) : null;
}

/** @param {{epoch: string, version: number}} view */
export const tag = ({ epoch, version }) => `${epoch}.${version}`;

/**
 * What a tag names; nothing has the epoch of a text that is none.
 *
 * @param {string} text
 */
export function parseTag(text) {
  const [, epoch = null, version] = /^(.*)\.(\d+)$/s.exec(text) ?? [];
  return { epoch, version: Number(version) };
}

/**
 * The set of wanted topics, or a gap, is not what the server knows: one request will say so, for all that changes in
 * the next moment.
 *
 * @param {Turn} turn
 */
export function interestChanged(turn) {
  const { status, current, flushing } = turn.state;
  if (status === "closed" || status === "needs_auth") return;
  const none = wanted(turn).length === 0;
  if (current === null) {
    if (none) rest(turn);
    else if (status === "idle") {
      turn.enter("connecting");
      schedule(turn);
    }
  } else if (!flushing && (none || current.sid !== null)) schedule(turn);
}

/**
 * Nothing is watched live and no stream is open.
 *
 * @param {Turn} turn
 */
export function rest(turn) {
  if (turn.state.flushing) turn.do({ type: "cancel_timer", name: "interest" });
  if (turn.state.status === "reconnecting") turn.do({ type: "cancel_timer", name: "retry" });
  turn.set({ flushing: false, attempt: 0 });
  turn.enter("idle");
}

/**
 * Replaces what is held, or takes it away, and tells every listener why.
 *
 * @param {Turn} turn
 * @param {string} name
 * @param {Partial<Why> & {cause: string, newest?: boolean}} why
 */
export function tell(turn, name, { newest = false, ...why }) {
  const view = turn.topic(name)?.view ?? null;
  /** @type {Why} */
  const entry = { at: turn.at, topic: name, version: view?.version ?? null, ...why };
  if (newest) turn.do({ type: "tell", topic: name, view, why: entry, newest });
  else {
    turn.countRefresh(entry.cause);
    turn.do({ type: "tell", topic: name, view, why: entry });
  }
}

/**
 * @param {Turn} turn
 * @param {string} name
 * @param {"gone" | "forbidden"} refused
 */
export function refuse(turn, name, refused) {
  turn.setTopic(name, { view: null, refused, gap: null });
  tell(turn, name, { cause: refused });
}

/** @type {Topic} */
const FRESH = {
  listeners: 0,
  live: "on",
  view: null,
  refused: null,
  gap: null,
  gaps: 0,
  gap_at: 0,
  again: null,
  failures: 0,
};

/**
 * @param {Turn} turn
 * @param {string} name
 */
function ask(turn, name) {
  const topic = turn.topic(name);
  if (topic?.live === "on") interestChanged(turn);
  else if (turn.state.status !== "needs_auth") {
    turn.do({
      type: "read",
      topic: name,
      etag: topic?.view ? tag(topic.view) : null,
      at_least: null,
      cause: "bootstrap",
    });
  }
}

/** @param {Turn} turn */
function schedule(turn) {
  turn.set({ flushing: true });
  turn.do({ type: "set_timer", name: "interest", ms: INTEREST_MS });
}
