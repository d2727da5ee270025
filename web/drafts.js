// What was typed and not sent. Kept in this browser with every key, on the server at most once a second while it
// answers, so that a draft outlives the tab, the network and the machine. A browser may be several people's: each has
// drafts of their own, and what is typed while nobody knows by whom is not kept in it.

const SAVE_MS = 1000;

/**
 * @import {Draft} from "./types.js"
 * @typedef {{task: string} & Draft} Kept
 */

import { NONE } from "./attachments.js";

export class Drafts {
  #submit;
  #online;
  #prefix;
  #store;
  /** @type {Map<string, ReturnType<typeof setTimeout>>} */
  #timers = new Map();
  /** @type {Map<string, Kept>} */
  #typed = new Map();
  /** @type {Map<string, Promise<void>>} */
  #saving = new Map();

  /** @param {{person: string | null, submit: (name: string, data: object) => Promise<unknown>, online: () => boolean}} options */
  constructor({ person, submit, online }) {
    this.#submit = submit;
    this.#online = online;
    this.#prefix = `foundry.draft.${person}.`;
    this.#store = person === null ? null : localStorage;
  }

  /**
   * What was typed here for a session and is not saved yet.
   *
   * @param {string} session
   * @returns {Draft | null}
   */
  of(session) {
    return this.#local(session);
  }

  /**
   * Something was typed.
   *
   * @param {{task: string, session: string, draft: Draft}} typed
   */
  type({ task, session, draft: { text, attachments } }) {
    this.#keep(session, { task, text, attachments });
    if (!this.#timers.has(session)) this.#timers.set(session, setTimeout(() => this.#save(session), SAVE_MS));
  }

  /**
   * Whether something was typed in this tab that the server does not have.
   *
   * @param {string} session
   */
  isUnsaved(session) {
    return this.#typed.has(session);
  }

  /**
   * The text is being sent: the server clears its own draft with it. Resolves when no older draft is on its way.
   *
   * @param {string} session
   */
  async sent(session) {
    clearTimeout(this.#timers.get(session));
    this.#timers.delete(session);
    this.#forget(session);
    await this.#saving.get(session);
  }

  /** The server answers again: what could not be saved meanwhile is saved now. */
  flush() {
    const stored = Object.keys(this.#store ?? {}).filter((key) => key.startsWith(this.#prefix));
    const sessions = new Set([...this.#typed.keys(), ...stored.map((key) => key.slice(this.#prefix.length))]);
    for (const session of sessions) if (!this.#timers.has(session)) this.#save(session);
  }

  /**
   * One after the other: an older draft must not arrive after a newer one, or after the message it became.
   *
   * @param {string} session
   */
  #save(session) {
    this.#timers.delete(session);
    this.#saving.set(session, Promise.resolve(this.#saving.get(session)).then(() => this.#saveNow(session)));
  }

  /** @param {string} session */
  async #saveNow(session) {
    const local = this.#local(session);
    if (!local || !this.#online()) return;
    try {
      const { task, text, attachments } = local;
      await this.#submit("agent_session.update_draft", { task_id: task, session_id: session, text, attachments });
      // Typed on meanwhile: the next turn of the timer saves that.
      if (JSON.stringify(this.#local(session)) === JSON.stringify(local)) this.#forget(session);
    } catch (thrown) {
      const problem = /** @type {{status?: number}} */ (thrown);
      // A draft of a session that is no more is nobody's; anything else stays here until the next flush.
      if (problem.status === 404 || problem.status === 422) this.#forget(session);
    }
  }

  /**
   * @param {string} session
   * @param {Kept} draft
   */
  #keep(session, draft) {
    this.#typed.set(session, draft);
    try {
      this.#store?.setItem(this.#prefix + session, JSON.stringify(draft));
    } catch {
      // The browser's store is full or shut: memory and the server's copy must do.
    }
  }

  /** @param {string} session */
  #forget(session) {
    this.#typed.delete(session);
    this.#store?.removeItem(this.#prefix + session);
  }

  /**
   * @param {string} session
   * @returns {Kept | null}
   */
  #local(session) {
    const stored = this.#store?.getItem(this.#prefix + session);
    return this.#typed.get(session) ?? (stored ? { attachments: NONE, ...JSON.parse(stored) } : null);
  }
}
