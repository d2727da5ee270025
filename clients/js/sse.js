/** Reads Server-Sent Events from bytes, however they are cut. */

/** More text than this in one event is no view of this server's. */
const MOST_CHARACTERS = 128 * 1024 * 1024;

// Only these three end a line: U+2028 stands in JSON as it is.
const LINE_END = /\r\n|\r|\n/g;

export class SseParser {
  #decoder = new TextDecoder("utf-8", { fatal: true });
  /** @type {string[]} */
  #line = [];
  /** @type {string[]} */
  #data = [];
  #dataSize = 0;
  #lineSize = 0;
  #name = "";
  /** @type {string | null} */
  #id = null;
  #endedWithReturn = false;

  /**
   * @param {(name: string, data: string, id: string | null) => void} onEvent `id` only if this event has one
   * @param {(ms: number) => void} onRetry
   */
  constructor(onEvent, onRetry) {
    this.onEvent = onEvent;
    this.onRetry = onRetry;
  }

  /**
   * Takes the next bytes. Throws if they are no UTF-8, or too much for one event.
   *
   * @param {Uint8Array} bytes
   * @returns {boolean} whether they completed an event
   */
  push(bytes) {
    let text = this.#decoder.decode(bytes, { stream: true });
    if (text === "") return false;
    // A line end may be cut in two: the return has ended the line already.
    if (this.#endedWithReturn && text.startsWith("\n")) text = text.slice(1);
    this.#endedWithReturn = text.endsWith("\r");
    let completed = false;
    let start = 0;
    for (const end of text.matchAll(LINE_END)) {
      this.#line.push(text.slice(start, end.index));
      start = end.index + end[0].length;
      const line = this.#line.join("");
      this.#line = [];
      this.#lineSize = 0;
      completed = this.#take(line) || completed;
    }
    this.#lineSize += text.length - start;
    if (this.#dataSize + this.#lineSize > MOST_CHARACTERS) throw new Error("An event is too large.");
    if (start < text.length) this.#line.push(text.slice(start));
    return completed;
  }

  /** @param {string} line */
  #take(line) {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "data") {
      this.#data.push(value);
      this.#dataSize += value.length;
    } else if (field === "event") this.#name = value;
    else if (field === "id" && !value.includes("\0")) this.#id = value;
    else if (field === "retry" && /^\d{1,9}$/.test(value)) this.onRetry(Number(value));
    return false;
  }

  #dispatch() {
    const [data, name, id] = [this.#data, this.#name, this.#id];
    this.#data = [];
    this.#dataSize = 0;
    this.#name = "";
    this.#id = null;
    if (data.length === 0) return false;
    this.onEvent(name || "message", data.join("\n"), id);
    return true;
  }
}
