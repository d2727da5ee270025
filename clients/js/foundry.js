/**
 * The client: live views over one stream, commands, and why each view was refreshed (README.md).
 *
 * @import {CommandOptions} from "./command.js"
 * @import {Effect, Happening, Live, Told, View} from "./types.js"
 * @import {Listener} from "./subscription.js"
 * @import {Transport} from "./transport.js"
 */

import { send } from "./command.js";
import { Http } from "./http.js";
import { Ledger } from "./ledger.js";
import { Listeners } from "./listeners.js";
import { Problem } from "./problem.js";
import { reach, readView } from "./reaching.js";
import { Relay } from "./relay.js";
import { canShare, SharedStreams } from "./sharing.js";
import { step } from "./step.js";
import { Subscription } from "./subscription.js";
import { Timers } from "./timers.js";
import { HttpStreams } from "./transport.js";
import { begin } from "./turn.js";
import { Waking } from "./waking.js";
import { Watchers } from "./watchers.js";

export { Problem, Subscription };

/** @typedef {import("./types.js").Options} Options */

export class Foundry {
  #state;
  #live;
  #http;
  #streams;
  #timers = new Timers((name) => this.#feed({ type: "timer", name }));
  #ledger = new Ledger();
  #watchers = new Watchers();
  #listeners = new Listeners();
  /** @type {Happening[]} */
  #inbox = [];
  #feeding = false;
  #closing = new AbortController();
  #waking = new Waking(() => this.#wake());
  #commands = 0;
  #command_retries = 0;

  /**
   * @param {Options} [options] `url` is the server's, by default that of the page; without a `token` the cookie counts.
   *   Throws a `TypeError` for an address or a token that no request can be made with.
   */
  constructor(options = {}) {
    const { url = "", token = null, live = "on", credentials = "same-origin", log, ...rest } = options;
    this.#state = begin(rest.grace_ms === undefined ? {} : { grace_ms: rest.grace_ms });
    this.#live = live;
    this.#http = new Http({ url, token, fetch: rest.fetch, credentials });
    this.#streams = this.#transport(options);
    if (log) this.on("log", log);
  }

  // --- Watching ---

