/**
 * What a stream tells: `hello`, `snapshot`, `change`, `ready` and the rest (docs/protocol.md, "Live").
 *
 * @import {Cause, Change, Event, Touched, Why} from "./types.js"
 * @import {Turn} from "./turn.js"
 */

import { breakOff, moveOver, needSignIn, startDrain } from "./connections.js";
import { fold, share } from "./fold.js";
import { flush } from "./interest.js";
import { interestChanged, noticeGap, parseTag, refuse, tell, wanted } from "./topics.js";
import { SLOW_MS, STALE_AFTER } from "./turn.js";

/** At most this many of a change's entities stand in the ledger; of a large one the number says enough. */
const MOST_ENTITIES = 20;

/**
 * @param {Turn} turn
 * @param {Event} input
 */
export function received(turn, { connection, name, data, id = null }) {
  if (turn.placeOf(connection) === null) return;
  const complaint = malformed(name, data);
  if (complaint !== null) {
    breakOff(turn, connection, { detail: `The stream sent a ${name} without ${complaint}.` });
    return;
  }
  heard(turn, connection);
  const handle = Object.hasOwn(HANDLERS, name) ? HANDLERS[name] : undefined;
  const applied = handle?.(turn, connection, data) ?? true;
  // An id covers everything before it, so one that came with what could not be applied is worth nothing.
  if (id !== null && applied && turn.placeOf(connection) === "current") turn.set({ cursor: id });
}

/**
 * Bytes came.
 *
 * @param {Turn} turn
 * @param {number} connection
 */
export function heard(turn, connection) {
  const place = turn.placeOf(connection);
  if (place === null) return;
  turn.setConnection(place, { heard_at: turn.at });
  if (place === "current" && turn.state.status === "stale") {
    turn.enter(turn.state.current?.ready_at == null ? "catching_up" : "live");
  }
}

/**
 * The part that is missing or of the wrong kind; null if all is there. Fields and events not known here are left alone.
 *
 * @param {string} name
 * @param {any} data
 * @returns {string | null}
 */
function malformed(name, data) {
  for (const [field, isGood] of Object.entries(NEEDED[name] ?? {})) {
    if (!isGood(data?.[field])) return field;
  }
  return null;
}

/** @typedef {(value: unknown) => boolean} Test */
/** @type {Test} */
const isText = (value) => typeof value === "string";
/** @type {Test} */
const isNumber = (value) => typeof value === "number";
/** @type {Test} */
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** @type {Test} */
const isChanges = (value) => Array.isArray(value) && value.every(isChange);
/** @param {any} one */
const isChange = (one) => isText(one?.op) && isText(one.entity) && isText(one.id) && (one.op !== "put" || isObject(one.value));

/** @type {Record<string, Record<string, Test>>} */
const NEEDED = {
  hello: { sid: isText, heartbeat_ms: isNumber },
  snapshot: { topic: isText, epoch: isText, version: isNumber, data: isObject },
  change: { topic: isText, epoch: isText, base: isNumber, version: isNumber, changes: isChanges },
  ready: { topics: isObject },
  forbidden: { topic: isText },
  gone: { topic: isText },
  drain: { retry_ms: isNumber },
  bye: { code: isText },
};

/**
 * Each returns false if the event could not be applied.
 *
 * @type {Record<string, (turn: Turn, connection: number, data: any) => boolean | void>}
 */
