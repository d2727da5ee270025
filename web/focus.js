// Where the focus goes when what has it leaves the page, or cannot be used any more. The browser would let it fall to the
// whole document: a screen reader begins at the top again.

const CONTROL = "button, a[href], input, select, textarea, [tabindex]";

/**
 * Where the focus may go, inner places before outer ones, and the part of `host` they are in; that part itself and
 * `host` never, because panels come and go with a way back of their own. Never a button either: whoever presses Enter
 * once more has not seen that it would be another one's.
 *
 * @param {Element | null} focused
 * @param {Element} host
 */
export function placesAround(focused, host) {
  /** @type {Element[]} */
  const places = [];
  let part = host.contains(focused) ? focused : null;
  for (; part?.parentElement && part.parentElement !== host; part = part.parentElement) {
    const [next, parent] = [part.nextElementSibling, part.parentElement];
    // Where only what can be seen is in the document, what comes next is no neighbour.
    if (next?.querySelector(CONTROL) && !parent.querySelector(":scope > .room")) places.push(next);
    if (parent.parentElement !== host) places.push(parent);
  }
  return { places, part };
}

/**
 * Whether the focus is nowhere, though `focused` had it, or on what is not shown any more.
 *
 * @param {Element | null} focused
 */
export function isLost(focused) {
  const { activeElement } = document;
  return activeElement === null || activeElement === document.body || (activeElement === focused && (focused.matches(":disabled") || !focused.checkVisibility()));
}

/**
 * The first place that is still there has the focus, so that Tab and a screen reader go on from it; else what is shown
 * now in the place of all of them.
 *
 * @param {{places: Element[], part: Element | null}} around
 */
export function standIn({ places, part }) {
  const place = [...places, ...(part?.querySelectorAll("main, nav") ?? [])].find((one) => one.isConnected && one.checkVisibility());
  if (!(place instanceof HTMLElement)) return;
  if (!place.hasAttribute("tabindex")) {
    place.tabIndex = -1;
    place.addEventListener("blur", () => place.removeAttribute("tabindex"), { once: true });
  }
  place.focus({ preventScroll: true });
}
