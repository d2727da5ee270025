// What a task changed: its files with their counts, and each one's patch on request.

import { text } from "./entry.js";
import { rowsOf } from "./diff.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { empty, loading, problem } from "./states.js";
import { clock, count, tailOf } from "./words.js";

/** So many lines of a patch, and so many files, are shown before one asks for more. */
const LINES = 400;
const FILES = 200;
/** A patch is opened by itself only where there are few. */
const FEW = 3;

export class ChangesPane {
  #bench;
  #task = null;
  #captured = null;
  #open = new Map();
  #files = FILES;
  #opened = false;

  constructor(bench) {
    this.#bench = bench;
  }

  show(task, id) {
    const view = this.#bench.views.of(`files/${id}`);
    if (id !== this.#task) this.#enter(id);
    if (!view.data) return view.state === "loading" ? loading("the changed files") : problem(view.state);
    this.#refresh(view.data);
    const { files, status, captured_at: at } = view.data;
    const total = files.reduce((sum, file) => ({ added: sum.added + file.added, removed: sum.removed + file.removed }), { added: 0, removed: 0 });
    return [
      h(
        "p",
        { class: "pane-line", key: "line" },
        h("span", null, count(files.length, "file")),
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

  #enter(id) {
    this.#task = id;
    this.#captured = null;
    this.#open = new Map();
    this.#opened = false;
    this.#files = FILES;
  }

  /** After another capture the patches that are open are read again; the old ones stay until then. */
  #refresh(data) {
    if (data.captured_at === this.#captured) return;
    this.#captured = data.captured_at;
    const first = !this.#opened && data.files.length > 0;
    if (first) this.#opened = true;
    if (first && data.files.length <= FEW) for (const file of data.files) this.#open.set(file.id, { lines: LINES });
    for (const path of this.#open.keys()) {
      if (data.files.some((file) => file.id === path)) void this.#read(path);
      else this.#open.delete(path);
    }
  }

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
          h("span", { class: `kind kind-${file.kind}`, title: file.kind }, file.kind[0].toUpperCase()),
          h("span", { class: "path" }, h("span", { class: "folder" }, folder), h("span", { class: "name" }, name)),
          file.binary ? h("span", { class: "quiet" }, "binary") : h("span", { class: "counts" }, h("span", { class: "added" }, `+${file.added}`), h("span", { class: "removed" }, `−${file.removed}`)),
        ),
        h(
          "button",
          {
            class: "plain revert",
            title: "Revert this file to where the task began",
            disabled: !task || this.#bench.orders.pending("task.revert_file", file.id),
            onclick: () => this.#bench.dialogs.open("revert", { task, path: file.id }),
          },
          "Revert",
        ),
      ),
      patch && this.#patch(file, patch),
    );
  }

  #patch(file, patch) {
    if (patch.error) return h("p", { class: "patch-note" }, `${patch.error} `, h("button", { class: "link", onclick: () => this.#read(file.id) }, "Try again"));
    if (!patch.rows) return loading("the patch", 3);
    if (patch.rows.length === 0) return h("p", { class: "patch-note" }, file.binary ? "A binary file; there is no text to show." : "No line differs.");
    const left = patch.rows.length - patch.lines;
    return [
      h(Patch, { rows: patch.rows, lines: patch.lines }),
      left > 0 && h("button", { class: "more", onclick: () => this.#lengthen(file.id) }, `Show ${count(Math.min(left, LINES * 5), "more line")} of ${patch.rows.length}`),
    ];
  }

  #toggle(file) {
    if (this.#open.delete(file.id)) return this.#bench.invalidate();
    this.#open.set(file.id, { lines: LINES });
    void this.#read(file.id);
    this.#bench.invalidate();
  }

  #lengthen(path) {
    const patch = this.#open.get(path);
    this.#open.set(path, { ...patch, lines: patch.lines + LINES * 5 });
    this.#bench.invalidate();
  }

  #more() {
    this.#files += FILES;
    this.#bench.invalidate();
  }

  async #read(path) {
    const [task, captured] = [this.#task, this.#captured];
    const put = (found) => {
      // What belongs to another task or an older capture comes too late.
      if (task !== this.#task || captured !== this.#captured || !this.#open.has(path)) return;
      this.#open.set(path, { lines: this.#open.get(path).lines, ...found });
      this.#bench.invalidate();
    };
    try {
      const answer = await this.#bench.read(`/v1/diffs/${task}?path=${encodeURIComponent(path)}`);
      put({ rows: rowsOf(await answer.text()) });
    } catch (error) {
      put({ error: error.message });
    }
  }
}

/** A part of its own: thousands of lines are described once. */
function Patch({ rows, lines }) {
  return h(
    "div",
    { class: "patch", role: "table", "aria-label": "Patch" },
    rows.slice(0, lines).map((row) =>
      h(
        "div",
        { class: `line line-${row.kind}`, role: "row" },
        h("span", { class: "number", role: "cell" }, row.old ?? ""),
        h("span", { class: "number", role: "cell" }, row.new ?? ""),
        h("span", { class: "sign", role: "cell", "aria-label": row.kind }, SIGNS[row.kind]),
        h("span", { class: "code", role: "cell" }, text(row.text)),
      ),
    ),
  );
}

const SIGNS = { added: "+", removed: "−", same: " ", hunk: "⋯", note: "" };

function freshness(status, at) {
  if (status === "running" || status === "queued") return "being looked at …";
  if (at === null) return "";
  return status === "stale" ? `as of ${clock(at)}, may have changed` : `as of ${clock(at)}`;
}
