/**
 * Why each view was refreshed: the last thousand reasons.
 *
 * @import {Why} from "./types.js"
 */

const MOST_ENTRIES = 1000;

export class Ledger {
  /** @type {Why[]} */
  #entries = [];

  /** @param {Why} entry */
  push(entry) {
    this.#entries.push(entry);
    if (this.#entries.length > MOST_ENTRIES) this.#entries.shift();
  }

  /** Oldest first. */
  entries() {
    return [...this.#entries];
  }
}
