/**
 * Work in turns: a burst of events must not keep whoever else shares the thread, a page that paints above all.
 */

/** So long in one go, in milliseconds; a frame has sixteen. */
const TURN_MS = 8;

export class Turns {
  #worked_ms = 0;

  /**
   * Do a piece of work, and end the turn if it has become long.
   *
   * @param {() => void} work
   */
  async work(work) {
    const began = performance.now();
    work();
    this.#worked_ms += performance.now() - began;
    if (this.#worked_ms < TURN_MS) return;
    this.#worked_ms = 0;
    await afterOthers();
  }
}

/** A message to oneself: unlike a timer it is not held back in a page that is not shown. */
function afterOthers() {
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.onmessage = () => {
      port1.close();
      resolve(undefined);
    };
    port2.postMessage(null);
  });
}
