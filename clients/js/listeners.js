/** Those who want to be told, and telling them: one after the other, when nothing else is under way. */

export class Listeners {
  /** @type {Map<string, Set<(told: any) => void>>} */
  #listeners = new Map();
  /** @type {(() => void)[]} */
  #calls = [];

  /**
   * @param {string} kind
   * @param {(told: any) => void} listener
   * @returns {() => void} ends it
   */
  on(kind, listener) {
    const all = this.#listeners.get(kind) ?? new Set();
    this.#listeners.set(kind, all.add(listener));
    return () => void all.delete(listener);
  }

  /**
   * @param {string} kind
   * @param {unknown} told
   */
  say(kind, told) {
    for (const listener of this.#listeners.get(kind) ?? []) this.later(() => listener(told));
  }

  /**
   * Calls soon, after everything that was to be called before, so that a listener may do what it likes.
   *
   * @param {() => void} call
   */
  later(call) {
    this.#calls.push(call);
    if (this.#calls.length === 1) queueMicrotask(() => this.#callAll());
  }

  /** Nobody is told anything more. */
  clear() {
    this.#listeners.clear();
    this.#calls = [];
  }

  #callAll() {
    const calls = this.#calls;
    this.#calls = [];
    for (const call of calls) {
      try {
        call();
      } catch (error) {
        // The listener's own failure: reported as such, and the others are told all the same.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
