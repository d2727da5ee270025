// Commands as the page gives them: what is on its way is marked until its change has come, what is refused is said.

import { uuid } from "../clients/js/uuid.js";

/** @import {Foundry} from "../clients/js/foundry.js" */

const PATIENCE_MS = 8000;

export class Commands {
  #client;
  #invalidate;
  #tell;
  /** @type {Map<string, {name: string, id: string, position: number, arrived: boolean, timer: ReturnType<typeof setTimeout> | undefined}>} */
  #underWay = new Map();
  /** @type {Map<string, Promise<unknown>>} */
  #lines = new Map();

  /**
   * @param {Foundry} client
   * @param {{invalidate: () => void, tell: (text: string) => void}} options
   */
  constructor(client, { invalidate, tell }) {
    this.#client = client;
    this.#invalidate = invalidate;
    this.#tell = tell;
    client.on("ledger", (entry) => this.#arrived(entry));
  }

  /**
   * Whether a command of that name is on its way for that id (or any of that name).
   *
   * @param {string} name
   * @param {string} [id]
   */
  pending(name, id = "") {
    for (const one of this.#underWay.values()) {
      if (one.name === name && (!id || one.id === id)) return true;
    }
    return false;
  }

  /**
   * Give a command. Resolves to its answer, or to null after the refusal was told. `id` says what it is about, for
   * `pending`; `quiet` leaves the telling to the caller, who gets the problem thrown.
   *
   * @param {string} name
   * @param {object} data
   * @param {{id?: string | undefined, quiet?: boolean}} [options]
   */
  async give(name, data, { id = "", quiet = false } = {}) {
    const mark = { name, id, position: Infinity, arrived: false, timer: /** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined) };
    const key = uuid();
    this.#underWay.set(key, mark);
    this.#invalidate();
    try {
      const answer = await this.#client.command(name, data, { key });
      mark.position = answer.position;
      // Shown as pending until the change is here; one that changes nothing on this screen has no change to wait for.
      if (answer.events.length === 0 || mark.arrived) this.#done(key);
      else mark.timer = setTimeout(() => this.#done(key), PATIENCE_MS);
      return answer;
    } catch (problem) {
      this.#done(key);
      if (quiet) throw problem;
      // Whoever is not known any more is asked to sign in, and that says enough.
      if (/** @type {{status?: number}} */ (problem).status !== 401) this.#tell(sentenceOf(problem));
      return null;
    }
  }

  /**
   * The same, one after the other for each id: what was typed first is to arrive first.
   *
   * @param {string} name
   * @param {object} data
   * @param {{id: string}} options
   */
  async giveInTurn(name, data, { id }) {
    const line = `${name} ${id}`;
    const before = this.#lines.get(line);
    const own = Promise.resolve(before).then(() => this.give(name, data, { id }));
    this.#lines.set(line, own);
    const answer = await own;
    if (this.#lines.get(line) === own) this.#lines.delete(line);
    return answer;
  }

  /** @param {import("../clients/js/types.js").Why} entry */
  #arrived(entry) {
    for (const [key, mark] of this.#underWay) {
      // A view that is only read does not say by whose command it changed, but how far it reaches.
      const read = entry.cause === "command" && (entry.version ?? 0) >= mark.position;
      if (!read && entry.command_id !== key) continue;
      mark.arrived = true;
      if (mark.timer !== undefined) this.#done(key);
    }
  }

  /** @param {string} key */
  #done(key) {
    clearTimeout(this.#underWay.get(key)?.timer);
    this.#underWay.delete(key);
    this.#invalidate();
  }
}

/**
 * What a problem document says to a person; the places it names come with it, if it has not said so already.
 *
 * @param {any} problem
 */
export function sentenceOf(problem) {
  const more = (problem.errors ?? []).filter((/** @type {{detail: string}} */ one) => !problem.detail?.includes(one.detail));
  const places = more.map((/** @type {{pointer: string, detail: string}} */ one) => `${one.pointer}: ${one.detail}`);
  return [problem.detail || problem.message || "The server gave no answer.", ...places].join(" ");
}
