// A unified diff as rows with the line numbers of both sides. Read piece by piece: however large a patch is, no more of
// it is taken apart than is shown.

/** A line is shown so far; whole files in one line exist, and no browser lays out megabytes of one quickly. */
const LONGEST_LINE = 2000;
const HUNK = /^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@(.*)$/;
const NOTE = /^(Binary files|rename |similarity |old mode|new mode)/;

/**
 * `left` characters of a line are not in its `text`.
 *
 * @typedef {{kind: "hunk" | "added" | "removed" | "same" | "note", old: number | null, new: number | null, text: string, left: number}} Row
 */

export class Patch {
  #text;
  #at = 0;
  #before = 0;
  #after = 0;
  #inHunk = false;

  /** @param {string} text */
  constructor(text) {
    this.#text = text;
    /** @type {readonly (readonly Row[])[]} what was read so far, piece by piece: pieces that stand are never made again */
    this.pieces = [];
  }

  /** How many characters have not been read. */
  get left() {
    return this.#text.length - this.#at;
  }

  /** @param {string} text */
  isOf(text) {
    return this.#text === text;
  }

  /** @param {number} most Reads on by so many rows; headers of files are left out. */
  read(most) {
    const rows = [];
    while (rows.length < most && this.left > 0) {
      const row = this.#row(this.#line());
      if (row) rows.push(row);
    }
    if (rows.length > 0) this.pieces = [...this.pieces, rows];
  }

  /** Only \n ends a line here: U+2028 inside a line is a character like any other. */
  #line() {
    const end = this.#text.indexOf("\n", this.#at);
    const [from, to] = [this.#at, end < 0 ? this.#text.length : end];
    this.#at = end < 0 ? to : end + 1;
    return { text: this.#text.slice(from, Math.min(to, from + 1 + LONGEST_LINE)), left: Math.max(0, to - from - 1 - LONGEST_LINE) };
  }

  /**
   * @param {{text: string, left: number}} line
   * @returns {Row | null}
   */
  #row({ text, left }) {
    const hunk = text.startsWith("@@ ") ? HUNK.exec(text) : null;
    if (hunk) {
      [this.#before, this.#after, this.#inHunk] = [Number(hunk[1]), Number(hunk[2]), true];
      return { kind: "hunk", old: null, new: null, text: (hunk[3] ?? "").trim(), left };
    }
    if (text.startsWith("diff --git ")) this.#inHunk = false;
    if (!this.#inHunk) return NOTE.test(text) ? { kind: "note", old: null, new: null, text, left } : null;
    const rest = text.slice(1);
    switch (text[0]) {
      case "+":
        return { kind: "added", old: null, new: this.#after++, text: rest, left };
      case "-":
        return { kind: "removed", old: this.#before++, new: null, text: rest, left };
      case " ":
        return { kind: "same", old: this.#before++, new: this.#after++, text: rest, left };
      case "\\":
        return { kind: "note", old: null, new: null, text: rest.trimStart(), left };
      default:
        return null;
    }
  }
}
