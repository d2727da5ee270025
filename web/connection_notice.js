// A word over everything while the page may be behind. It lies on top, so that nothing moves when it comes or goes.

import { h } from "./dom.js";
import { clock } from "./words.js";

const AWAY = new Set(["reconnecting", "stale", "catching_up", "connecting"]);
/** Shorter interruptions are nobody's business. */
const PATIENCE_MS = 1500;

export class ConnectionNotice {
  #bench;
  #since = null;
  #wasLive = false;

  constructor(bench) {
    this.#bench = bench;
  }

  /** Whether the server has not answered for a while: other tabs may still be trying, whatever this one's state. */
  get lost() {
    return this.#wasLive && this.#since !== null && Date.now() - this.#since >= PATIENCE_MS;
  }

  show() {
    const { client, frame } = this.#bench;
    if (!AWAY.has(client.state)) {
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
      h("span", null, this.#wasLive ? `The server does not answer. You see what was known at ${clock(this.#since)}.` : "Connecting …"),
      h("button", { class: "link", onclick: () => client.retry() }, "Try now"),
    );
  }
}
