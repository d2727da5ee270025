// The transcript of one session: follows what is said, pages back when one scrolls up.

/**
 * @import {Session, Task, TranscriptView} from "./types.js"
 * @import {Workbench} from "./workbench.js"
 */

import { h } from "./dom.js";
import { sentenceOf } from "./commands.js";
import { Entry } from "./entry.js";
import { empty, missing } from "./states.js";
import { Transcript } from "./transcript.js";
import { TranscriptScroll } from "./transcript_scroll.js";
import { count } from "./words.js";

const PAGE = 400;
/** Who reads further up keeps their place while so many entries come at once; for more, all begins anew at the end. */
const MOST_MISSING = 5000;
/** So many sessions that one left while reading further up are known as they were. */
const MOST_LEFT = 10;

export class TranscriptPane {
  #bench;
  #session = "";
  /** @type {import("./types.js").Entry[] | null} */
  #window = null;
  #transcript = new Transcript();
  /** @type {Set<string>} the details that are open, by their blocks: rows leave the document when they are out of sight */
  #opened = new Set();
  /** @type {Map<string, {transcript: Transcript, opened: Set<string>, place: {key: string, offset: number}}>} */
  #left = new Map();
  #scroll;
  /** @type {{status: "more" | "reading" | "failed", error: string | null}} */
  #older = { status: "more", error: null };
  #isCatchingUp = false;

  /** @param {Workbench} bench */
  constructor(bench) {
    this.#bench = bench;
    this.#scroll = new TranscriptScroll({ invalidate: bench.invalidate, wantOlder: () => this.#readOlder() });
  }

  /**
   * @param {Task} task
   * @param {Session} session
   */
  show(task, session) {
    if (session.id !== this.#session) this.#open(session.id);
    const view = this.#bench.views.of(`transcript/${session.id}`);
    if (view.data && view.data.entries !== this.#window) {
      this.#window = view.data.entries;
      const missing = this.#transcript.missingBefore(view.data.entries);
      if (missing > 0 && missing <= MOST_MISSING && !this.#scroll.following) void this.#catchUp(view.data.entries);
      else this.#transcript.follow(view.data.entries);
    }
    if (!view.data) return missing(view.state, "the transcript");
    if (view.data.last_index === 0) return nothingSaid(task, session);
    return this.#list(session, view.data);
  }

  /** After painting: true if it has to be painted once more. */
  settle() {
    return this.#scroll.settle();
  }

  toEnd() {
    this.#scroll.toEnd();
  }

  /** @param {number} direction */
  page(direction) {
    this.#scroll.page(direction);
  }

  /** @param {string} id */
  #open(id) {
    this.#leave();
    const left = this.#left.get(id);
    this.#left.delete(id);
    this.#session = id;
    this.#window = null;
    this.#transcript = left?.transcript ?? new Transcript();
    this.#opened = left?.opened ?? new Set();
    this.#older = { status: "more", error: null };
    this.#scroll.reset(left?.place ?? null);
  }

  #leave() {
    const { place } = this.#scroll;
    if (!place) return;
    this.#left.set(this.#session, { transcript: this.#transcript, opened: this.#opened, place });
    for (const id of [...this.#left.keys()].slice(0, -MOST_LEFT)) this.#left.delete(id);
  }

  /**
   * @param {string} key
   * @param {boolean} open
   */
  #toggled = (key, open) => {
    if (open === this.#opened.has(key)) return;
    if (open) this.#opened.add(key);
    else this.#opened.delete(key);
    this.#bench.invalidate();
  };

  /**
   * @param {Session} session
   * @param {TranscriptView} data
   */
  #list(session, data) {
    const { blocks } = this.#transcript;
    const plan = this.#scroll.plan(this.#transcript);
    const mono = session.agent === "shell";
    const turn = session.status === "running" ? blocks.findLastIndex((block) => block.kind === "user") : Infinity;
    return h(
      "div",
      { class: "transcript", key: session.id },
      h(
        "div",
        { class: "transcript-scroll", ref: this.#scroll.attach, tabindex: 0, role: "log", "aria-live": "off", "aria-label": "Transcript" },
        this.#beginning(data),
        h("div", { class: "room", key: "above", style: { height: `${plan.above}px` } }),
        blocks.slice(plan.start, plan.end).map((block, at) => h(Entry, { key: `b${block.key}`, block, mono, live: plan.start + at > turn, open: this.#opened.has(block.key), toggled: this.#toggled })),
        h("div", { class: "room", key: "below", style: { height: `${plan.below}px` } }),
      ),
      !this.#scroll.following &&
        h("button", { class: "to-end", onclick: () => this.toEnd() }, "Newest ↓"),
    );
  }

  /** @param {TranscriptView} data */
  #beginning(data) {
    const left = this.#transcript.first - data.first_index;
    if (this.#older.error) {
      return h(
        "p",
        { class: "beginning", key: "beginning" },
        `${this.#older.error} `,
        h("button", { class: "link", onclick: () => this.#readOlder() }, "Try again"),
      );
    }
    return h("p", { class: "beginning", key: "beginning" }, left > 0 ? count(left, "earlier entry", "earlier entries") : "The beginning");
  }

  /**
   * More came at once than the view holds, while one reads further up: what is missing is read, so that nothing moves.
   *
   * @param {import("./types.js").Entry[]} window
   */
  async #catchUp(window) {
    if (this.#isCatchingUp) return;
    this.#isCatchingUp = true;
    const [transcript, session] = [this.#transcript, this.#session];
    try {
      let run = window;
      while (transcript.missingBefore(run) > 0) run = [...(await this.#pageBefore(session, run[0].index)), ...run];
      if (transcript === this.#transcript) transcript.follow(run);
    } catch {
      if (transcript === this.#transcript) transcript.follow(window);
    }
    this.#isCatchingUp = false;
    // By now more may have come.
    this.#window = null;
    this.#bench.invalidate();
  }

  /**
   * @param {string} session
   * @param {number} index
   * @returns {Promise<import("./types.js").Entry[]>}
   */
  async #pageBefore(session, index) {
    const page = await this.#bench.read(`/v1/views/transcript/${session}?before=${index}&limit=${PAGE}`);
    const { entries } = (await page.json()).data;
    if (entries.at(-1)?.index !== index - 1) throw new Error("These entries are not there any more.");
    return entries;
  }

  async #readOlder() {
    const transcript = this.#transcript;
    const data = this.#bench.views.of(`transcript/${this.#session}`).data;
    if (this.#older.status === "reading" || !data || transcript.first <= data.first_index) return;
    this.#older = { status: "reading", error: null };
    try {
      const entries = await this.#pageBefore(this.#session, transcript.first);
      // Another session, or one that began anew meanwhile, does not want it any more.
      if (transcript === this.#transcript) transcript.precede(entries);
      this.#older = { status: "more", error: null };
    } catch (error) {
      this.#older = { status: "failed", error: sentenceOf(error) };
    }
    this.#bench.invalidate();
  }
}

/**
 * @param {Task} task
 * @param {Session} session
 */
function nothingSaid(task, session) {
  if (session.queue.length === 0) return empty("Nothing has been said yet", "Write below what is to be done.");
  if (task.status === "error") return empty("Your message waits", "It is handed over once what failed has been tried again.");
  return empty("Soon", "The first message is handed over when the session is ready.");
}
