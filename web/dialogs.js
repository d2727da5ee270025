// What a dialog does, whichever it is (dialog_kinds.js). A refusal is shown in the dialog, and nothing typed is lost by it.

/** @import {Workbench} from "./workbench.js" */

import { KINDS } from "./dialog_kinds.js";
import { h } from "./dom.js";
import { sentenceOf } from "./commands.js";

/**
 * @import {About, Field, Kind} from "./dialog_kinds.js"
 * @typedef {{name: string, kind: Kind, values: Record<string, string>, error: string | null, busy: boolean, sentAt: number, more: boolean}} Open
 */

const UNANSWERED_MS = 1000;

export class Dialogs {
  #bench;
  /** @type {Open | null} */
  #now = null;
  /** @type {HTMLDialogElement | null} */
  #node = null;
  #left;
  #sending = 0;

  /** @param {Workbench} bench */
  constructor(bench) {
    this.#bench = bench;
    this.#left = new LeftTexts(bench.person);
  }

  get isOpen() {
    return this.#now !== null;
  }

  /** Whether a command of a dialog is on its way that the server may not have. */
  get isSending() {
    return this.#sending > 0;
  }

  /**
   * @param {keyof typeof KINDS} name
   * @param {About} about
   */
  open(name, about = {}) {
    /** @type {Kind} */
    const kind = KINDS[name](this.#bench, about);
    const values = Object.fromEntries(kind.fields.map((field) => [field.name, field.value ?? (field.lines ? this.#left.of(field.name) : "")]));
    this.#now = { name, kind, values, error: null, busy: false, sentAt: 0, more: false };
    // At once: the next key is meant for the first field.
    this.#bench.frame.now();
  }

  close = () => {
    this.#now = null;
    // Closed and not only taken away, so that the focus goes back to where it was.
    this.#node?.close();
    this.#node = null;
    this.#bench.frame.now();
  };

  show() {
    const now = this.#now;
    if (!now) return null;
    const visible = now.kind.fields.filter((field) => !field.more || now.more);
    return h(
      "dialog",
      { class: "dialog", key: now.name, "aria-labelledby": "dialog-title", ref: this.#shown, oncancel: (event) => this.#cancel(event), onclose: () => this.#now === now && this.close() },
      h(
        "form",
        { onsubmit: (event) => this.#submit(event, now), onkeydown: (event) => this.#key(event) },
        h("h2", { id: "dialog-title" }, now.kind.title),
        now.kind.text && h("p", { class: "quiet" }, now.kind.text),
        visible.map((field, at) => this.#field(now, field, at === 0)),
        now.kind.fields.some((field) => field.more) && !now.more && h("button", { type: "button", class: "link", onclick: () => this.#showMore(now) }, "More options"),
        h("p", { class: "dialog-error", role: "alert" }, now.error ?? ""),
        this.#isUnanswered(now) && h("p", { class: "quiet", key: "unanswered", role: "status" }, "The server has not answered yet."),
        h(
          "footer",
          null,
          h("button", { type: "button", onclick: this.close }, "Cancel"),
          h("button", { class: now.kind.danger ? "danger-fill" : "primary", "aria-busy": String(now.busy) }, now.kind.button),
        ),
      ),
    );
  }

  /**
   * For longer than one overlooks.
   *
   * @param {Open} now
   */
  #isUnanswered({ busy, sentAt }) {
    if (busy && Date.now() - sentAt < UNANSWERED_MS) this.#bench.frame.again(UNANSWERED_MS);
    return busy && Date.now() - sentAt >= UNANSWERED_MS;
  }

  /** @param {HTMLDialogElement} node */
  #shown = (node) => {
    this.#node = node;
    node.showModal();
  };

  /** @param {Event} event */
  #cancel(event) {
    event.preventDefault();
    this.close();
  }

  /**
   * @param {Open} now
   * @param {Field} field
   * @param {boolean} first
   */
  #field(now, field, first) {
    const id = `field-${field.name}`;
    const common = {
      id,
      name: field.name,
      value: now.values[field.name],
      required: Boolean(field.required),
      autofocus: first,
      "aria-describedby": field.hint ? `${id}-hint` : null,
      oninput: (/** @type {any} */ event) => {
        now.values[field.name] = event.target.value;
        if (field.lines) this.#left.keep(field.name, event.target.value);
        this.#bench.invalidate();
      },
    };
    return h(
      "div",
      { class: "field", key: field.name },
      h("label", { for: id }, field.label),
      field.options
        ? h("select", { ...common, onchange: common.oninput }, field.options.map(([value, label]) => h("option", { value, key: value }, label)))
        : field.lines
          ? h("textarea", { ...common, rows: field.lines, placeholder: field.placeholder ?? null, spellcheck: "true" })
          : h("input", { ...common, placeholder: field.placeholder ?? null, list: field.suggestions ? `${id}-list` : null, autocomplete: "off", spellcheck: "false" }),
      field.suggestions && h("datalist", { id: `${id}-list` }, field.suggestions.map((one) => h("option", { value: one, key: one }))),
      field.hint && h("p", { class: "hint", id: `${id}-hint` }, field.hint),
    );
  }

  /** @param {Open} now */
  #showMore(now) {
    now.more = true;
    this.#bench.frame.now();
    const first = now.kind.fields.find((field) => field.more);
    if (first) /** @type {HTMLElement | null | undefined} */ (this.#node?.querySelector(`[name="${first.name}"]`))?.focus();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) /** @type {HTMLFormElement} */ (event.currentTarget).requestSubmit();
  }

  /**
   * @param {SubmitEvent} event
   * @param {Open} now
   */
  async #submit(event, now) {
    event.preventDefault();
    if (now.busy) return;
    now.busy = true;
    now.sentAt = Date.now();
    now.error = null;
    this.#sending += 1;
    this.#bench.invalidate();
    const given = Object.fromEntries(Object.entries(now.values).filter(([, value]) => value.trim() !== ""));
    const { name, data } = now.kind.command(given);
    try {
      const answer = await this.#bench.commands.give(name, data, { quiet: true, id: now.kind.id });
      if (this.#now === now) this.close();
      for (const field of now.kind.fields) this.#left.keep(field.name, "");
      now.kind.then?.(answer);
    } catch (problem) {
      now.error = sentenceOf(problem);
      if (this.#now !== now) this.#bench.toasts.tell(now.error);
      now.busy = false;
      this.#bench.invalidate();
    } finally {
      this.#sending -= 1;
    }
  }
}

/** Long texts of dialogs that were left, by the names of their fields; in the tab's own store, where a reload leaves them. */
class LeftTexts {
  #prefix;
  #store;
  /** @type {Map<string, string>} */
  #texts = new Map();

  /** @param {string | null} person */
  constructor(person) {
    this.#prefix = `foundry.left.${person}.`;
    this.#store = person === null ? null : sessionStorage;
  }

  /** @param {string} name */
  of(name) {
    return this.#texts.get(name) ?? this.#store?.getItem(this.#prefix + name) ?? "";
  }

  /**
   * @param {string} name
   * @param {string} text
   */
  keep(name, text) {
    this.#texts.set(name, text);
    try {
      if (text) this.#store?.setItem(this.#prefix + name, text);
      else this.#store?.removeItem(this.#prefix + name);
    } catch {
      // The store is full or shut: the memory must do.
    }
  }
}
