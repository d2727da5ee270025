/**
 * One step in the making: the state so far, and what is to be done. States are replaced, never changed.
 *
 * @import {Connection, Counters, Effect, Input, State, Status, Topic} from "./types.js"
 */

export const INTEREST_MS = 10;
export const OPENING_MS = 15_000;
/** A stream that was ready for this long was a good one: the next failure is a first failure again. */
export const STEADY_MS = 5_000;
const BACKOFF_MS = 500;
const LONGEST_BACKOFF_MS = 30_000;
/** The wait after an answer that will not change by itself. */
export const SLOW_MS = 30_000;
export const WAKE_MS = 5_000;
/** A topic that had no gap for this long starts anew. */
export const GAP_MEMORY_MS = 60_000;
export const STALE_AFTER = 1.5;
export const LOST_AFTER = 2.5;
/** At most this many topics in one request, which stays far below the 512 KB that the server takes. */
export const MOST_TOPICS = 250;

/**
 * The state of a manager that was asked for nothing yet.
 *
 * @param {{grace_ms?: number}} [options]
 * @returns {State}
 */
export function begin({ grace_ms = 30_000 } = {}) {
  return {
    options: { grace_ms },
    status: "idle",
    topics: new Map(),
    current: null,
    next: null,
    last_connection: 0,
    cursor: null,
    flushing: false,
    attempt: 0,
    retry_ms: 0,
    not_before: 0,
    woken_at: null,
    counters: {
      connections_created: 0,
      connections_disposed: 0,
      reconnect_attempts: 0,
      refreshes: {},
      gaps: 0,
      drains: 0,
    },
  };
}

/**
 * Full jitter: anything from nothing to twice as much as the time before.
 *
 * @param {number} random
 * @param {number} attempt from 0
 */
export function jitter(random, attempt) {
  return Math.round(random * Math.min(LONGEST_BACKOFF_MS, BACKOFF_MS * 2 ** Math.min(attempt, 30)));
}

export class Turn {
  /**
   * @param {State} state
   * @param {Input} input
   */
  constructor(state, { at, random }) {
    this.state = state;
    this.at = at;
    this.random = random;
    /** @type {Effect[]} */
    this.effects = [];
  }

  /** @param {Effect} effect */
  do(effect) {
    this.effects.push(effect);
  }

  /** @param {Partial<State>} patch */
  set(patch) {
    this.state = { ...this.state, ...patch };
  }

  /**
   * @param {string} name
   * @returns {Topic | null}
   */
  topic(name) {
    return this.state.topics.get(name) ?? null;
  }

  /**
   * @param {string} name
   * @param {Partial<Topic>} patch
   */
  setTopic(name, patch) {
    const topic = /** @type {Topic} */ ({ ...this.topic(name), ...patch });
    // Not an object: to copy one of a thousand names takes a millisecond, twenty times as long.
    this.set({ topics: new Map(this.state.topics).set(name, topic) });
  }

  /** @param {string} name */
  dropTopic(name) {
    const topics = new Map(this.state.topics);
    topics.delete(name);
    this.set({ topics });
  }

  /**
   * Which place a connection has; null for one that was left.
   *
   * @param {number} id
   * @returns {"current" | "next" | null}
   */
  placeOf(id) {
    if (this.state.current?.id === id) return "current";
    return this.state.next?.id === id ? "next" : null;
  }

  /**
   * @param {"current" | "next"} place
   * @param {Partial<Connection>} patch
   */
  setConnection(place, patch) {
    const connection = /** @type {Connection} */ ({ ...this.state[place], ...patch });
    this.set(place === "current" ? { current: connection } : { next: connection });
  }

  /** @param {Status} status */
  enter(status) {
    if (this.state.status === status) return;
    this.set({ status });
    this.do({ type: "state", state: status });
  }

  /** @param {Exclude<keyof Counters, "refreshes">} counter */
  count(counter) {
    const { counters } = this.state;
    this.set({ counters: { ...counters, [counter]: counters[counter] + 1 } });
  }

  /** @param {string} cause */
  countRefresh(cause) {
    const { counters } = this.state;
    const refreshes = { ...counters.refreshes, [cause]: (counters.refreshes[cause] ?? 0) + 1 };
    this.set({ counters: { ...counters, refreshes } });
  }
}
