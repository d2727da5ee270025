/**
 * One stream for all tabs of a person. The tab that holds a lock is the leader and runs a relay; every tab, the leader
 * too, opens its stream at the relay, which speaks to it as a server does. When the leader goes, the browser gives the
 * lock to another tab at once, and all tabs open their streams there, with what they hold.
 *
 * @import {Dispose, Happening, Interest, Open} from "./types.js"
 * @import {Transport} from "./transport.js"
 */

/**
 * What tabs say to the leader, and the leader to one tab or to all.
 *
 * @typedef {{to: "leader", from: string, token: string | null} & (
 *   | {type: "open", connection: number, topics: Record<string, string | null>}
 *   | {type: "interest", connection: number, revision: number, add: Record<string, string | null>, remove: string[]}
 *   | {type: "leave", connection: number}
 *   | {type: "wake", connection: 0}
 * )} ToLeader
 * @typedef {{to: "tabs", leader: string} & (
 *   | {type: "led"}
 *   | {type: "event", tab?: string, connection?: number, name: string, data: any}
 *   | {type: "answered", tab: string, connection: number, revision: number, status: number}
 * )} ToTabs
 * @typedef {{close: () => Promise<void>}} Leading
 * @typedef {(channel: BroadcastChannel, tabLock: (tab: string) => string) => Leading} StartLeading
 */

/** Whether this browser can do it; pages that came over plain HTTP from another machine cannot. */
export function canShare() {
  return typeof BroadcastChannel === "function" && typeof navigator === "object" && "locks" in navigator;
}

/** @implements {Transport} */
export class SharedStreams {
  #report;
  #token;
  #channel;
  #tab = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
  #closing = new AbortController();
  #isKnownAlive = false;
  /** @type {Map<number, {open: Open, leader: string | null, topics: Set<string>, added: string[]}>} */
  #streams = new Map();
  /** @type {Promise<unknown>[]} */
  #locks;

  /**
   * @param {string} name of the person and the server: tabs of the same name share
   * @param {() => string | null} token
   * @param {(happening: Happening) => void} report
   * @param {StartLeading} startLeading
   */
  constructor(name, token, report, startLeading) {
    this.#report = report;
    this.#token = token;
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = ({ data }) => data.to === "tabs" && this.#hear(data);
    const tabLock = (/** @type {string} */ tab) => `${name} tab ${tab}`;
    const { signal } = this.#closing;
    // Held for as long as this tab lives, so that the leader learns when it is gone. Nothing is said before it is
    // held: a leader that got it first would take this tab for gone.
    const alive = navigator.locks.request(tabLock(this.#tab), { signal }, () => {
      this.#isKnownAlive = true;
      for (const { open } of [...this.#streams.values()]) this.open(open);
      return closed(signal);
    });
    const leading = navigator.locks.request(`${name} leader`, { signal }, async () => {
      const relay = startLeading(new BroadcastChannel(name), tabLock);
      await closed(signal);
      await relay.close();
    });
    this.#locks = [alive, leading].map((lock) => lock.catch(() => undefined));
  }

  /** @param {Open} effect */
  open(effect) {
    const { connection, topics } = effect;
    this.#streams.set(connection, { open: effect, leader: null, topics: new Set(Object.keys(topics)), added: [] });
    this.#say({ type: "open", connection, topics });
  }

  /** @param {Dispose} effect */
  dispose({ connection }) {
    if (this.#streams.delete(connection)) this.#say({ type: "leave", connection });
  }

  /** @param {Interest} effect */
  interest({ connection, revision, add, remove }) {
    const stream = this.#streams.get(connection);
    for (const topic of remove) stream?.topics.delete(topic);
    // Changes that other tabs get meanwhile are not for this one: its state of the topic comes after the answer.
    if (stream) stream.added = Object.keys(add);
    this.#say({ type: "interest", connection, revision, add, remove });
  }

  /** The stream of all is the leader's to try; its own timers may be slow, because it may be hidden. */
  wake() {
    this.#say({ type: "wake", connection: 0 });
  }

  async close() {
    for (const connection of [...this.#streams.keys()]) this.dispose({ type: "dispose", connection });
    this.#closing.abort();
    await Promise.all(this.#locks);
    this.#channel.close();
  }

  /** @param {any} message */
  #say(message) {
    if (this.#isKnownAlive) this.#channel.postMessage({ to: "leader", from: this.#tab, token: this.#token(), ...message });
  }

  /** @param {ToTabs} message */
  #hear(message) {
    if (message.type === "led") return this.#follow(message.leader);
    if (message.type === "answered") {
      const { connection, revision, status } = message;
      if (message.tab !== this.#tab) return;
      const stream = this.#streams.get(connection);
      for (const topic of stream?.added ?? []) stream?.topics.add(topic);
      this.#report({ type: "interest_answered", connection, revision, status });
      return;
    }
    const { tab, connection: only, leader, name, data } = message;
    if (tab !== undefined && tab !== this.#tab) return;
    for (const [connection, stream] of this.#streams) {
      if (only !== undefined && only !== connection) continue;
      // Only the leader of now answers one stream; what it told all before that was not for this one.
      if (only !== undefined) stream.leader = leader;
      const concerns = data.topic === undefined || stream.topics.has(data.topic);
      if (stream.leader === leader && concerns) this.#report({ type: "event", connection, name, data });
    }
  }

  /**
   * Somebody leads from now on, or has reached the server again: streams of another leader are over, what nobody
   * answered is said again, and whoever waits for their next attempt need not.
   *
   * @param {string} leader
   */
  #follow(leader) {
    for (const [connection, { open, leader: before }] of [...this.#streams]) {
      if (before === null) this.open(open);
      else if (before !== leader) {
        this.#streams.delete(connection);
        this.#report({ type: "lost", connection, detail: "Another tab leads now." });
      }
    }
    this.#report({ type: "wake" });
  }
}

/**
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function closed(signal) {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
