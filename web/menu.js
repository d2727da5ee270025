// A button with a list of things to do. Arrow keys move in it, Escape closes it and gives the focus back.

/**
 * @import {Child} from "./dom.js"
 * @import {Frame} from "./frame.js"
 */

import { h } from "./dom.js";

/** @type {Separator} between two groups of items */
export const SEPARATOR = { separator: true };

/**
 * @typedef {{separator: true}} Separator
 * @typedef {{label: string, note?: string, title?: string, act: () => unknown, current?: boolean, danger?: boolean, disabled?: boolean}} Action
 * @typedef {Action | Separator} Item
 */

export class Menu {
  /** @type {string | null} */
  #open = null;
  #frame;
  /** @type {HTMLElement | null} */
  #button = null;

  /** @param {Frame} frame */
  constructor(frame) {
    this.#frame = frame;
  }

  get isOpen() {
    return this.#open !== null;
  }

  close = (refocus = false) => {
    if (this.#open === null) return;
    this.#open = null;
    document.removeEventListener("pointerdown", this.#outside, true);
    if (refocus) this.#button?.focus();
    this.#frame.invalidate();
  };

  /**
   * What the button is called, if more than its title stands on it, is `called`.
   *
   * @param {{name: string, label: Child, title: string, called?: string, items: Item[], side?: string}} options
   */
  show({ name, label, title, called = title, items, side = "left" }) {
    const open = this.#open === name;
    return h(
      "div",
      { class: `menu menu-${side}`, key: `menu ${name}`, onkeydown: open ? this.#key : null },
      h("button", { class: "menu-button", title, "aria-label": called, "aria-haspopup": "menu", "aria-expanded": String(open), onclick: (event) => this.#toggle(name, event.currentTarget) }, label),
      open &&
        h(
          "div",
          { class: "menu-items", role: "menu", "aria-label": title, ref: (node) => node.querySelector("[role=menuitem]:not([disabled])")?.focus() },
          items.map((item, at) =>
            "separator" in item
              ? h("hr", { key: `separator ${at}` })
              : h(
                  "button",
                  {
                    key: `item ${at}`,
                    role: "menuitem",
                    class: item.danger ? "danger" : null,
                    disabled: Boolean(item.disabled),
                    title: item.title ?? null,
                    "aria-current": item.current ? "true" : null,
                    onclick: () => {
                      this.close(true);
                      item.act();
                    },
                  },
                  h("span", null, item.label),
                  item.note && h("span", { class: "menu-note" }, item.note),
                ),
          ),
        ),
    );
  }

  /**
   * @param {string} name
   * @param {HTMLElement} button
   */
  #toggle(name, button) {
    if (this.#open === name) return this.close(true);
    this.#open = name;
    this.#button = button;
    document.addEventListener("pointerdown", this.#outside, true);
    // At once: the next key is meant for the first item.
    this.#frame.now();
  }

  /** @param {Event} event */
  #outside = (event) => {
    if (!this.#button?.parentElement?.contains(/** @type {Node} */ (event.target))) this.close();
  };

  /** @param {any} event */
  #key = (event) => {
    const items = [...event.currentTarget.querySelectorAll("[role=menuitem]:not([disabled])")];
    const at = items.indexOf(document.activeElement);
    if (event.key === "Escape") this.close(true);
    else if (event.key === "ArrowDown") items[(at + 1) % items.length]?.focus();
    else if (event.key === "ArrowUp") items[(at - 1 + items.length) % items.length]?.focus();
    else if (event.key === "Home") items[0]?.focus();
    else if (event.key === "End") items.at(-1)?.focus();
    // Gone before the browser looks for what comes next.
    else if (event.key === "Tab") return this.close(true), this.#frame.now();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
}
