/**
 * The leader's side of shared streams: one client of the server, and what it is told passed on to the tabs.
 *
 * @import {Foundry} from "./foundry.js"
 * @import {Subscription} from "./subscription.js"
 * @import {ToLeader} from "./sharing.js"
 * @import {View, Why} from "./types.js"
 */

import { changesBetween } from "./fold.js";
import { parseTag, tag } from "./topics.js";

/** Rare, because that a leader is gone is learned from its lock, and hidden tabs are given time once a minute. */
const HEARTBEAT_MS = 60_000;

/**
 * A stream of a tab. `asked` is what it was opened with, until it is greeted.
 *
 * @typedef {{
 *   tab: string, connection: number, topics: Set<string>, revision: number, ready: boolean,
 *   asked: Record<string, string | null> | null,
 * }} Stream
 */
/** @typedef {{subscription: Subscription, view: View | null}} Relayed */

export class Relay {
  #upstream;
  #channel;
  #tabLock;
  #held;
  #leader = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
  #closing = new AbortController();
  #heartbeat;
  /** @type {Map<string, Stream>} */
  #streams = new Map();
  /** @type {Map<string, Relayed>} */
  #topics = new Map();
  /** @type {Set<string>} */
  #watched = new Set();
  /** Topics of which the upstream missed something and has not got it yet. @type {Set<string>} */
  #behind = new Set();
  /** Whether the server has said hello; before that no tab is told so. */
  #isReached = false;

