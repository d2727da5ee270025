// Which tasks wait for a person: their agent has asked something, and does nothing until it is answered.

/**
 * @import {Workspace} from "./types.js"
 * @import {Workbench} from "./workbench.js"
 */

import { h } from "./dom.js";
import { icon } from "./icons.js";

/**
 * A task that runs has nothing else to say.
 *
 * @param {{status: string, status_message: string | null}} task
 */
export const isAsking = (task) => task.status === "running" && task.status_message !== null;

/**
 * Whoever waits longest comes first.
 *
 * @param {Workspace | null} workspace
 */
export function askingOf(workspace) {
  return (workspace?.tasks ?? []).filter(isAsking).sort((one, other) => one.updated_at - other.updated_at);
}

/**
 * Over the list, however long it is and whatever it is filtered by: how many wait, and the way to the next of them.
 *
 * @param {Workbench} bench
 * @param {Workspace | null} workspace
 */
export function askingLine(bench, workspace) {
  const number = askingOf(workspace).length;
  return number > 0 && h("button", { class: "asking", key: "asking", title: "To the next one (w)", onclick: () => nextAsking(bench) }, icon("info"), askingWords(number));
}

/** @param {number} number */
export function askingWords(number) {
  return number === 1 ? "1 task waits for your answer" : `${number} tasks wait for your answer`;
}

/** @param {Workbench} bench */
export function nextAsking(bench) {
  const { organization, task } = bench.places;
  const asking = askingOf(bench.views.of(`workspace/${organization}`).data);
  const next = asking[(asking.findIndex((one) => one.id === task) + 1) % asking.length];
  if (next) bench.goTo({ organization, task: next.id });
}
