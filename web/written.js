// What stands in the field of each session. What is written here counts; a draft that was saved elsewhere is taken when
// nobody is writing here.

/**
 * @import {Draft} from "./types.js"
 * @import {Drafts} from "./drafts.js"
 * @import {Views} from "./views.js"
 */

import { NONE } from "./attachments.js";

/** @type {Draft} */
const EMPTY = { text: "", attachments: NONE };

export class Written {
  #drafts;
  #views;
  #hasFocus;
  /** @type {Map<string, {draft: Draft, saved: Draft}>} */
  #known = new Map();

  /** @param {{drafts: Drafts, views: Views, hasFocus: () => boolean}} options `hasFocus` is the field's */
  constructor({ drafts, views, hasFocus }) {
    this.#drafts = drafts;
    this.#views = views;
    this.#hasFocus = hasFocus;
  }

  /**
   * @param {string} session
   * @returns {Draft}
   */
  of(session) {
    const app = this.#views.of("app").data;
    const own = app?.sessions.find((one) => one.id === session);
    const saved = own?.draft ?? EMPTY;
    const known = this.#known.get(session);
    if (known === undefined) {
      const draft = this.#drafts.of(session) ?? saved;
      // Asked again until the view is there: what was saved elsewhere must not be missed.
      if (app) this.#known.set(session, { draft, saved });
      return draft;
    }
    // A session that ended is no longer among one's own: what was typed for it is nowhere else.
    if (!own || isSame(saved, known.saved)) return known.draft;
    const isWriting = this.#drafts.isUnsaved(session) || this.#hasFocus();
    const draft = isWriting ? known.draft : saved;
    this.#known.set(session, { draft, saved });
    return draft;
  }

  /**
   * @param {string} session
   * @param {Partial<Draft>} part of it, that stands there from now on
   * @returns {Draft}
   */
  set(session, part) {
    const draft = { ...this.of(session), ...part };
    this.#known.set(session, { draft, saved: this.#known.get(session)?.saved ?? EMPTY });
    return draft;
  }

  /** @param {string} session */
  clear(session) {
    this.set(session, EMPTY);
  }
}

/** @param {Draft} draft */
export const isEmpty = ({ text, attachments }) => text.trim() === "" && attachments.length === 0;

/**
 * The client keeps equal lists the same object.
 *
 * @param {Draft} one
 * @param {Draft} other
 */
function isSame(one, other) {
  return one.text === other.text && (one.attachments === other.attachments || one.attachments.length + other.attachments.length === 0);
}
