// The scrolling of a transcript: only what can be seen is in the document, and what one reads stays where it is
// while rows above it come, go or turn out to be taller than guessed.

/**
 * @import {Block} from "./types.js"
 * @import {Transcript} from "./transcript.js"
 */

import { rowsBetween, topsOf } from "./scroll_window.js";

const GUESS = 64;
const AROUND = 800;
const AT_THE_END = 24;
const NEAR_THE_START = 600;

export class TranscriptScroll {
  #invalidate;
  #wantOlder;
  /** @type {HTMLElement | null} */
  #host = null;
  /** @type {Map<string, number>} */
  #heights = new Map();
  #width = 0;
  #tops = topsOf([]);
  /** @type {string[]} */
  #keys = [];
  #shown = { start: 0, end: 0 };
  /** @type {{key: string, offset: number} | null} */
  #anchor = null;
  #revision = -1;
  #top = 0;

  /** @param {{invalidate: () => void, wantOlder: () => void}} options */
  constructor({ invalidate, wantOlder }) {
    this.#invalidate = invalidate;
    this.#wantOlder = wantOlder;
    this.following = true;
    document.addEventListener("selectionchange", this.#selected);
  }

  /**
   * Told the scrolling element, once.
   *
   * @param {HTMLElement} host
   */
  attach = (host) => {
    this.#host = host;
    host.addEventListener("scroll", this.#scrolled, { passive: true });
    new ResizeObserver(() => this.#invalidate()).observe(host);
    this.#invalidate();
  };

  /** What one reads; null at the end, which is followed. */
  get place() {
    return this.following ? null : this.#anchor;
  }

  /**
   * Another session: where one was in it, or at its end, and nothing measured.
   *
   * @param {{key: string, offset: number} | null} place
   */
  reset(place) {
    this.#heights.clear();
    this.#revision = -1;
    this.#anchor = place;
    this.#top = 0;
    this.following = place === null;
  }

  toEnd() {
    // What is selected would hold it where it is.
    if (this.#isSelecting) getSelection()?.removeAllRanges();
    this.following = true;
    this.#anchor = null;
    this.#invalidate();
  }

  /**
   * By screens, for keys.
   *
   * @param {number} direction
   */
  page(direction) {
    if (this.#host) this.#host.scrollTop += direction * this.#host.clientHeight * 0.85;
  }

  /**
   * Which blocks to describe, and the room above and below them.
   *
   * @param {Transcript} transcript
   */
  plan({ blocks, revision }) {
    if (revision !== this.#revision) this.#know(blocks, revision);
    const height = this.#host?.clientHeight ?? 800;
    const total = this.#tops[this.#tops.length - 1];
    const top = this.#topWanted(total, height);
    this.#shown = rowsBetween(this.#tops, top - AROUND, top + height + AROUND);
    return { ...this.#shown, above: this.#tops[this.#shown.start], below: total - this.#tops[this.#shown.end] };
  }

  /** After the document has what was planned: look how tall it is, keep the place; true if it must be planned anew. */
  settle() {
    const host = this.#host;
    if (!host?.isConnected) return false;
    const rows = /** @type {NodeListOf<HTMLElement>} */ (host.querySelectorAll("[data-block]"));
    let changed = host.clientWidth !== this.#width;
    if (changed) this.#width = host.clientWidth;
    for (const row of rows) {
      const measured = row.getBoundingClientRect().height;
      const key = row.dataset.block ?? "";
      if (Math.abs((this.#heights.get(key) ?? -1) - measured) > 0.5) {
        this.#heights.set(key, measured);
        changed = true;
      }
    }
    if (changed) this.#tops = topsOf(this.#keys.map((key) => this.#heights.get(key) ?? GUESS));
    if (changed) return true;
    const wanted = this.#topWanted(host.scrollHeight, host.clientHeight);
    if (Math.abs(host.scrollTop - wanted) > 1) host.scrollTop = wanted;
    this.#top = host.scrollTop;
    if (host.scrollTop < NEAR_THE_START) this.#wantOlder();
    return false;
  }

  /**
   * @param {Block[]} blocks
   * @param {number} revision
   */
  #know(blocks, revision) {
    this.#revision = revision;
    this.#keys = blocks.map((block) => block.key);
    this.#tops = topsOf(this.#keys.map((key) => this.#heights.get(key) ?? GUESS));
  }

  /**
   * @param {number} total
   * @param {number} height
   */
  #topWanted(total, height) {
    const end = Math.max(0, total - height);
    if (this.following || !this.#anchor) return end;
    const at = this.#keys.indexOf(this.#anchor.key);
    if (at < 0) return end;
    return Math.min(end, this.#tops[at] + this.#anchor.offset);
  }

  #scrolled = () => {
    const host = this.#host;
    if (!host) return;
    const top = host.scrollTop;
    // Only a person goes up; what grows below has not moved anybody away from the end.
    if (host.scrollHeight - top - host.clientHeight < AT_THE_END) this.following = !this.#isSelecting;
    else if (top < this.#top - 1) this.following = false;
    this.#stay(top);
  };

  /** What is being selected does not move away under the hand. */
  #selected = () => {
    if (!this.#host || !this.following || !this.#isSelecting) return;
    this.following = false;
    this.#stay(this.#host.scrollTop);
  };

  get #isSelecting() {
    const selection = getSelection();
    return selection !== null && !selection.isCollapsed && Boolean(this.#host?.contains(selection.anchorNode));
  }

  /** @param {number} top */
  #stay(top) {
    this.#top = top;
    const { start } = rowsBetween(this.#tops, top, top);
    this.#anchor = this.#keys.length ? { key: this.#keys[start], offset: top - this.#tops[start] } : null;
    this.#invalidate();
  }
}
