// Which topics this page holds: those of what is on the screen, and no others.

/**
 * @import {DataOf, Places, Seen} from "./types.js"
 * @import {Foundry} from "../clients/js/foundry.js"
 */

/** Keeps one subscription for each wanted topic; the client lets go of the others after its grace. */
export class Views {
  #client;
  #changed;
  /** @type {Map<string, import("../clients/js/foundry.js").Subscription>} */
  #held = new Map();

  /**
   * @param {Foundry} client
   * @param {() => void} changed
   */
  constructor(client, changed) {
    this.#client = client;
    this.#changed = changed;
  }

  /**
   * From now on exactly these.
   *
   * @param {Set<string>} topics
   */
  want(topics) {
    for (const [topic, subscription] of this.#held) {
      if (topics.has(topic)) continue;
      subscription.close();
      this.#held.delete(topic);
    }
    for (const topic of topics) {
      if (!this.#held.has(topic)) this.#held.set(topic, this.#client.subscribe(topic, this.#changed));
    }
  }

  /** Whether something on the screen may be old though the stream is there: a change was missed and is asked for again. */
  get behind() {
    return [...this.#held.values()].some((one) => one.state === "stale");
  }

  /**
   * What is known of a topic: `{data, state}`; `data` is null while nothing has come.
   *
   * @template {string} T
   * @param {T} topic
   * @returns {Seen<DataOf<T>>}
   */
  of(topic) {
    const subscription = this.#held.get(topic);
    return { data: /** @type {DataOf<T> | null} */ (subscription?.view?.data ?? null), state: subscription?.state ?? "loading" };
  }
}

/**
 * The topics of what is on the screen: among it, how many tasks wait for an answer in the `others` of one's organizations.
 *
 * @param {Places & {wide: boolean, others: string[]}} options
 */
export function topicsOf({ organization, others, task, session, repository, pane, wide }) {
  const topics = new Set(["app", ...others.map((id) => `workspace/${id}`)]);
  if (organization) topics.add(`workspace/${organization}`);
  if (repository) topics.add(`repository/${repository}`);
  if (!task) return topics;
  topics.add(`task/${task}`);
  if (session && (wide || pane === "chat")) topics.add(`transcript/${session}`);
  if (pane === "processes") topics.add(`processes/${task}`);
  if (pane === "changes" || pane === "files") topics.add(`files/${task}`);
  return topics;
}

/**
 * `?live=bootstrap-only` for all views, or `?live=workspace:bootstrap-only,task:on` for some.
 *
 * @param {string} search
 * @returns {import("../clients/js/types.js").LiveOption}
 */
export function liveOf(search) {
  const asked = new URLSearchParams(search).getAll("live").flatMap((one) => one.split(","));
  /** @type {Record<string, import("../clients/js/types.js").Live>} */
  const modes = {};
  for (const one of asked) {
    const [view, mode] = /** @type {(string | null)[]} */ (one.includes(":") ? one.split(":") : [null, one]);
    if (mode !== "on" && mode !== "bootstrap-only") continue;
    if (!view) return mode;
    modes[view] = mode;
  }
  return Object.keys(modes).length ? modes : "on";
}
