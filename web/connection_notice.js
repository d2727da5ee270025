// A word over everything while the page may be behind. It lies on top, so that nothing moves when it comes or goes.

/** @import {Workbench} from "./workbench.js" */

import { h } from "./dom.js";
import { clock } from "./words.js";

const AWAY = new Set(["reconnecting", "stale", "catching_up", "connecting"]);
/** Shorter interruptions are nobody's business. */
const PATIENCE_MS = 1500;

export class ConnectionNotice {
  #bench;
  /** @type {number | null} */
  #since = null;
  #wasLive = false;

  /** @param {Workbench} bench */
  constructor(bench) {
    this.#bench = bench;
  }

  show() {
    const { client, frame, views } = this.#bench;
    const behind = client.state === "live" && views.behind;
    if (!AWAY.has(client.state) && !behind) {
      this.#wasLive ||= client.state === "live";
      this.#since = null;
      return null;
    }
    this.#since ??= Date.now();
    const away_ms = Date.now() - this.#since;
    if (away_ms < PATIENCE_MS) {
      frame.again(PATIENCE_MS - away_ms);
      return null;
    }
    return h(
      "div",
      { class: "notice", role: "status", key: "notice" },
      h("span", { class: "working", "aria-hidden": "true" }),
      h("span", null, this.#words(client.state, this.#since)),
      client.state !== "catching_up" && !behind && h("button", { class: "link", onclick: () => client.retry() }, "Try now"),
    );
  }

  /**
   * @param {string} state
   * @param {number} since
   */
  #words(state, since) {
    if (!this.#wasLive) return "Connecting …";
    const known = `You see what was known at ${clock(since)}.`;
    return state === "catching_up" || state === "live" ? `Catching up. ${known}` : `The server does not answer. ${known}`;
  }
}