const HANDLERS = {
  hello(turn, connection, { sid, heartbeat_ms }) {
    const place = turn.placeOf(connection);
    if (place === null || turn.state[place]?.sid !== null) return;
    turn.setConnection(place, { sid, heartbeat_ms });
    turn.do({ type: "cancel_timer", name: `opening ${connection}` });
    const ms = Math.ceil(STALE_AFTER * heartbeat_ms);
    turn.do({ type: "set_timer", name: `silence ${connection}`, ms });
    if (place !== "current") return;
    turn.enter("catching_up");
    flush(turn);
  },

  snapshot(turn, connection, { topic: name, epoch, version, data, cause }) {
    const topic = live(turn, name);
    if (topic === null) return;
    const { view, gap } = topic;
    const kind = cause?.kind ?? "bootstrap";
    const older = view !== null && view.epoch === epoch && version < view.version;
    // A read was quicker than the stream. What the stream tells next leads up to what is held.
    if (older && gap === null && kind === "bootstrap") return;
    if (older && isBeingLeft(turn, connection)) return;
    if (gap === "waiting") turn.do({ type: "cancel_timer", name: `gap ${name}` });
    const fresh = { topic: name, epoch, version, data: share(view?.data, data) };
    turn.setTopic(name, { view: fresh, gap: null });
    // It was sent because we asked for it anew, which the server cannot know.
    tell(turn, name, { ...reasonOf(cause), cause: gap !== null && kind === "bootstrap" ? "gap" : kind });
  },

  change(turn, connection, { topic: name, epoch, base, version, changes, cause }) {
    const topic = live(turn, name);
    if (topic === null) return true;
    const { view } = topic;
    if (view !== null && view.epoch === epoch) {
      if (version <= view.version) return true;
      if (base === view.version) {
        const data = fold(view.data, changes);
        turn.setTopic(name, { view: { topic: name, epoch, version, data } });
        tell(turn, name, { ...reasonOf(cause), ...touchedBy(changes) });
        return true;
      }
    }
    if (!isBeingLeft(turn, connection)) noticeGap(turn, name);
    return false;
  },

  // Said by a relay only: it missed something and has asked for it, and will send the whole.
  behind(turn, _connection, { topic: name }) {
    const topic = turn.topic(name);
    if (topic === null || topic.view === null || topic.gap !== null) return;
    turn.setTopic(name, { gap: "asked" });
    turn.do({ type: "log", event: "behind", topic: name, version: topic.view.version });
  },

  ready(turn, connection, { topics }) {
    const place = turn.placeOf(connection);
    if (place === null) return;
    if (turn.state[place]?.ready_at === null) turn.setConnection(place, { ready_at: turn.at });
    if (place === "next") moveOver(turn);
    turn.set({ not_before: 0 });
    for (const [name, etag] of Object.entries(topics)) {
      if (!holds(turn, name, String(etag))) noticeGap(turn, name);
    }
    turn.enter("live");
    if (!turn.state.flushing) flush(turn);
  },

  forbidden: (turn, connection, { topic }) => end(turn, connection, topic, "forbidden"),
  gone: (turn, connection, { topic }) => end(turn, connection, topic, "gone"),

  drain(turn, connection, { retry_ms }) {
    if (turn.placeOf(connection) === "current") startDrain(turn, { retry_ms });
  },

  bye(turn, connection, { code, detail = "", retry }) {
    if (code === "unauthenticated") needSignIn(turn, detail);
    else if (retry === false) {
      turn.do({ type: "problem", status: 0, code, detail });
      breakOff(turn, connection, { detail: code, at_least_ms: SLOW_MS });
    } else breakOff(turn, connection, { detail: code });
  },
};

/**
 * The stream does not carry the topic any more; it is not asked for again until somebody subscribes anew.
 *
 * @param {Turn} turn
 * @param {number} connection
 * @param {string} name
 * @param {"gone" | "forbidden"} refused
 */
function end(turn, connection, name, refused) {
  const place = turn.placeOf(connection);
  if (place !== null) {
    const carried = new Set(turn.state[place]?.carried);
    carried.delete(name);
    turn.setConnection(place, { carried });
  }
  if (live(turn, name) === null) return;
  refuse(turn, name, refused);
  if (wanted(turn).length === 0) interestChanged(turn);
}

/**
 * A topic that the stream may tell of.
 *
 * @param {Turn} turn
 * @param {string} name
 */
function live(turn, name) {
  const topic = turn.topic(name);
  return topic?.live === "on" && topic.refused === null ? topic : null;
}

/**
 * Whether we hold what the stream says it has told us, or more.
 *
 * @param {Turn} turn
 * @param {string} name
 * @param {string} etag
 */
function holds(turn, name, etag) {
  const topic = live(turn, name);
  if (topic === null || topic.gap !== null) return true;
  if (topic.view === null) return false;
  const told = parseTag(etag);
  return topic.view.epoch === told.epoch && topic.view.version >= told.version;
}

/**
 * Whether this is the old of two streams: what does not fit in it is the new one's to settle.
 *
 * @param {Turn} turn
 * @param {number} connection
 */
function isBeingLeft(turn, connection) {
  return turn.placeOf(connection) === "current" && Boolean(turn.state.next?.sid);
}

/**
 * The parts of a cause that the ledger keeps.
 *
 * @param {Cause | undefined} cause
 */
function reasonOf(cause) {
  const { kind = "event", event, position, command_id, actor } = cause ?? {};
  const told = { event, position, command_id, actor };
  const known = Object.fromEntries(Object.entries(told).filter(([, value]) => value != null));
  return { cause: kind, .../** @type {Partial<Why>} */ (known) };
}

/**
 * @param {readonly Change[]} changes
 * @returns {{entities: Touched[], entity_count: number}}
 */
function touchedBy(changes) {
  const entities = changes.slice(0, MOST_ENTITIES).map(({ op, entity, id }) => ({ op, entity, id }));
  return { entities, entity_count: changes.length };
}
