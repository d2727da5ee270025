/**
 * Waits until a topic holds what a position says: by what the stream brings, or by one conditional read, whichever
 * comes first.
 *
 * @import {Http} from "./http.js"
 * @import {Read, View} from "./types.js"
 */

import { onAbort } from "./aborting.js";
import { problemOf } from "./command.js";
import { pause } from "./pause.js";
import { Problem } from "./problem.js";
import { tag } from "./topics.js";
import { jitter } from "./turn.js";

/** The server waits 5 s for a position. */
const ATTEMPT_MS = 8_000;

/**
 * One read of a view, as the step function wants to hear of it.
 *
 * @param {Http} http
 * @param {string} topic
 * @param {{etag: string | null, at_least: number | null, cause: string, deadline_ms?: number, signal?: AbortSignal}} options
 * @returns {Promise<{read: Read, answer: import("./http.js").Answer}>}
 */
export async function readView(http, topic, { etag, at_least, cause, deadline_ms = ATTEMPT_MS, signal }) {
  const path = topic.split("/").map(encodeURIComponent).join("/");
  const answered = await http.request(`/v1/views/${path}${at_least === null ? "" : `?at_least=${at_least}`}`, {
    headers: etag === null ? {} : { "If-None-Match": `"${etag}"` },
    deadline_ms,
    ...(signal ? { signal } : {}),
  });
  const answer = answered.status === 200 && !isView(answered.body) ? { ...answered, ...UNREADABLE } : answered;
  const { status, body, code, detail, retry_after_ms } = answer;
  return { read: { type: "read", topic, status, at_least, cause, body, code, detail, retry_after_ms }, answer };
}

/** A success that is no view is somebody else's, and as good as none. */
const UNREADABLE = { status: 0, code: "unreadable", detail: "A view without a part it must have." };

/** @param {any} body */
function isView(body) {
  return typeof body?.epoch === "string" && typeof body.version === "number" && typeof body.data === "object" && body.data !== null;
}

/**
 * @param {Http} http
 * @param {string} topic
 * @param {number} position
 * @param {{
 *   held: () => View | null, told: (tell: () => void) => () => void, take: (read: Read) => void,
 *   deadline_ms: number, closing: AbortSignal, signal?: AbortSignal | undefined, random: () => number,
 * }} options `told` calls back whenever the topic was refreshed, until what it returns is called
 * @returns {Promise<void>} rejects with a `Problem`, or with the reason of `signal`
 */
export async function reach(http, topic, position, options) {
  const { held, told, take, deadline_ms, closing, signal, random } = options;
  const isThere = () => (held()?.version ?? -1) >= position;
  if (isThere()) return;
  const done = new AbortController();
  const end = () => done.abort();
  const stops = (signal ? [closing, signal] : [closing]).map((one) => onAbort(one, end));
  const stop = told(() => isThere() && end());
  const deadline = Date.now() + deadline_ms;
  try {
    for (let attempt = 0; ; attempt += 1) {
      const view = held();
      const { read, answer } = await readView(http, topic, {
        etag: view && tag(view),
        at_least: position,
        cause: "at_least",
        deadline_ms: Math.max(1, Math.min(ATTEMPT_MS, deadline - Date.now())),
        signal: done.signal,
      });
      if (closing.aborted) throw new Problem(0, "closed", "The client was closed.");
      signal?.throwIfAborted();
      if (done.signal.aborted) return;
      const failed = answer.status === 0 || answer.status === 429 || answer.status >= 500;
      if (!failed) take(read);
      if (answer.status === 200 || answer.status === 304) return;
      const wait = answer.retry_after_ms + jitter(random(), attempt);
      if (!failed || Date.now() + wait >= deadline) throw problemOf(answer);
      await pause(wait, [done.signal]);
      if (isThere()) return;
    }
  } finally {
    for (const one of [stop, ...stops]) one();
  }
}
