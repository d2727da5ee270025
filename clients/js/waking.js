/**
 * When it is worth looking again: the machine slept, is online again, the page is seen again.
 *
 * @import {Status} from "./types.js"
 */

/** @type {Set<Status>} */
const NOTHING_TO_WAKE = new Set(["idle", "needs_auth", "closed"]);

export class Waking {
  #call;
  #stopListening;
  /** @type {(() => void) | null} */
  #stopLooking = null;

  /** @param {() => void} call */
  constructor(call) {
    this.#call = call;
    this.#stopListening = whenWoken(call);
  }

  /**
   * The clocks are looked at only while a stream is wanted.
   *
   * @param {Status} state
   */
  enter(state) {
    if (!NOTHING_TO_WAKE.has(state)) this.#stopLooking ??= whenSlept(this.#call);
    else {
      this.#stopLooking?.();
      this.#stopLooking = null;
    }
  }

  close() {
    this.#stopLooking?.();
    this.#stopListening();
  }
}

/**
 * Calls when it is worth looking again: online again, seen again, back from the browser's memory of pages.
 *
 * @param {() => void} call
 * @returns {() => void} ends it
 */
function whenWoken(call) {
  if (typeof globalThis.addEventListener !== "function" || typeof document === "undefined") return () => undefined;
  const seen = () => document.visibilityState === "visible" && call();
  globalThis.addEventListener("online", call);
  globalThis.addEventListener("pageshow", call);
  document.addEventListener("visibilitychange", seen);
  return () => {
    globalThis.removeEventListener("online", call);
    globalThis.removeEventListener("pageshow", call);
    document.removeEventListener("visibilitychange", seen);
  };
}

const LOOK_MS = 2_000;
const SLEPT_MS = 3_000;

/** How far the clock that goes on is ahead of the one that may stand still while the machine sleeps. */
const ahead = () => Date.now() - performance.now();

/**
 * Calls when the machine has slept: timers, and what they are set to, stand still meanwhile.
 *
 * @param {() => void} call
 * @returns {() => void} ends it
 */
export function whenSlept(call) {
  let before = ahead();
  const look = () => {
    const now = ahead();
    const slept = now - before;
    before = now;
    if (slept >= SLEPT_MS) call();
  };
  const timer = setInterval(look, LOOK_MS);
  return () => clearInterval(timer);
}
