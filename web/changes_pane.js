// What a task changed: its files with their counts, and each one's patch on request.

/**
 * @import {Row} from "./patch.js"
 * @import {ChangedFile, Files, Task} from "./types.js"
 * @import {Workbench} from "./workbench.js"
 */

import { text } from "./entry.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { sentenceOf } from "./commands.js";
import { Patch } from "./patch.js";
import { empty, loading, missing } from "./states.js";
import { isEnding } from "./task_life.js";
import { clock, count, countListed, size, tailOf } from "./words.js";

/** So many lines of a patch are shown at once; whoever scrolls near their end is shown as many more. */
const LINES = 100;
/** So many pieces of a patch are replaced in one frame. */
const MOST_PIECES = 4;
/** So far before the end, so that nobody sees it come. */
const NEAR = "1000px";
const FILES = 200;
/** A patch is opened by itself only where there are few. */
const FEW = 3;

/**
 * A patch that is open: still on its way while it has neither `read` nor `error`. `behind` is what is left of the one
 * before it, below what was read of this one so far.
 *
 * @typedef {{read?: Patch, behind?: Patch["pieces"], error?: string}} Opened
 */

export class ChangesPane {
  #bench;
  #task = "";
  /** @type {number | null} */
  #captured = null;
  /** @type {Map<string, Opened>} */
  #open = new Map();
  #files = FILES;
  #opened = false;

  /** @param {Workbench} bench */
  constructor(bench) {
    this.#bench = bench;
  }

