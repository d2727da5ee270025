import { onAbort } from "./aborting.js";

/**
 * Resolves after that time, or as soon as one of the signals says so.
 *
 * @param {number} ms
 * @param {AbortSignal[]} signals
 * @returns {Promise<void>}
 */
export async function pause(ms, signals) {
  /** @type {(value?: undefined) => void} */
  let end = () => undefined;
  const ended = new Promise((resolve) => (end = resolve));
  const timer = setTimeout(end, ms);
  const stops = signals.map((signal) => onAbort(signal, end));
  await ended;
  clearTimeout(timer);
  for (const stop of stops) stop();
}
