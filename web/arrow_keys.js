// Arrow keys among the parts of one whole, as the roles `tablist` and `tree` promise: one of them is reached with Tab,
// the others from there.

/**
 * For a `tablist` of links: the tab to the left or right is gone to, and has the focus.
 *
 * @param {any} event
 */
export function amongTabs(event) {
  const tabs = [...event.currentTarget.querySelectorAll("[role=tab]")];
  const at = tabs.indexOf(document.activeElement);
  const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: tabs.length - 1 }[/** @type {string} */ (event.key)];
  if (at < 0 || to === undefined) return;
  event.preventDefault();
  event.stopPropagation();
  const tab = tabs[(to + tabs.length) % tabs.length];
  tab.focus();
  tab.click();
}