  /**
   * @param {Task | null} task
   * @param {string} id
   */
  show(task, id) {
    const view = this.#bench.views.of(`files/${id}`);
    if (id !== this.#task) this.#enter(id);
    if (!view.data) return missing(view.state, "the changed files");
    this.#refresh(view.data);
    const { files, omitted, status, captured_at: at } = view.data;
    const total = files.reduce((sum, file) => ({ added: sum.added + file.added, removed: sum.removed + file.removed }), { added: 0, removed: 0 });
    return [
      h(
        "p",
        { class: "pane-line", key: "line" },
        h("span", null, countListed(files.length, omitted, "file")),
        files.length > 0 && h("span", { class: "counts" }, h("span", { class: "added" }, `+${total.added}`), h("span", { class: "removed" }, `−${total.removed}`)),
        h("span", { class: "quiet" }, freshness(status, at)),
      ),
      files.length === 0 &&
        (at === null
          ? empty("Not looked at yet", "The changes are captured when the first turn has ended.")
          : empty("Nothing changed", "Files that differ from where the task began appear here.")),
      h("div", { class: "changes", key: "changes" }, files.slice(0, this.#files).map((file) => this.#file(task, file))),
      files.length > this.#files && h("button", { class: "more", key: "more", onclick: () => this.#more() }, `Show ${count(Math.min(FILES, files.length - this.#files), "more file")} of ${files.length}`),
    ];
  }

  /** @param {string} id */
  #enter(id) {
    this.#task = id;
    this.#captured = null;
    this.#open = new Map();
    this.#opened = false;
    this.#files = FILES;
  }

  /**
   * After another capture the patches that are open are read again; the old ones stay until then, and as far as they were
   * read, so that nothing moves under whoever reads them.
   *
   * @param {Files} data
   */
  #refresh(data) {
    if (data.captured_at === this.#captured) return;
    this.#captured = data.captured_at;
    const first = !this.#opened && data.files.length > 0;
    if (first) this.#opened = true;
    if (first && data.files.length <= FEW) for (const file of data.files) this.#open.set(file.id, {});
    for (const path of this.#open.keys()) {
      if (data.files.some((file) => file.id === path)) void this.#read(path);
      else this.#open.delete(path);
    }
  }

  /**
   * @param {Task | null} task
   * @param {ChangedFile} file
   */
  #file(task, file) {
    const patch = this.#open.get(file.id);
    const { folder, name } = tailOf(file.id);
    return h(
      "section",
      { class: "change", key: file.id },
      h(
        "header",
        { class: "change-head" },
        h(
          "button",
          { class: "change-toggle", "aria-expanded": String(patch !== undefined), title: file.id, onclick: () => this.#toggle(file) },
          icon(patch ? "down" : "right"),
          h("span", { class: `kind kind-${file.kind}`, title: file.kind }, file.kind.charAt(0).toUpperCase()),
          h("span", { class: "path" }, h("span", { class: "folder" }, folder), h("span", { class: "name" }, name)),
          file.binary ? h("span", { class: "quiet" }, "binary") : h("span", { class: "counts" }, h("span", { class: "added" }, `+${file.added}`), h("span", { class: "removed" }, `−${file.removed}`)),
        ),
        h(
          "button",
          {
            class: "plain revert",
            "aria-label": `Revert ${file.id}`,
            title: "Revert this file to where the task began",
            disabled: !task || isEnding(task),
            "aria-disabled": String(this.#bench.commands.pending("task.revert_file", file.id)),
            onclick: () => this.#bench.commands.pending("task.revert_file", file.id) || this.#bench.dialogs.open("revert", { task, path: file.id }),
          },
          "Revert",
        ),
      ),
      patch && this.#patch(file, patch),
    );
  }

  /**
   * @param {ChangedFile} file
   * @param {Opened} patch
   */
  #patch(file, patch) {
    if (patch.error) return h("p", { class: "patch-note" }, `${patch.error} `, h("button", { class: "link", onclick: () => this.#read(file.id) }, "Try again"));
    const { read } = patch;
    if (!read) return loading("the patch", 3);
    const { left } = read;
    const pieces = piecesOf(patch);
    if (pieces.length === 0) return h("p", { class: "patch-note" }, file.binary ? "A binary file; there is no text to show." : "No line differs.");
    return [
      h("div", { class: "patch", role: "table", "aria-label": `Patch of ${file.id}`, key: "patch" }, pieces.map((rows, at) => h(Piece, { key: at, rows }))),
      left > 0 && h("button", { class: "more", key: `more ${pieces.length}`, ref: (node) => whenNear(node, () => this.#lengthen(read)), onclick: () => this.#lengthen(read) }, `Show more (${size(left)} left)`),
    ];
  }

  /** @param {ChangedFile} file */
  #toggle(file) {
    if (this.#open.delete(file.id)) return this.#bench.invalidate();
    this.#open.set(file.id, {});
    void this.#read(file.id);
    this.#bench.invalidate();
  }

  /** @param {Patch} patch */
  #lengthen(patch) {
    patch.read(LINES);
    this.#bench.invalidate();
  }

  #more() {
    this.#files += FILES;
    this.#bench.invalidate();
  }

  /** @param {string} path */
  async #read(path) {
    const [task, captured] = [this.#task, this.#captured];
    // What belongs to another task or an older capture comes too late.
    const isWanted = () => task === this.#task && captured === this.#captured && this.#open.has(path);
    const put = (/** @type {Opened} */ found) => {
      if (!isWanted()) return;
      this.#open.set(path, found);
      this.#bench.invalidate();
    };
    try {
      const answer = await this.#bench.read(`/v1/diffs/${task}?path=${encodeURIComponent(path)}`);
      const whole = await answer.text();
      let opened = this.#open.get(path);
      const shown = opened ? piecesOf(opened) : [];
      const read = opened?.read?.isOf(whole) ? opened.read : new Patch(whole);
      while (isWanted() && this.#open.get(path) === opened) {
        readOn(read, Math.max(1, shown.length));
        const behind = read.left > 0 ? shown.slice(read.pieces.length) : [];
        put((opened = { read, behind }));
        if (behind.length === 0) return;
        await new Promise(requestAnimationFrame);
      }
    } catch (error) {
      put({ error: sentenceOf(error) });
    }
  }
}

/**
 * A part of its own: lines that stand are not described again when more come.
 *
 * @param {{rows: readonly Row[]}} options
 */
function Piece({ rows }) {
  return h(
    "div",
    { class: "piece", role: "rowgroup" },
    rows.map((row) =>
      h(
        "div",
        { class: `line line-${row.kind}`, role: "row" },
        h("span", { class: "number", role: "cell" }, row.old ?? ""),
        h("span", { class: "number", role: "cell" }, row.new ?? ""),
        h("span", { class: "sign", role: "cell", "aria-label": row.kind }, SIGNS[row.kind]),
        h("span", { class: "code", role: "cell" }, text(row.text), row.left > 0 && h("span", { class: "quiet" }, ` … ${size(row.left)} more`)),
      ),
    ),
  );
}

/** @param {Opened} patch */
function piecesOf({ read, behind = [] }) {
  return [...(read?.pieces ?? []), ...behind];
}

/**
 * Some more of a patch, up to so many pieces of it.
 *
 * @param {Patch} patch
 * @param {number} pieces
 */
function readOn(patch, pieces) {
  const most = Math.min(pieces, patch.pieces.length + MOST_PIECES);
  while (patch.pieces.length < most && patch.left > 0) patch.read(LINES);
}

/**
 * Calls once, when an element comes near to what can be seen.
 *
 * @param {HTMLElement} node
 * @param {() => void} call
 */
function whenNear(node, call) {
  const look = new IntersectionObserver(
    (seen) => {
      if (!node.isConnected) look.disconnect();
      else if (seen.some((one) => one.isIntersecting)) {
        look.disconnect();
        call();
      }
    },
    { root: node.closest(".pane"), rootMargin: NEAR },
  );
  look.observe(node);
}

/** @type {Record<Row["kind"], string>} */
const SIGNS = { added: "+", removed: "−", same: " ", hunk: "⋯", note: "" };

/**
 * @param {string} status
 * @param {number | null} at
 */
function freshness(status, at) {
  if (status === "running" || status === "queued") return "being looked at …";
  if (at === null) return "";
  return status === "stale" ? `as of ${clock(at)}, may have changed` : `as of ${clock(at)}`;
}
