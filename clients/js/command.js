/**
 * Sends one command until it is known what became of it.
 *
 * @import {Answer, Http} from "./http.js"
 */

import { pause } from "./pause.js";
import { Problem } from "./problem.js";
import { jitter } from "./turn.js";
import { uuid } from "./uuid.js";

/** A command ends within 30 s on the server. */
const ATTEMPT_MS = 35_000;

/**
 * `secret` is that of `token.create`.
 *
 * @typedef {{
 *   command_id: string, position: number, events: string[], ids: Record<string, string>, secret?: string,
 * }} Accepted
 * @typedef {{epoch: string, version: number}} Tagged
 * @typedef {{
 *   key?: string, ifMatch?: string | number | Tagged | null, deadline_ms?: number, signal?: AbortSignal | undefined,
 * }} CommandOptions
 */

/**
 * The answer, or a rejected `Problem`. Whatever may have been lost on the way is sent again under the same key, which
 * the server executes once. When `signal` is aborted it rejects with its reason, and the command may have been executed
 * or not.
 *
 * @param {Http} http
 * @param {string} name
 * @param {object} fields
 * @param {CommandOptions & {closing: AbortSignal, onRetry: () => void, random: () => number}} options
 * @returns {Promise<Accepted>}
 */
export async function send(http, name, fields, options) {
  const { key = uuid(), deadline_ms = 60_000, signal, closing, onRetry, random } = options;
  // A view that nobody has yet is null, and says nothing.
  const ifMatch = options.ifMatch ?? null;
  const condition = ifMatch === null ? {} : { "If-Match": condensed(ifMatch) };
  // What no header can carry and fields that are no JSON are the caller's mistake, and no request that failed.
  const headers = Object.fromEntries(new Headers({ "Idempotency-Key": key, ...condition }));
  const body = JSON.stringify(fields);
  const deadline = Date.now() + deadline_ms;
  for (let attempt = 0; ; attempt += 1) {
    const answered = await http.request(`/v1/commands/${encodeURIComponent(name)}`, {
      method: "POST",
      headers,
      body,
      deadline_ms: Math.max(1, Math.min(ATTEMPT_MS, deadline - Date.now())),
      ...(signal ? { signal } : {}),
    });
    if (isAccepted(answered)) return answered.body;
    const answer = isSuccess(answered) ? { ...answered, ...UNREADABLE } : answered;
    if (closing.aborted) throw new Problem(0, "closed", "The client was closed.", { key });
    signal?.throwIfAborted();
    const wait = answer.retry_after_ms + jitter(random(), attempt);
    if (!isWorthAnother(answer) || Date.now() + wait >= deadline) throw problemOf(answer, key);
    onRetry();
    await pause(wait, signal ? [closing, signal] : [closing]);
  }
}

/**
 * @param {Answer} answer
 * @param {string} [key]
 */
export function problemOf({ status, code, detail, errors }, key) {
  return new Problem(status, code || `http_${status}`, detail, key === undefined ? { errors } : { errors, key });
}

/** A success that no command answers with is somebody else's, and as good as none. */
const UNREADABLE = { status: 0, code: "unreadable", detail: "A success that no command answers with." };

/** @param {Answer} answer */
const isSuccess = ({ status }) => status >= 200 && status < 300;

/** @param {Answer} answer */
function isAccepted(answer) {
  return isSuccess(answer) && Number.isInteger(answer.body?.position) && typeof answer.body.command_id === "string";
}

/** @param {Answer} answer */
function isWorthAnother({ status, code }) {
  return [0, 429, 502, 503, 504].includes(status) || (status === 409 && code === "conflict");
}

/**
 * What `If-Match` says: a position, a tag, or the tag of a view.
 *
 * @param {string | number | Tagged} ifMatch
 */
function condensed(ifMatch) {
  if (typeof ifMatch === "object") return `"${ifMatch.epoch}.${ifMatch.version}"`;
  const text = String(ifMatch);
  return text === "*" || /^\d+$/.test(text) || text.includes('"') ? text : `"${text}"`;
}