  /**
   * @param {string} topic
   * @param {Listener} [listener] told of the view and why, as soon as there is one and on each refresh, never before
   *   this returns
   * @param {{live?: Live, view?: View | null}} [options] `view` is one kept from before, to go on from
   */
  subscribe(topic, listener = () => undefined, { live, view = null } = {}) {
    this.#mustBeOpen();
    const subscription = new Subscription(
      topic,
      listener,
      () => ({ topic: this.#topic(topic), status: this.state }),
      () => {
        this.#watchers.remove(subscription);
        this.#feed({ type: "release", topic });
      },
    );
    this.#watchers.add(subscription);
    this.#feed({ type: "subscribe", topic, live: live ?? this.#liveOf(topic), view });
    return subscription;
  }

  /**
   * Reads a view again now; without a topic, all that are only read.
   *
   * @param {string} [topic]
   */
  refresh(topic) {
    this.#feed({ type: "refresh", topic: topic ?? null });
  }

  /**
   * Resolves when the topic, or everything that is watched, holds whatever happened up to a position. Rejects with a
   * `Problem` after `deadline_ms`, and with the reason of `signal` when that is aborted.
   *
   * @param {number} position
   * @param {string} [topic]
   * @param {{deadline_ms?: number, signal?: AbortSignal | undefined}} [options]
   */
  async atLeast(position, topic, { deadline_ms = 10_000, signal } = {}) {
    this.#mustBeOpen();
    const watched = this.#watchers.topics.filter((name) => !this.#topic(name)?.refused);
    const reached = (topic === undefined ? watched : [topic]).map((name) =>
      reach(this.#http, name, position, {
        held: () => this.#topic(name)?.view ?? null,
        told: (tell) => this.#watchers.onTold(name, tell),
        take: (read) => this.#feed(read),
        deadline_ms,
        signal,
        closing: this.#closing.signal,
        random: Math.random,
      }).catch((problem) => {
        // What is watched may be gone at that position, which is an answer too.
        if (topic !== undefined || problem?.status !== 404) throw problem;
      }),
    );
    await Promise.all(reached);
  }

  // --- Ordering ---

  /**
   * Sends a command; rejects with a `Problem`, and with the reason of `signal` when that is aborted. The same `key` again
   * is the same command, executed once.
   *
   * @param {string} name
   * @param {object} [fields]
   * @param {CommandOptions} [options]
   */
  async command(name, fields = {}, options = {}) {
    this.#commands += 1;
    const own = { closing: this.#closing.signal, onRetry: () => (this.#command_retries += 1), random: Math.random };
    try {
      const accepted = await send(this.#http, name, fields, { ...options, ...own });
      this.#feed({ type: "refresh", topic: null, at_least: accepted.position, cause: "command" });
      return accepted;
    } catch (error) {
      if (error instanceof Problem && error.status === 401) {
        this.#feed({ type: "unauthenticated", detail: error.detail });
      }
      throw error;
    }
  }

  // --- Looking on ---

  get state() {
    return this.#state.status;
  }

  /** Why views were refreshed, oldest first: the last thousand. */
  get ledger() {
    return this.#ledger.entries();
  }

  get counters() {
    return {
      ...this.#state.counters,
      subscriptions: this.#watchers.counts,
      commands: this.#commands,
      command_retries: this.#command_retries,
    };
  }

  /**
   * @template {keyof Told} K
   * @param {K} kind
   * @param {(told: Told[K]) => void} listener
   * @returns {() => void} ends it
   */
  on(kind, listener) {
    return this.#listeners.on(kind, listener);
  }

  // --- Going on, and ending ---

  /**
   * Goes on after `needs_auth`, with another token if one is given.
   *
   * @param {string} [token]
   */
  signedIn(token) {
    if (token !== undefined) this.#http.token = token;
    this.#feed({ type: "sign_in" });
  }

  /** Tries again now: after `needs_auth`, or while reconnecting. */
  retry() {
    if (this.state === "needs_auth") this.#feed({ type: "sign_in" });
    else this.#wake();
  }

  /** Ends everything; afterwards no timer, no request and no listener is left. */
  async close() {
    this.#feed({ type: "close" });
    this.#waking.close();
    this.#timers.clear();
    this.#closing.abort();
    await Promise.all([this.#streams.close(), this.#http.close()]);
    // What was to be told is told, then nobody listens any more.
    await Promise.resolve();
    this.#watchers.clear();
    this.#listeners.clear();
  }

  // --- The shell around the step function ---

  /**
   * @param {Options} options
   * @returns {Transport}
   */
  #transport({ share, ...options }) {
    const report = (/** @type {Happening} */ happening) => this.#feed(happening);
    if (share === undefined || !canShare()) return new HttpStreams(this.#http, report);
    const token = () => this.#http.token;
    return new SharedStreams(`foundry ${this.#http.url} ${share}`, token, report, (channel, tabLock) => {
      const upstream = new Foundry({ ...options, token: token(), live: "on" });
      return new Relay(upstream, channel, tabLock, (topic) => this.#topic(topic)?.view ?? null);
    });
  }

  #mustBeOpen() {
    if (this.state === "closed") throw new Problem(0, "closed", "The client was closed.");
  }

  #wake() {
    this.#feed({ type: "wake" });
    this.#streams.wake();
  }

  /** @param {Happening} happening */
  #feed(happening) {
    this.#inbox.push(happening);
    // What an effect makes happen at once comes after the effects that are left.
    if (this.#feeding) return;
    this.#feeding = true;
    try {
      for (let next; (next = this.#inbox.shift()) !== undefined; ) {
        const [state, effects] = step(this.#state, { ...next, at: Date.now(), random: Math.random() });
        this.#state = state;
        for (const effect of effects) this.#do(effect);
      }
    } finally {
      this.#feeding = false;
    }
  }

  /** @param {Effect} effect */
  #do(effect) {
    switch (effect.type) {
      case "open":
        return this.#streams.open(effect);
      case "dispose":
        return this.#streams.dispose(effect);
      case "interest":
        return this.#streams.interest(effect);
      case "read":
        return void readView(this.#http, effect.topic, effect).then(({ read }) => this.#feed(read));
      case "set_timer":
        return this.#timers.set(effect.name, effect.ms);
      case "cancel_timer":
        return this.#timers.cancel(effect.name);
      case "tell":
        return this.#tell(effect);
      case "state":
        this.#waking.enter(effect.state);
        return this.#listeners.say("state", effect.state);
      case "problem":
        return this.#listeners.say("problem", { status: effect.status, code: effect.code, detail: effect.detail });
      case "log": {
        const { type: _, ...entry } = effect;
        return this.#listeners.say("log", entry);
      }
    }
  }

  /** @param {import("./types.js").Tell} effect */
  #tell({ topic, view, why, newest }) {
    if (!newest) {
      this.#ledger.push(why);
      this.#listeners.say("ledger", why);
      this.#listeners.say("log", { event: "refresh", ...why });
      this.#watchers.told(topic);
    }
    for (const subscription of this.#watchers.of(topic).slice(newest ? -1 : 0)) {
      this.#listeners.later(() => subscription.closed || subscription.listener(view, why));
    }
  }

  /** @param {string} name */
  #topic(name) {
    return this.#state.topics.get(name) ?? null;
  }

  /** @param {string} topic */
  #liveOf(topic) {
    return typeof this.#live === "string" ? this.#live : this.#live[topic.split("/", 1)[0] ?? ""] ?? "on";
  }
}
