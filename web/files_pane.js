// The files of a task as a tree, opened folder by folder, and the content of what was changed.

/**
 * @import {TreeFile} from "./types.js"
 * @import {Workbench} from "./workbench.js"
 * @import {Folders, TreeRow} from "./file_tree.js"
 */

import { text } from "./entry.js";
import { h } from "./dom.js";
import { foldersOf, rowsOf } from "./file_tree.js";
import { icon } from "./icons.js";
import { sentenceOf } from "./commands.js";
import { rowsBetween, topsOf } from "./scroll_window.js";
import { empty, loading, missing } from "./states.js";
import { countListed, size } from "./words.js";

const ROW = 28;
const AROUND = 400;
const LONGEST = 200_000;
const PART = 8_000;

/** @typedef {{path: string, text?: string, error?: string}} Content of one file, on its way while it has neither */

export class FilesPane {
  #bench;
  #task = "";
  /** @type {TreeFile[]} */
  #tree = [];
  /** @type {Folders} */
  #folders = new Map();
  /** @type {Set<string>} */
  #open = new Set();
  /** @type {HTMLElement | null} */
  #host = null;
  /** @type {Content | null} */
  #content = null;
  /** @type {number | null} */
  #captured = null;
  /** The row that Tab leads to, and arrow keys go on from. */
  #cursor = "";

  /** @param {Workbench} bench */
  constructor(bench) {
    this.#bench = bench;
  }

