/** Waits for what has to happen, without sleeping. */

/**
 * What a callback was called with, to be waited for.
 *
 * @template T
 */
export class Told {
  /** @type {T[]} */
  all = [];
  /** @type {Set<() => void>} */
  #waiting = new Set();

  /** The callback. */
  listener = (/** @type {T} */ told) => {
    this.all.push(told);
    for (const look of [...this.#waiting]) look();
  };

  /**
   * The first thing told, from the beginning or from the number on, that is as it should be.
   *
   * @param {(told: T) => boolean} isIt
   * @param {{from?: number, within?: number}} [options]
   * @returns {Promise<T>}
   */
  until(isIt, { from = 0, within = 30_000 } = {}) {
    return new Promise((resolve, reject) => {
      const giveUp = setTimeout(() => {
        this.#waiting.delete(look);
        reject(new Error(`Not told in time. Told: ${JSON.stringify(this.all.slice(from)).slice(0, 4000)}`));
      }, within);
      const look = () => {
        const found = this.all.slice(from).find(isIt);
        if (found === undefined) return;
        clearTimeout(giveUp);
        this.#waiting.delete(look);
        resolve(found);
      };
      this.#waiting.add(look);
      look();
    });
  }
}
