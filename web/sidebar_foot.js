// The end of the list: the connection's state, which opens the ledger, who one is, and the keys.

/**
 * @import {App} from "./types.js"
 * @import {Workbench} from "./workbench.js"
 */

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { stateName } from "./words.js";

/**
 * @param {Workbench} bench
 * @param {App | null} app
 */
export function sidebarFoot(bench, app) {
  return h(
    "footer",
    { class: "sidebar-foot" },
    h(
      "button",
      { class: `connection connection-${bench.client.state}`, title: "Connection and ledger (~)", onclick: () => bench.toggle("ledger") },
      h("span", { class: "dot", "aria-hidden": "true" }),
      h("span", { role: "status" }, stateName(bench.client.state)),
    ),
    h("span", { class: "who" }, app?.user.name ?? ""),
    bench.plain && h("button", { class: "plain", title: "This page shows plain reads, as its address asks; read again", "aria-label": "Refresh", onclick: () => bench.client.refresh() }, icon("retry")),
    h("button", { class: "plain", title: "Keys (?)", "aria-label": "Keys", onclick: () => bench.toggle("help") }, "?"),
  );
}
