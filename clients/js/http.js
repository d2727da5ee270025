/** One request and its answer. No answer is status 0, never an error. */

import { onAbort, unlessAborted } from "./aborting.js";

/**
 * @typedef {{
 *   status: number, body: any, code: string, detail: string, errors: {pointer: string, detail: string}[],
 *   retry_after_ms: number,
 * }} Answer
 * @typedef {{method?: string, headers?: Record<string, string>, body?: string, deadline_ms: number, signal?: AbortSignal}} Request
 */

export class Http {
  #fetch;
  #credentials;
  /** @type {string | null} */
  #token = null;
  #closing = new AbortController();
  /** @type {Set<Promise<unknown>>} */
  #running = new Set();

  /**
   * Throws a `TypeError` for an address or a token that no request can be made with: it would look like one that nobody
   * answers, and be tried for ever.
   *
   * @param {{
   *   url: string | URL, token: string | null, fetch: typeof globalThis.fetch | undefined, credentials: RequestCredentials,
   * }} options
   */
  constructor({ url, token, fetch, credentials }) {
    this.url = String(url).replace(/\/+$/, "");
    this.token = token;
    this.#fetch = fetch ?? globalThis.fetch.bind(globalThis);
    this.#credentials = credentials;
    // Somebody's own `fetch` may know what an address is relative to.
    if (fetch === undefined) checkAddress(this.url);
  }

  get token() {
    return this.#token;
  }

  set token(token) {
    const trimmed = token === null ? null : token.trim();
    if (!/^[ -~]*$/.test(trimmed ?? "")) {
      throw new TypeError("A token is ASCII text on one line, as `foundry token` prints it.");
    }
    this.#token = trimmed;
  }

  /**
   * The bare response; the caller has to read or cancel its body.
   *
   * @param {string} path
   * @param {Omit<Request, "deadline_ms"> & {signal: AbortSignal}} request
   */
  async response(path, { method = "GET", headers = {}, body, signal }) {
    const identity = this.token === null ? {} : { Authorization: `Bearer ${this.token}` };
    const type = body === undefined ? {} : { "Content-Type": "application/json" };
    return await this.#fetch(this.url + path, {
      method,
      headers: { ...identity, ...type, ...headers },
      ...(body === undefined ? {} : { body }),
      signal,
      credentials: this.#credentials,
      cache: "no-store",
    });
  }

  /**
   * @param {string} path
   * @param {Request} request
   * @returns {Promise<Answer>}
   */
  request(path, request) {
    const answer = this.#request(path, request);
    this.#running.add(answer);
    answer.finally(() => this.#running.delete(answer));
    return answer;
  }

  /** Ends every request under way. */
  async close() {
    this.#closing.abort();
    await Promise.all(this.#running);
  }

  /**
   * @param {string} path
   * @param {Request} request
   * @returns {Promise<Answer>}
   */
  async #request(path, { deadline_ms, signal, ...request }) {
    const ending = new AbortController();
    const end = () => ending.abort();
    const timer = setTimeout(end, deadline_ms);
    const stops = [this.#closing.signal, ...(signal ? [signal] : [])].map((one) => onAbort(one, end));
    try {
      const response = await this.response(path, { ...request, signal: ending.signal });
      return await unlessAborted(answerOf(response), ending.signal);
    } catch (error) {
      return noAnswer(ending.signal.aborted ? "No answer in time." : reasonOf(error));
    } finally {
      clearTimeout(timer);
      for (const stop of stops) stop();
    }
  }
}

/**
 * Why a request failed, in words: Node calls all of it `fetch failed`, and has the reason beside that.
 *
 * @param {any} error
 */
export function reasonOf(error) {
  return String(error?.cause?.message || error?.cause?.code || error);
}

/** @param {string} url */
function checkAddress(url) {
  const base = globalThis.document?.baseURI ?? globalThis.location?.href;
  try {
    if (/^https?:$/.test(new URL(`${url}/`, base).protocol)) return;
  } catch {
    // Neither whole nor relative to a page.
  }
  throw new TypeError(`"${url}" is no address of a server: write https://host, or http://host:port. Only a page needs none.`);
}

/**
 * @param {Response} response
 * @returns {Promise<Answer>}
 */
export async function answerOf(response) {
  const text = await response.text();
  /** @type {any} */
  let body = null;
  try {
    body = text === "" ? null : JSON.parse(text);
  } catch {
    // A page of a proxy: its status is all it says, and as a success it is none.
    if (response.ok) return noAnswer("The answer is not JSON.");
  }
  const problem = response.ok ? {} : body;
  return {
    status: response.status,
    body,
    code: String(problem?.code ?? ""),
    detail: String(problem?.detail ?? response.statusText),
    errors: Array.isArray(problem?.errors) ? problem.errors : [],
    retry_after_ms: retryAfter(response.headers.get("Retry-After")),
  };
}

/**
 * @param {string} detail
 * @returns {Answer}
 */
const noAnswer = (detail) => ({
  status: 0,
  body: null,
  code: "unreachable",
  detail,
  errors: [],
  retry_after_ms: 0,
});

/**
 * Seconds, or a date.
 *
 * @param {string | null} text
 */
function retryAfter(text) {
  if (text === null) return 0;
  const ms = /^\d{1,9}$/.test(text.trim()) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, Math.round(ms)) : 0;
}
