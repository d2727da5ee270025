// Which tasks wait for a person: their agent has asked something, and does nothing until it is answered.

/** @import {Workbench} from "./workbench.js" */

import { h } from "./dom.js";
import { icon } from "./icons.js";

/**
 * A task that runs has nothing else to say.
 *
 * @param {{status: string, status_message: string | null}} task
 */
export const isAsking = (task) => task.status === "running" && task.status_message !== null;

/**
 * In all of one's organizations, as far as they are known; whoever waits longest comes first.
 *
 * @param {Workbench} bench
 */
export function askingOf({ views }) {
  const organizations = views.of("app").data?.organizations ?? [];
  return organizations
    .flatMap(({ id: organization }) => (views.of(`workspace/${organization}`).data?.tasks ?? []).filter(isAsking).map((task) => ({ organization, task })))
    .sort((one, other) => one.task.updated_at - other.task.updated_at);
}

/**
 * Over the list, however long it is and whatever it is filtered by: how many wait, and the way to the next of them.
 *
 * @param {Workbench} bench
 */
export function askingLine(bench) {
  const asking = askingOf(bench);
  const elsewhere = asking.filter(({ organization }) => organization !== bench.places.organization).length;
  const where = elsewhere === 0 ? "" : elsewhere === asking.length ? " elsewhere" : `, ${elsewhere} elsewhere`;
  return asking.length > 0 && h("button", { class: "asking", key: "asking", title: "To the next one (w)", onclick: () => nextAsking(bench) }, icon("info"), `${askingWords(asking.length)}${where}`);
}

/** @param {number} number */
export function askingWords(number) {
  return number === 1 ? "1 task waits for your answer" : `${number} tasks wait for your answer`;
}

/** @param {Workbench} bench */
export function nextAsking(bench) {
  const asking = askingOf(bench);
  const next = asking[(asking.findIndex(({ task }) => task.id === bench.places.task) + 1) % asking.length];
  if (next) bench.goTo({ organization: next.organization, task: next.task.id }, { select: true });
}
