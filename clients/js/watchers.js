/**
 * Who watches a topic, and who waits for the next word about one.
 *
 * @import {Subscription} from "./subscription.js"
 */

export class Watchers {
  /** @type {Map<string, Set<Subscription>>} */
  #subscriptions = new Map();
  /** @type {Set<{topic: string, tell: () => void}>} */
  #waiting = new Set();

  /** What is watched. */
  get topics() {
    return [...this.#subscriptions.keys()];
  }

  /** How many watch each topic. */
  get counts() {
    const counted = [...this.#subscriptions].map(([topic, all]) => [topic, all.size]);
    return /** @type {Record<string, number>} */ (Object.fromEntries(counted));
  }

  /**
   * Those of a topic, the newest last.
   *
   * @param {string} topic
   */
  of(topic) {
    return [...(this.#subscriptions.get(topic) ?? [])];
  }

  /** @param {Subscription} subscription */
  add(subscription) {
    const all = this.#subscriptions.get(subscription.topic) ?? new Set();
    this.#subscriptions.set(subscription.topic, all.add(subscription));
  }

  /** @param {Subscription} subscription */
  remove(subscription) {
    const all = this.#subscriptions.get(subscription.topic);
    all?.delete(subscription);
    if (all?.size === 0) this.#subscriptions.delete(subscription.topic);
  }

  /**
   * @param {string} topic
   * @param {() => void} tell called at each `told`
   * @returns {() => void} ends it
   */
  onTold(topic, tell) {
    const waiting = { topic, tell };
    this.#waiting.add(waiting);
    return () => void this.#waiting.delete(waiting);
  }

  /**
   * There is news of a topic.
   *
   * @param {string} topic
   */
  told(topic) {
    for (const waiting of this.#waiting) if (waiting.topic === topic) waiting.tell();
  }

  /** Nobody watches any more. */
  clear() {
    this.#subscriptions.clear();
  }
}
