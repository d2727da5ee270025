// The keyboard: one table of what each key does, which is also what `?` shows.

/** @import {Workbench} from "./workbench.js" */

import { PANES } from "./address.js";
import { nextAsking } from "./asking.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";

/** @typedef {{keys: string[], shown: string, does: string, act?: (bench: Workbench, key: string) => unknown}} Key */

/** @type {Key[]} */
const KEYS = [
  { keys: ["j", "ArrowDown"], shown: "j ↓", does: "Next task", act: (bench) => bench.sidebar.move(1) },
  { keys: ["k", "ArrowUp"], shown: "k ↑", does: "Previous task", act: (bench) => bench.sidebar.move(-1) },
  { keys: [], shown: "Enter", does: "Open the task" },
  { keys: ["w"], shown: "w", does: "Next task that waits for you", act: nextAsking },
  { keys: ["n"], shown: "n", does: "New task", act: (bench) => bench.newTask() },
  { keys: ["/"], shown: "/", does: "Filter the list", act: (bench) => bench.sidebar.focusFilter() },
  { keys: ["c"], shown: "c", does: "Write a message", act: (bench) => bench.toComposer() },
  { keys: ["["], shown: "[", does: "Session to the left", act: (bench) => bench.nextSession(-1) },
  { keys: ["]"], shown: "]", does: "Session to the right", act: (bench) => bench.nextSession(1) },
  { keys: ["1", "2", "3", "4"], shown: "1 – 4", does: "Changes, files, processes, jobs", act: (bench, key) => bench.toPane(PANES[Number(key)] ?? "changes") },
  { keys: ["PageUp", "u"], shown: "u", does: "Transcript up", act: (bench) => bench.task.transcript.page(-1) },
  { keys: ["PageDown", "d"], shown: "d", does: "Transcript down", act: (bench) => bench.task.transcript.page(1) },
  { keys: ["G", "End"], shown: "G", does: "Newest entry", act: (bench) => bench.task.transcript.toEnd() },
  { keys: ["~", "`"], shown: "~ or Ctrl+.", does: "Connection and ledger", act: (bench) => bench.toggle("ledger") },
  { keys: ["?"], shown: "?", does: "These keys", act: (bench) => bench.toggle("help") },
  { keys: ["Escape"], shown: "Esc", does: "Close, leave", act: (bench) => bench.escape() },
];

const BY_KEY = new Map(KEYS.flatMap((entry) => entry.keys.map((key) => /** @type {[string, Key]} */ ([key, entry]))));

/**
 * Listen for as long as the page is open.
 *
 * @param {Workbench} bench
 */
export function listen(bench) {
  document.addEventListener("keydown", (event) => {
    const within = (/** @type {string} */ what) => event.target instanceof Element && event.target.closest(what) !== null;
    if (event.key === "?" && bench.isShown("help")) return bench.close("help");
    if (bench.isModal) return;
    if (event.key === "." && event.ctrlKey) {
      bench.toggle("ledger");
      event.preventDefault();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (within("input, textarea, select, [contenteditable], [role=menu]")) return;
    if (bench.task.composer.takes(event)) return event.preventDefault();
    // Where something scrolls or is a menu by itself, its own keys are its own.
    if (event.key.startsWith("Arrow") && !within(".sidebar") && event.target !== document.body) return;
    const entry = BY_KEY.get(event.key);
    if (!entry?.act) return;
    event.preventDefault();
    entry.act(bench, event.key);
  });
}

/** @param {Workbench} bench */
export function help(bench) {
  return h(
    "dialog",
    { class: "dialog help", key: "help", "aria-labelledby": "help-title", ref: (node) => node.showModal(), onclose: () => bench.close("help") },
    h("header", null, h("h2", { id: "help-title" }, "Keys"), h("button", { class: "plain", "aria-label": "Close", onclick: () => bench.close("help") }, icon("close"))),
    h("dl", { class: "keys" }, KEYS.map((entry) => h("div", { key: entry.shown }, h("dt", null, entry.shown.split(" ").map((one) => (one === "or" || one === "–" ? ` ${one} ` : h("kbd", null, one)))), h("dd", null, entry.does)))),
  );
}
