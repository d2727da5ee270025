/**
 * One listener of one topic.
 *
 * @import {SubscriptionState, Topic, View, Status, Why} from "./types.js"
 */

/** @typedef {(view: View | null, why: Why) => void} Listener */

export class Subscription {
  #look;
  #leave;
  #closed = false;

  /**
   * Throws a `TypeError` for a topic that is no text: no server can read the request for all that is watched with it.
   *
   * @param {string} topic
   * @param {Listener} listener
   * @param {() => {topic: Topic | null, status: Status}} look
   * @param {() => void} leave
   */
  constructor(topic, listener, look, leave) {
    if (/\p{Surrogate}/u.test(topic)) throw new TypeError(`${JSON.stringify(topic)} is no topic: half of a character is missing.`);
    this.topic = topic;
    this.listener = listener;
    this.#look = look;
    this.#leave = leave;
  }

  /** What is held now; null while nothing is. Never changed, only replaced. */
  get view() {
    return this.#closed ? null : this.#look().topic?.view ?? null;
  }

  /**
   * `loading` until something is held; `live`; `stale` while what is held may be old; `frozen` for a view that is only
   * read; `gone` and `forbidden` until somebody subscribes anew; `closed`.
   *
   * @returns {SubscriptionState}
   */
  get state() {
    if (this.#closed) return "closed";
    const { topic, status } = this.#look();
    if (status === "closed") return "closed";
    if (topic?.refused) return topic.refused;
    if (!topic?.view) return "loading";
    if (topic.live !== "on") return "frozen";
    return status === "live" && topic.gap === null ? "live" : "stale";
  }

  get closed() {
    return this.#closed;
  }

  /** The listener is told nothing more, and the topic is let go after its grace if nobody else listens. */
  close() {
    if (this.#closed) return;
    this.#closed = true;
    this.#leave();
  }
}
