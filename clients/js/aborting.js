/** @type {WeakMap<AbortSignal, Set<() => void>>} */
const hearers = new WeakMap();

/**
 * Calls `end` when the signal is aborted, at once if it was; what it returns ends that. However many ask for one signal,
 * that has one listener: Node warns of a leak from the eleventh on.
 *
 * @param {AbortSignal} signal
 * @param {() => void} end
 * @returns {() => void}
 */
export function onAbort(signal, end) {
  if (signal.aborted) {
    end();
    return () => undefined;
  }
  const all = hearers.get(signal) ?? new Set();
  if (!hearers.has(signal)) {
    hearers.set(signal, all);
    signal.addEventListener("abort", () => all.forEach((one) => one()), { once: true });
  }
  all.add(end);
  return () => void all.delete(end);
}

/**
 * What the promise gives, unless the signal is aborted first: then it rejects at once.
 *
 * Node 20 leaves a read hanging for ever when it is aborted just as the body ends.
 *
 * @template T
 * @param {Promise<T>} promise
 * @param {AbortSignal} signal
 * @returns {Promise<T>}
 */
export async function unlessAborted(promise, signal) {
  /** @type {() => void} */
  let end = () => undefined;
  const aborted = new Promise((_, reject) => {
    end = () => reject(signal.reason);
    signal.addEventListener("abort", end);
    if (signal.aborted) end();
  });
  try {
    return await Promise.race([promise, /** @type {Promise<never>} */ (aborted)]);
  } finally {
    signal.removeEventListener("abort", end);
  }
}
