/**
 * Views that were read instead of streamed. A read never moves a view backwards.
 *
 * @import {Read, Refresh} from "./types.js"
 * @import {Turn} from "./turn.js"
 */

import { needSignIn } from "./connections.js";
import { share } from "./fold.js";
import { noticeGap, refuse, tag, tell } from "./topics.js";
import { jitter } from "./turn.js";

/**
 * Read a topic again; without one, all that are only read.
 *
 * @param {Turn} turn
 * @param {Refresh} input
 */
export function refresh(turn, { topic, at_least = null, cause = "refresh" }) {
  const { topics, status } = turn.state;
  if (status === "needs_auth") return;
  const names = topic === null ? [...topics.keys()] : [topic];
  for (const name of names) {
    const known = turn.topic(name);
    if (known === null || (topic === null && known.live === "on")) continue;
    if (known.refused !== null) continue;
    turn.do({ type: "read", topic: name, etag: known.view && tag(known.view), at_least, cause });
  }
}

/**
 * A read that failed has waited long enough.
 *
 * @param {Turn} turn
 * @param {string} name
 */
export function readAgain(turn, name) {
  const again = turn.topic(name)?.again;
  if (again) refresh(turn, { type: "refresh", topic: name, ...again });
}

/**
 * @param {Turn} turn
 * @param {Read} input
 */
export function read(turn, { topic: name, status, at_least = null, cause = "refresh", body, ...why }) {
  const topic = turn.topic(name);
  if (status === 401) needSignIn(turn, why.detail ?? "");
  else if (topic === null) return;
  else if (status === 304) turn.setTopic(name, { again: null, failures: 0 });
  else if (status === 200) take(turn, name, body, cause);
  else if (topic.live === "on") return;
  else if (status === 403 || status === 404) refuse(turn, name, "forbidden");
  else if (status === 0 || status === 408 || status === 429 || status >= 500) {
    turn.setTopic(name, { again: { at_least, cause }, failures: topic.failures + 1 });
    const ms = (why.retry_after_ms ?? 0) + jitter(turn.random, topic.failures);
    turn.do({ type: "set_timer", name: `read ${name}`, ms });
  } else {
    turn.do({ type: "problem", status, code: why.code ?? "", detail: why.detail ?? "" });
    refuse(turn, name, "forbidden");
  }
}

/**
 * @param {Turn} turn
 * @param {string} name
 * @param {{epoch: string, version: number, data: any}} body
 * @param {string} cause
 */
function take(turn, name, { epoch, version, data }, cause) {
  const { view, live, refused } = /** @type {import("./types.js").Topic} */ (turn.topic(name));
  if (refused !== null) return;
  turn.setTopic(name, { again: null, failures: 0 });
  const same = view !== null && view.epoch === epoch;
  if (same && version <= view.version) return;
  if (!same && view !== null && live === "on") {
    // The stream is of another epoch than the node that was read: the stream decides which one holds.
    noticeGap(turn, name);
    return;
  }
  turn.setTopic(name, { view: { topic: name, epoch, version, data: share(view?.data, data) } });
  tell(turn, name, { cause });
}
