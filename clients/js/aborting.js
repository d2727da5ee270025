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
