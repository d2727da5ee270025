// Short words that pass: refusals stay longer than confirmations.

import { h } from "./dom.js";
import { icon } from "./icons.js";

const SHOWN_MS = { problem: 9000, note: 3000 };
const MOST = 4;

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
   * @param {string} text
   * @param {keyof typeof SHOWN_MS} [kind]
   */
  tell(text, kind = "problem") {
    const toast = { id: (this.#count += 1), text, kind };
    this.#shown = [...this.#shown.slice(1 - MOST), toast];
    setTimeout(() => this.#drop(toast), SHOWN_MS[kind]);
    this.#invalidate();
  }

  show() {
    return h(
      "div",
      { class: "toasts", role: "alert", key: "toasts" },
      this.#shown.map((toast) =>
        h("div", { class: `toast toast-${toast.kind}`, key: toast.id }, icon(toast.kind === "problem" ? "warning" : "check"), h("span", null, toast.text), h("button", { class: "plain", "aria-label": "Dismiss", onclick: () => this.#drop(toast) }, icon("close"))),
      ),
    );
  }

  /** @param {Toast} toast */
  #drop(toast) {
    this.#shown = this.#shown.filter((one) => one !== toast);
    this.#invalidate();
  }
}