  /** @param {string} id */
  show(id) {
    const view = this.#bench.views.of(`files/${id}`);
    if (id !== this.#task) {
      this.#task = id;
      this.#open = new Set();
      this.#content = null;
      this.#cursor = "";
      this.#tree = [];
    }
    if (!view.data) return missing(view.state, "the files", 6);
    if (view.data.tree.length === 0) return empty("No files yet", "They are listed when the repository is checked out and the first turn has ended.");
    if (view.data.captured_at !== this.#captured) {
      this.#captured = view.data.captured_at;
      // What is shown of a file stays until it was read again.
      if (this.#content) void this.#read(this.#content.path, this.#content.text);
    }
    if (view.data.tree !== this.#tree) {
      this.#tree = view.data.tree;
      this.#folders = foldersOf(this.#tree);
    }
    const changed = new Map(view.data.files.map((file) => [file.id, file.kind]));
    return this.#content ? this.#contentOf(this.#content) : this.#list(changed, view.data.tree_omitted);
  }

  /**
   * @param {Map<string, string>} changed
   * @param {number} omitted
   */
  #list(changed, omitted) {
    const rows = rowsOf(this.#folders, this.#open);
    const at = Math.max(0, rows.findIndex((row) => row.path === this.#cursor));
    const [top, height] = [this.#host?.scrollTop ?? 0, this.#host?.clientHeight ?? 900];
    const { start, end } = rowsBetween(topsOf(rows.map(() => ROW)), top - AROUND, top + height + AROUND);
    return [
      h("p", { class: "pane-line", key: "line" }, h("span", null, countListed(this.#tree.length, omitted, "file")), h("span", { class: "quiet" }, "as of the last capture")),
      h(
        "div",
        { class: "tree", key: "tree", role: "tree", "aria-label": "Files", ref: this.#attach, onkeydown: (event) => this.#key(event, rows, at) },
        h("div", { class: "room", key: "above", style: { height: `${start * ROW}px` } }),
        rows.slice(start, end).map((row) => this.#row(row, changed, row === rows[at])),
        h("div", { class: "room", key: "below", style: { height: `${(rows.length - end) * ROW}px` } }),
      ),
    ];
  }

  /** @param {HTMLElement} host */
  #attach = (host) => {
    this.#host = host;
    host.addEventListener("scroll", this.#bench.invalidate, { passive: true });
    this.#bench.invalidate();
  };

  /**
   * @param {TreeRow} row
   * @param {Map<string, string>} changed
   * @param {boolean} isCursor
   */
  #row(row, changed, isCursor) {
    const kind = changed.get(row.path);
    return h(
      "button",
      {
        class: `tree-row tree-${row.kind}`,
        key: row.path,
        role: "treeitem",
        "aria-expanded": row.kind === "folder" ? String(row.open) : null,
        "aria-level": row.depth + 1,
        tabindex: isCursor ? 0 : -1,
        "data-path": row.path,
        style: { "padding-left": `${12 + row.depth * 16}px` },
        onclick: () => this.#enter(row),
      },
      icon(row.kind === "folder" ? (row.open ? "down" : "right") : "file"),
      h("span", { class: "name" }, text(row.name)),
      kind && h("span", { class: `kind kind-${kind}`, title: kind }, kind.charAt(0).toUpperCase()),
      row.kind === "file" && h("span", { class: "quiet size" }, size(row.size ?? 0)),
    );
  }

  /** @param {TreeRow} row */
  #enter(row) {
    this.#cursor = row.path;
    if (row.kind === "folder") this.#toggle(row.path);
    else void this.#read(row.path);
  }

  /**
   * Up and down the rows, right into a folder, left out of it.
   *
   * @param {KeyboardEvent} event
   * @param {TreeRow[]} rows
   * @param {number} at
   */
  #key(event, rows, at) {
    const row = rows[at];
    if (!row) return;
    const to = goneTo(event.key, rows, at);
    if (to === null) return;
    event.preventDefault();
    event.stopPropagation();
    if (to === at) this.#toggle(row.path);
    else this.#cursor = rows[to]?.path ?? row.path;
    this.#goToCursor(to);
  }

  /**
   * At once, for the next key; the row may have to be scrolled to first.
   *
   * @param {number} at
   */
  #goToCursor(at) {
    const host = this.#host;
    if (!host) return;
    if (at * ROW < host.scrollTop) host.scrollTop = at * ROW;
    else if ((at + 1) * ROW > host.scrollTop + host.clientHeight) host.scrollTop = (at + 1) * ROW - host.clientHeight;
    this.#bench.frame.now();
    const row = host.querySelector("[tabindex='0']");
    if (row instanceof HTMLElement) row.focus({ preventScroll: true });
  }

  /** @param {Content} content */
  #contentOf(content) {
    return [
      h("p", { class: "pane-line", key: "content-line" }, h("button", { class: "link", ref: (node) => node.focus(), onclick: () => this.#close() }, icon("back"), "Files"), h("span", { class: "path" }, content.path)),
      content.error && empty("Not to be had", content.error, h("button", { class: "link", onclick: () => this.#read(content.path) }, "Try again")),
      content.text === undefined && !content.error && loading("the content", 6),
      content.text !== undefined && h(Whole, { key: "content", text: content.text, path: content.path }),
    ];
  }

  /** @param {string} path */
  #toggle(path) {
    if (!this.#open.delete(path)) this.#open.add(path);
    this.#bench.invalidate();
  }

  #close() {
    this.#content = null;
    this.#bench.frame.now();
    this.#goToCursor(rowsOf(this.#folders, this.#open).findIndex((row) => row.path === this.#cursor));
  }

  /**
   * @param {string} path
   * @param {string} [before]
   */
  async #read(path, before) {
    /** @type {Content} */
    const content = before === undefined ? { path } : { path, text: before };
    this.#content = content;
    this.#bench.invalidate();
    try {
      const answer = await this.#bench.read(`/v1/files/${this.#task}/content?path=${encodeURIComponent(path)}`);
      const whole = await answer.text();
      content.text = whole.length > LONGEST ? `${whole.slice(0, LONGEST)}\n… ${size(whole.length - LONGEST)} more` : whole;
    } catch (error) {
      delete content.text;
      content.error = sentenceOf(error);
    }
    if (this.#content === content) this.#bench.invalidate();
  }
}

/**
 * The row a key leads to from one; the row itself if it opens or closes there, null if the key means nothing here.
 *
 * @param {string} key
 * @param {TreeRow[]} rows
 * @param {number} at
 */
function goneTo(key, rows, at) {
  const row = rows[at];
  switch (key) {
    case "ArrowDown":
      return Math.min(at + 1, rows.length - 1) === at ? null : at + 1;
    case "ArrowUp":
      return at === 0 ? null : at - 1;
    case "Home":
      return at === 0 ? null : 0;
    case "End":
      return at === rows.length - 1 ? null : rows.length - 1;
    case "ArrowRight":
      if (row?.kind !== "folder") return null;
      return row.open ? at + 1 : at;
    case "ArrowLeft": {
      if (row?.kind === "folder" && row.open) return at;
      const parent = rows.findLastIndex((one, place) => place < at && one.depth < (row?.depth ?? 0));
      return parent < 0 ? null : parent;
    }
    default:
      return null;
  }
}

/** @param {{text: string, path: string}} options */
function Whole({ text: whole, path }) {
  return h("div", { class: "content", tabindex: 0, role: "region", "aria-label": path }, partsOf(whole).map((part) => h("pre", { class: "part" }, text(part))));
}

/**
 * A text in parts that end with a line where they can: only those one sees have to be laid out.
 *
 * @param {string} whole
 */
function partsOf(whole) {
  const parts = [];
  for (let from = 0; from < whole.length; ) {
    const end = from + PART < whole.length ? whole.lastIndexOf("\n", from + PART) + 1 : whole.length;
    const to = end > from ? end : from + PART;
    parts.push(whole.slice(from, whole[to - 1] === "\n" ? to - 1 : to));
    from = to;
  }
  return parts;
}
