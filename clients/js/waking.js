/**
 * Calls when it is worth looking again: online again, seen again, back from the browser's memory of pages.
 *
 * @param {() => void} call
 * @returns {() => void} ends it
 */
export function whenWoken(call) {
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