  /**
   * @param {Foundry} upstream
   * @param {BroadcastChannel} channel
   * @param {(tab: string) => string} tabLock the lock a tab holds while it lives
   * @param {(topic: string) => View | null} held what this tab has of a topic, to go on from
   */
  constructor(upstream, channel, tabLock, held) {
    this.#upstream = upstream;
    this.#channel = channel;
    this.#tabLock = tabLock;
    this.#held = held;
    upstream.on("state", (state) => this.#upstreamIs(state));
    upstream.on("log", ({ event, topic }) => event === "gap" && typeof topic === "string" && this.#fellBehind(topic));
    channel.onmessage = ({ data }) => data.to === "leader" && this.#hear(data);
    this.#heartbeat = setInterval(() => this.#tell("heartbeat", {}), HEARTBEAT_MS / 2);
    this.#send({ type: "led" });
  }

  async close() {
    clearInterval(this.#heartbeat);
    this.#closing.abort();
    await this.#upstream.close();
    this.#channel.close();
  }

  /** @param {ToLeader} message */
  #hear(message) {
    const { from: tab, connection } = message;
    const name = `${tab} ${connection}`;
    if (message.type === "wake") return this.#upstream.state === "needs_auth" ? undefined : this.#upstream.retry();
    if (message.type === "leave") return this.#leave(name);
    if (message.type === "open") {
      this.#leave(name);
      const topics = new Set(Object.keys(message.topics));
      this.#streams.set(name, { tab, connection, topics, revision: 0, ready: false, asked: message.topics });
      this.#watch(tab);
      for (const topic of topics) this.#relayed(topic);
      if (this.#isReached) this.#greet(name);
      if (this.#upstream.state === "needs_auth") this.#upstream.signedIn(message.token ?? undefined);
      return;
    }
    const stream = this.#streams.get(name);
    const { revision } = message;
    this.#send({ type: "answered", tab, connection, revision, status: stream === undefined ? 404 : 202 });
    if (stream === undefined) return;
    stream.revision = revision;
    stream.ready = false;
    for (const topic of message.remove) this.#drop(stream, topic);
    this.#bring(name, message.add);
  }

  /**
   * Says hello, and brings what was asked for: what was told before was not for this stream.
   *
   * @param {string} name
   */
  #greet(name) {
    const stream = this.#streams.get(name);
    if (stream === undefined || stream.asked === null) return;
    const { asked } = stream;
    stream.asked = null;
    this.#tell("hello", { sid: name, node: "tab", protocol: 1, heartbeat_ms: HEARTBEAT_MS }, stream);
    this.#bring(name, asked);
  }

  /**
   * @param {string} name
   * @param {Record<string, string | null>} topics
   */
  #bring(name, topics) {
    const stream = this.#streams.get(name);
    if (stream === undefined) return;
    for (const [topic, held] of Object.entries(topics)) {
      stream.topics.add(topic);
      const { view } = this.#relayed(topic);
      if (view !== null && !isCovered(view, held)) {
        this.#tell("snapshot", { ...view, cause: { kind: held === null ? "bootstrap" : "gap" } }, stream);
      }
      if (this.#behind.has(topic)) this.#tell("behind", { topic }, stream);
    }
    this.#settle();
  }

  /** @param {string} topic */
  #relayed(topic) {
    let relayed = this.#topics.get(topic);
    if (relayed === undefined) {
      const told = (/** @type {View | null} */ view, /** @type {Why} */ why) => this.#told(topic, view, why);
      const subscription = this.#upstream.subscribe(topic, told, { live: "on", view: this.#held(topic) });
      relayed = { subscription, view: subscription.view };
      this.#topics.set(topic, relayed);
    }
    return relayed;
  }

  /**
   * @param {string} topic
   * @param {View | null} view
   * @param {Why} why
   */
  #told(topic, view, why) {
    const relayed = this.#topics.get(topic);
    if (relayed === undefined || why.cause === "held") return;
    const before = relayed.view;
    relayed.view = view;
    const { cause: kind, event, position, command_id, actor } = why;
    const cause = { kind, event, position, command_id, actor };
    if (view === null) {
      this.#tell(kind, { topic });
      for (const stream of this.#streams.values()) this.#drop(stream, topic);
    } else if (!this.#behind.delete(topic) && before !== null && before.epoch === view.epoch && before.version < view.version) {
      const { epoch, version } = view;
      const changes = changesBetween(before.data, view.data, why.entities);
      this.#tell("change", { topic, epoch, base: before.version, version, changes, cause });
    } else this.#tell("snapshot", { ...view, cause });
    this.#settle();
  }

  /**
   * Every tab shows what is true: what it has may be old, until it is sent the whole.
   *
   * @param {string} topic
   */
  #fellBehind(topic) {
    this.#behind.add(topic);
    this.#tell("behind", { topic });
  }

  /** Tells those who were waiting that everything they asked for is there. */
  #settle() {
    if (this.#upstream.state !== "live") return;
    for (const stream of this.#streams.values()) {
      const topics = [...stream.topics].map((topic) => this.#topics.get(topic)?.view ?? null);
      if (stream.asked !== null || stream.ready || topics.includes(null)) continue;
      stream.ready = true;
      const held = topics.map((view) => [view?.topic, view && tag(view)]);
      this.#tell("ready", { revision: stream.revision, topics: Object.fromEntries(held) }, stream);
    }
  }

  /** @param {import("./types.js").Status} state */
  #upstreamIs(state) {
    if (state === "catching_up" || state === "live") this.#reached();
    if (state === "live") this.#settle();
    const needs_auth = state === "needs_auth";
    if (state !== "reconnecting" && !needs_auth) return;
    this.#isReached = false;
    // Every tab shows what is true: nothing is live. What they watch is kept for when they come back.
    const code = needs_auth ? "unauthenticated" : "unavailable";
    const bye = { code, detail: "The shared stream was lost.", retry: !needs_auth };
    for (const stream of this.#streams.values()) {
      this.#tell("bye", bye, stream);
      stream.ready = true;
    }
  }

  /** The server answers: tabs that wait for it are greeted, and those that wait for their next attempt need not. */
  #reached() {
    if (this.#isReached) return;
    this.#isReached = true;
    for (const name of this.#streams.keys()) this.#greet(name);
    this.#send({ type: "led" });
  }

  /** @param {string} name */
  #leave(name) {
    const stream = this.#streams.get(name);
    this.#streams.delete(name);
    for (const topic of stream?.topics ?? []) if (stream) this.#drop(stream, topic);
  }

  /**
   * @param {Stream} stream
   * @param {string} topic
   */
  #drop(stream, topic) {
    stream.topics.delete(topic);
    if ([...this.#streams.values()].some(({ topics }) => topics.has(topic))) return;
    this.#topics.get(topic)?.subscription.close();
    this.#topics.delete(topic);
    this.#behind.delete(topic);
  }

  /**
   * Once a tab is gone its lock is free.
   *
   * @param {string} tab
   */
  #watch(tab) {
    if (this.#watched.has(tab)) return;
    this.#watched.add(tab);
    const forget = () => {
      this.#watched.delete(tab);
      for (const [name, stream] of [...this.#streams]) if (stream.tab === tab) this.#leave(name);
    };
    navigator.locks.request(this.#tabLock(tab), { signal: this.#closing.signal }, forget).catch(() => undefined);
  }

  /**
   * @param {string} name
   * @param {any} data
   * @param {Stream} [stream] only to this one
   */
  #tell(name, data, stream) {
    this.#send({ type: "event", name, data, ...(stream && { tab: stream.tab, connection: stream.connection }) });
  }

  /** @param {any} message */
  #send(message) {
    this.#channel.postMessage({ to: "tabs", leader: this.#leader, ...message });
  }
}

/**
 * Whether a tab holds this view, or a later state of it.
 *
 * @param {View} view
 * @param {string | null} held
 */
function isCovered({ epoch, version }, held) {
  const other = parseTag(held ?? "");
  return other.epoch === epoch && other.version >= version;
}
