// A transcript as blocks to be shown: what an agent says in many chunks is one message, a tool's call and its updates
// are one line of work. Entries only ever come at either end, so blocks that stand are never made again.

/** @import {Block, Entry} from "./types.js" */

import { NONE } from "./attachments.js";

/** So much text in one block at most, so that each is cheap to lay out; the next one continues it. */
const BLOCK_CHARACTERS = 6000;

/** The entries known of one session: one unbroken run that ends with the newest. */
export class Transcript {
  constructor() {
    /** @type {Entry[]} */
    this.entries = [];
    /** @type {Block[]} */
    this.blocks = [];
    /** Grows with every change, so that whoever measured the blocks knows. */
    this.revision = 0;
  }

  get first() {
    return this.entries.length ? this.entries[0].index : 0;
  }

  get last() {
    return this.entries.length ? this.entries[this.entries.length - 1].index : 0;
  }

  /**
   * How many entries are missing between what is known and the newest.
   *
   * @param {Entry[]} window
   */
  missingBefore(window) {
    return this.entries.length && window.length ? Math.max(0, window[0].index - this.last - 1) : 0;
  }

  /**
   * Take in the newest entries as the view shows them. Older ones that were paged in stay.
   *
   * @param {Entry[]} window
   */
  follow(window) {
    if (window.length === 0) return;
    const [first, last] = [window[0].index, window[window.length - 1].index];
    // A hole (a long time away) or a log that was cut: what is shown must stay one run, so it begins anew.
    const broken = this.entries.length > 0 && (first > this.last + 1 || last < this.last || this.#differs(window));
    if (broken) this.#clear();
    const fresh = this.entries.length ? window.slice(Math.max(0, this.last + 1 - first)) : window;
    if (fresh.length === 0) return;
    for (const entry of fresh) {
      this.entries.push(entry);
      addTo(this.blocks, entry);
    }
    this.revision += 1;
  }

  /**
   * Put an older page in front; what does not end right before the first entry is not taken.
   *
   * @param {Entry[]} page
   */
  precede(page) {
    const older = page.filter((entry) => entry.index < this.first);
    if (older.length === 0 || older[older.length - 1].index !== this.first - 1) return false;
    /** @type {Block[]} */
    const blocks = [];
    for (const entry of older) addTo(blocks, entry);
    const [above, below] = [blocks[blocks.length - 1], this.blocks[0]];
    if (above && below && above.kind === below.kind && TEXTS.has(below.kind)) this.blocks[0] = { ...below, continued: true };
    this.entries = older.concat(this.entries);
    this.blocks = blocks.concat(this.blocks);
    this.revision += 1;
    return true;
  }

  /** @param {Entry[]} window */
  #differs(window) {
    const overlap = window.find((entry) => entry.index <= this.last && entry.index >= this.first);
    if (!overlap) return false;
    const known = this.entries[overlap.index - this.first];
    return known.at !== overlap.at || known.kind !== overlap.kind;
  }

  #clear() {
    this.entries = [];
    this.blocks = [];
  }
}

/**
 * Add an entry to the last block if it continues it, else as a block of its own. Blocks are replaced, never changed.
 *
 * @param {Block[]} blocks
 * @param {Entry} entry
 */
function addTo(blocks, entry) {
  const last = blocks[blocks.length - 1];
  const kind = kindOf(entry);
  if (kind === "not shown") return;
  if (last && continues(last, kind, entry)) {
    blocks[blocks.length - 1] = { ...last, text: last.text + entry.text, until: entry.at };
    return;
  }
  if (kind === "tool_update") {
    const call = findCall(blocks, entry.payload.toolCallId);
    if (call >= 0) {
      blocks[call] = { ...blocks[call], payload: merged(blocks[call].payload, entry.payload), until: entry.at };
      return;
    }
  }
  const continued = last !== undefined && last.kind === kind && TEXTS.has(kind) && entry.text !== undefined;
  blocks.push({
    key: entry.id,
    kind: kind === "tool_update" ? "tool" : kind,
    continued,
    at: entry.at,
    until: entry.at,
    sender: entry.sender,
    word: entry.kind,
    text: entry.text ?? "",
    payload: entry.payload,
    blob: entry.blob,
    attachments: entry.attachments ?? NONE,
  });
}

const TEXTS = new Set(["agent", "thought", "output", "complaint"]);

/**
 * @param {Block} last
 * @param {string} kind
 * @param {Entry} entry
 */
function continues(last, kind, entry) {
  if (last.kind !== kind || !TEXTS.has(kind) || entry.text === undefined || last.blob) return false;
  // A block ends with a line where it can, so that no line is torn in two on the screen.
  const room = last.text.endsWith("\n") ? BLOCK_CHARACTERS : 4 * BLOCK_CHARACTERS;
  return last.text.length + entry.text.length <= room;
}

/** @param {Entry} entry */
function kindOf(entry) {
  if (entry.sender === "user") return "user";
  if (entry.sender === "system") return "system";
  switch (entry.kind) {
    case "agent_message_chunk":
      return "agent";
    case "agent_thought_chunk":
      return "thought";
    case "stdout":
      return "output";
    case "stderr":
      return "complaint";
    case "tool_call":
      return entry.payload ? "tool" : "other";
    case "tool_call_update":
      return entry.payload ? "tool_update" : "other";
    case "request_permission":
      // The system's own entry says what was asked, in words.
      return "not shown";
    case "available_commands_update":
    case "config_option_update":
    case "session_info_update":
    case "usage_update":
      // What an agent tells programs about itself, also in the middle of a sentence.
      return "not shown";
    case "plan":
      return entry.payload ? "plan" : "other";
    default:
      return "other";
  }
}

/** A call's update is near: what is further back than this stands as a line of its own. */
const LOOK_BACK = 40;

/**
 * @param {Block[]} blocks
 * @param {string} id
 */
function findCall(blocks, id) {
  for (let at = blocks.length - 1; at >= Math.max(0, blocks.length - LOOK_BACK); at -= 1) {
    if (blocks[at].kind === "tool" && blocks[at].payload.toolCallId === id) return at;
  }
  return -1;
}

/**
 * @param {any} call
 * @param {any} update
 */
function merged(call, update) {
  const known = Object.entries(update).filter(([, value]) => value !== null && value !== undefined);
  return { ...call, ...Object.fromEntries(known) };
}
