/** Timers by name; one that is set again starts anew. */

/** `setTimeout` fires at once for more than this. */
const LONGEST_MS = 2 ** 31 - 1;

export class Timers {
  #due;
  /** @type {Map<string, ReturnType<typeof setTimeout>>} */
  #set = new Map();

  /** @param {(name: string) => void} due */
  constructor(due) {
    this.#due = due;
  }

  /**
   * @param {string} name
   * @param {number} ms
   */
  set(name, ms) {
    this.cancel(name);
    const fire = () => {
      this.#set.delete(name);
      this.#due(name);
    };
    this.#set.set(name, setTimeout(fire, Math.min(ms, LONGEST_MS)));
  }

  /** @param {string} name */
  cancel(name) {
    clearTimeout(this.#set.get(name));
    this.#set.delete(name);
  }

  clear() {
    for (const name of [...this.#set.keys()]) this.cancel(name);
  }
}
