// A button that gives one command.

/** @import {Workbench} from "./workbench.js" */

import { h } from "./dom.js";

/**
 * While the command is on its way, or `busy` says that the work goes on, it cannot be given again; the button keeps the
 * focus meanwhile, which one that is disabled would lose.
 *
 * @param {Workbench} bench
 * @param {{name: string, data: object, id: string, busy?: boolean | undefined} & import("./dom.js").Properties} command `id` says what it is about
 * @param {import("./dom.js").Child[]} children
 */
export function commandButton(bench, { name, data, id, busy, ...properties }, ...children) {
  const waits = () => Boolean(busy) || bench.commands.pending(name, id);
  return h("button", { ...properties, "aria-disabled": String(waits()), "aria-busy": busy === undefined ? null : String(waits()), onclick: () => void (waits() || bench.commands.give(name, data, { id })) }, ...children);
}
