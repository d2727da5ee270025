// What the client did and why: its state, its counters, and each refresh with what caused it.

/** @import {Workbench} from "./workbench.js" */

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { stateName } from "./words.js";

const SHOWN = 120;

/** @param {Workbench} bench */
export function ledgerPanel(bench) {
  const { counters, ledger, state } = bench.client;
  const figures = [
    ["Connections created", counters.connections_created],
    ["disposed", counters.connections_disposed],
    ["Reconnect attempts", counters.reconnect_attempts],
    ["Gaps", counters.gaps],
    ["Drains", counters.drains],
    ["Commands", counters.commands],
    ["retried", counters.command_retries],
    ["Frames", bench.frame.count],
    ["the last in", `${bench.frame.last_ms.toFixed(1)} ms`],
  ];
  return h(
    "section",
    { class: "ledger", key: "ledger", "aria-label": "Connection and ledger" },
    h("header", null, h("h2", null, "Ledger"), h("span", { class: `connection connection-${state}` }, h("span", { class: "dot" }), stateName(state)), h("button", { class: "plain", "aria-label": "Close", onclick: () => bench.toggle("ledger") }, icon("close"))),
    h("dl", { class: "figures" }, figures.map(([name, value]) => h("div", { key: name }, h("dt", null, name), h("dd", null, String(value ?? 0))))),
    h("div", { class: "ledger-columns" },
      h("table", null, h("caption", null, "Topics held"), h("tbody", null, Object.entries(counters.subscriptions).map(([topic, number]) => h("tr", { key: topic }, h("td", null, topic), h("td", { class: "number" }, String(number)))))),
      h("table", null, h("caption", null, "Refreshes by cause"), h("tbody", null, Object.entries(counters.refreshes).map(([cause, number]) => h("tr", { key: cause }, h("td", null, cause), h("td", { class: "number" }, String(number)))))),
    ),
    h(
      "div",
      { class: "ledger-lines", tabindex: 0 },
      h(
        "table",
        null,
        h("thead", null, h("tr", null, ["Time", "Topic", "Cause", "Event", "Version", "Command", "By"].map((name) => h("th", { scope: "col" }, name)))),
        h("tbody", null, ledger.slice(-SHOWN).reverse().map((entry) => h(LedgerLine, { entry }))),
      ),
    ),
  );
}

/** @param {{entry: import("../clients/js/types.js").Why}} options */
function LedgerLine({ entry }) {
  const cells = [timeOf(entry.at), entry.topic, entry.cause, entry.event, entry.version, entry.command_id?.slice(0, 8), entry.actor];
  return h("tr", null, cells.map((cell) => h("td", null, cell === undefined || cell === null ? "" : String(cell))));
}

/** @param {number} at */
function timeOf(at) {
  return new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}
