/**
 * Streams over HTTP: what the step function wants opened, told, left.
 *
 * @import {Dispose, Happening, Interest, Open} from "./types.js"
 * @import {Http} from "./http.js"
 */

import { unlessAborted } from "./aborting.js";
import { answerOf, reasonOf } from "./http.js";
import { SseParser } from "./sse.js";
import { Turns } from "./turns.js";

const INTEREST_DEADLINE_MS = 15_000;
const SLICE_BYTES = 16 * 1024;

/**
 * @typedef {{
 *   open: (effect: Open) => void, dispose: (effect: Dispose) => void, interest: (effect: Interest) => void,
 *   wake: () => void, close: () => Promise<void>,
 * }} Transport
 */

/** @implements {Transport} */
export class HttpStreams {
  #http;
  #report;
  /** @type {Map<number, AbortController>} */
  #open = new Map();
  /** @type {Set<Promise<void>>} */
  #running = new Set();

  /**
   * @param {Http} http
   * @param {(happening: Happening) => void} report
   */
  constructor(http, report) {
    this.#http = http;
    this.#report = report;
  }

  /** @param {Open} effect */
  open({ connection, topics, cursor }) {
    const ending = new AbortController();
    this.#open.set(connection, ending);
    const running = this.#run(connection, { topics, ...(cursor === null ? {} : { cursor }) }, ending.signal);
    this.#running.add(running);
    running.finally(() => this.#running.delete(running));
  }

  /** @param {Dispose} effect */
  dispose({ connection }) {
    this.#open.get(connection)?.abort();
    this.#open.delete(connection);
  }

  /** @param {Interest} effect */
  async interest({ connection, sid, revision, add, remove }) {
    const { status, retry_after_ms, code, detail } = await this.#http.request(
      `/v1/stream/${encodeURIComponent(sid)}/interest`,
      { method: "POST", body: JSON.stringify({ revision, add, remove }), deadline_ms: INTEREST_DEADLINE_MS },
    );
    const answer = { status, retry_after_ms, code, detail };
    this.#report({ type: "interest_answered", connection, revision, ...answer });
  }

  /** Streams of one's own are tried again by the step function alone. */
  wake() {}

  async close() {
    for (const ending of this.#open.values()) ending.abort();
    this.#open.clear();
    await Promise.all(this.#running);
  }

  /**
   * The whole life of one stream.
   *
   * @param {number} connection
   * @param {object} asked
   * @param {AbortSignal} signal
   */
  async #run(connection, asked, signal) {
    let loss;
    try {
      const headers = { Accept: "text/event-stream" };
      const body = JSON.stringify(asked);
      const response = await this.#http.response("/v1/stream", { method: "POST", headers, body, signal });
      loss = await unlessAborted(this.#read(connection, response, signal), signal);
    } catch (error) {
      loss = { status: 0, detail: reasonOf(error) };
    }
    if (signal.aborted) return;
    this.#open.delete(connection);
    this.#report({ type: "lost", connection, ...loss });
  }

  /**
   * @param {number} connection
   * @param {Response} response
   * @param {AbortSignal} signal
   * @returns {Promise<{status: number, detail: string, code?: string, retry_after_ms?: number}>} how it ended
   */
  async #read(connection, response, signal) {
    if (!response.ok) {
      const { status, code, detail, retry_after_ms } = await answerOf(response);
      return { status: status || response.status, code, detail, retry_after_ms };
    }
    const type = response.headers.get("Content-Type") ?? "";
    if (response.body === null || !/^text\/event-stream\s*(;|$)/i.test(type)) {
      await response.body?.cancel();
      return { status: response.status, code: "not_a_stream", detail: `An answer of type ${type || "none"}.` };
    }
    this.#report({ type: "opened", connection });
    const parser = new SseParser(
      (name, data, id) => this.#report({ type: "event", connection, name, data: JSON.parse(data), id }),
      (ms) => this.#report({ type: "retry", connection, ms }),
    );
    const reader = response.body.getReader();
    const turns = new Turns();
    try {
      while (!signal.aborted) {
        const { done, value } = await reader.read();
        if (done) return { status: 0, detail: "The stream ended." };
        // A browser hands over a burst as megabytes at once.
        for (let from = 0; from < value.length && !signal.aborted; from += SLICE_BYTES) {
          await turns.work(() => {
            if (!parser.push(value.subarray(from, from + SLICE_BYTES))) this.#report({ type: "heard", connection });
          });
        }
      }
      return { status: 0, detail: "The stream was left." };
    } finally {
      // After an event that cannot be read the rest is of no use; an abort has ended it already.
      reader.cancel().catch(() => undefined);
    }
  }
}
