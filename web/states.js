// What a pane shows when it has nothing to show: yet, at all, or any more.

/** @import {Child} from "./dom.js" */

import { h } from "./dom.js";

/**
 * Grey bars in the place of what comes, of the same height.
 *
 * @param {string} what
 * @param {number} [rows]
 */
export function loading(what, rows = 4) {
  return h(
    "div",
    { class: "loading", key: `loading ${what}`, role: "status", "aria-label": `Loading ${what}` },
    Array.from({ length: rows }, (_, at) => h("span", { class: `bar bar-${at % 3}` })),
  );
}

/**
 * Nothing there, and the next step.
 *
 * @param {string} title
 * @param {Child} hint
 * @param {Child[]} actions
 */
export function empty(title, hint, ...actions) {
  return h("div", { class: "empty", key: `empty ${title}` }, h("p", { class: "empty-title" }, title), hint && h("p", { class: "empty-hint" }, hint), actions.length > 0 && h("div", { class: "empty-actions" }, actions));
}

/**
 * In the place of a view that is not there: it is still loading, or cannot be had.
 *
 * @param {string} state
 * @param {string} what
 * @param {number} [rows]
 */
export function missing(state, what, rows) {
  return state === "loading" ? loading(what, rows) : problem(state);
}

/** @type {Record<string, [string, string]>} */
const WHY = {
  forbidden: ["Not here", "It does not exist, or it is not yours to see."],
  gone: ["Gone", "It was here and has ended, or you may not see it any more."],
};
/** @type {[string, string]} */
const NOT_AVAILABLE = ["Not available", "The server cannot show this at the moment."];

/**
 * A view that cannot be had.
 *
 * @param {string} state
 * @param {string} [detail]
 */
export function problem(state, detail) {
  const [title, hint] = WHY[state] ?? NOT_AVAILABLE;
  return h("div", { class: "empty problem", role: "alert", key: `problem ${state}` }, h("p", { class: "empty-title" }, title), h("p", { class: "empty-hint" }, detail ?? hint));
}
