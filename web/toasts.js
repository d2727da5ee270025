// Short words. Confirmations pass; what was refused stays until somebody has seen it and puts it away.

import { h } from "./dom.js";
import { icon } from "./icons.js";

const SHOWN_MS = { problem: Infinity, trouble: 9000, note: 3000 };
/** So many are seen at once, the newest; the others come up as those are put away. */
const MOST = 4;
const KEPT = 50;

/** @typedef {{id: number, text: string, kind: keyof typeof SHOWN_MS}} Toast */

export class Toasts {
  #invalidate;
  /** @type {Toast[]} */
  #shown = [];
  #count = 0;

  /** @param {() => void} invalidate */
  constructor(invalidate) {
    this.#invalidate = invalidate;
  }

  /**
   * A `problem` is a command that was refused, a `trouble` one that the page gets over by itself, a `note` that all went
   * well.
   *
   * @param {string} text
   * @param {keyof typeof SHOWN_MS} [kind]
   */
  tell(text, kind = "problem") {
    const toast = { id: (this.#count += 1), text, kind };
    this.#shown = [...this.#shown.filter((one) => one.text !== text).slice(1 - KEPT), toast];
    if (Number.isFinite(SHOWN_MS[kind])) setTimeout(() => this.#drop(toast), SHOWN_MS[kind]);
    this.#invalidate();
  }

  show() {
    return h(
      "div",
      { class: "toasts", role: "alert", key: "toasts" },
      this.#shown.slice(-MOST).map((toast) =>
        h("div", { class: `toast toast-${toast.kind}`, key: toast.id }, icon(toast.kind === "note" ? "check" : "warning"), h("span", null, toast.text), h("button", { class: "plain", "aria-label": "Dismiss", onclick: () => this.#drop(toast) }, icon("close"))),
      ),
    );
  }

  /** @param {Toast} toast */
  #drop(toast) {
    this.#shown = this.#shown.filter((one) => one !== toast);
    this.#invalidate();
  }
}
