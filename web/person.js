// Who the page is for. All tabs of a browser have one cookie: what becomes of it in one is told to the others.

const READ_MS = 5000;
// Not the browser's store, which may be full.
const others = new BroadcastChannel("foundry.signed_in");

/** The id of whoever is signed in; null for nobody, or when that cannot be learned at the moment. */
export async function whoIsThere() {
  try {
    const answer = await fetch("/v1/views/app", { signal: AbortSignal.timeout(READ_MS) });
    return answer.ok ? /** @type {string} */ ((await answer.json()).data.user.id) : null;
  } catch {
    return null;
  }
}

/**
 * Tells the other tabs who is signed in from now on; null is nobody.
 *
 * @param {string | null} person
 */
export function tellOtherTabs(person) {
  others.postMessage(person);
}

/**
 * Calls with what another tab tells.
 *
 * @param {(person: string | null) => void} listener
 */
export function listenToOtherTabs(listener) {
  others.addEventListener("message", ({ data }) => listener(data));
}
