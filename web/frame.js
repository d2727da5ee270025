// Painting at most once per frame: whatever happened meanwhile, a thousand changes or one, is shown in one go.

/** A hidden tab has no frames, but still a title. */
const HIDDEN_MS = 1000;

/** Calls `paint` in the next frame after `invalidate()`, or `now()`, and keeps the books about how long that takes. */
export class Frame {
  #paint;
  /** @type {(() => void) | null} gives the planned frame up */
  #planned = null;
  #painting = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #wake = undefined;
  #wakeAt = Infinity;

  /** @param {() => void} paint */
  constructor(paint) {
    this.#paint = paint;
    this.count = 0;
    this.last_ms = 0;
    this.longest_ms = 0;
  }

  invalidate = () => {
    this.#planned ??= soon(() => this.#run());
  };

  /** For what moves the focus: the keys that follow are meant for what has it afterwards. */
  now() {
    if (this.#painting) return this.invalidate();
    this.#planned?.();
    this.#run();
  }

  /**
   * Whoever shows a duration asks for the next frame in which it will read differently.
   *
   * @param {number} within_ms
   */
  again(within_ms) {
    const at = performance.now() + within_ms;
    if (at >= this.#wakeAt - 20) return;
    clearTimeout(this.#wake);
    this.#wakeAt = at;
    this.#wake = setTimeout(() => {
      this.#wakeAt = Infinity;
      this.invalidate();
    }, within_ms);
  }

  #run() {
    this.#planned = null;
    const began = performance.now();
    this.#painting = true;
    try {
      this.#paint();
    } finally {
      this.#painting = false;
    }
    this.last_ms = performance.now() - began;
    this.longest_ms = Math.max(this.longest_ms, this.last_ms);
    this.count += 1;
  }
}

/**
 * Calls in the next frame, or after a while where there are none; what it returns gives that up.
 *
 * @param {() => void} call
 */
function soon(call) {
  if (document.hidden) {
    const timer = setTimeout(call, HIDDEN_MS);
    return () => clearTimeout(timer);
  }
  const frame = requestAnimationFrame(call);
  return () => cancelAnimationFrame(frame);
}
