// One block of a transcript. Everything an agent or a tool says becomes text nodes; what is not of the shape that its
// protocol wants is shown as the text it came as.

/**
 * @import {Child} from "./dom.js"
 * @import {Block} from "./types.js"
 */

import { pieces } from "./ansi.js";
import { attachmentList, placeOf } from "./attachments.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { clock, lasting, size } from "./words.js";

/**
 * How a block is shown: `mono` in a terminal's letters; `live` while its turn goes on; whether its details are `open`, and
 * who is told when they are.
 *
 * @typedef {{mono: boolean, live: boolean, open: boolean, toggled: (key: string, open: boolean) => void}} Manner
 */

/**
 * A part of its own: a block that did not change is not described again.
 *
 * @param {{block: Block} & Manner} options
 */
export function Entry({ block, ...manner }) {
  const { mono } = manner;
  const classes = ["entry", `entry-${block.kind}`, block.continued && "continued", mono && "mono"];
  return h(
    "article",
    { class: classes.filter(Boolean).join(" "), "data-block": block.key, "aria-label": LABELS[block.kind] ?? block.sender },
    shown(block, manner),
    block.blob && h("a", { class: "blob", href: `/v1/blobs/${block.blob.id}`, target: "_blank", rel: "noopener" }, `Open the whole text (${size(block.blob.size)})`),
  );
}

/**
 * One that cannot be shown leaves the others on the screen.
 *
 * @param {Block} block
 * @param {Manner} manner
 */
function shown(block, manner) {
  try {
    return (SHOWN[block.kind] ?? other)(block, manner);
  } catch (error) {
    console.error(error);
    return h("p", { class: "note" }, icon("info"), h("span", null, text(`This cannot be shown: ${block.word}`)));
  }
}

/** @type {Record<string, string>} */
const LABELS = { user: "Person", agent: "Agent", thought: "Thought", tool: "Tool", output: "Output", complaint: "Error output", system: "System", plan: "Plan" };

/** @type {Record<string, (block: Block, manner: Manner) => Child>} */
const SHOWN = {
  user: (block, manner) => [
    h("div", { class: "message" }, block.text && h("div", { class: "said" }, text(block.text)), attachmentList(block.attachments), attached(block, manner)),
    h("time", { class: "at", title: new Date(block.at).toLocaleString() }, clock(block.at)),
  ],
  agent: (block, { mono }) => h("div", { class: "said" }, mono ? text(block.text) : prose(block.text)),
  thought: (block) => h("div", { class: "said" }, text(block.text)),
  output: (block) => h("pre", { class: "said" }, text(block.text)),
  complaint: (block) => h("pre", { class: "said" }, text(block.text)),
  system: (block) => h("p", { class: "note" }, icon("info"), h("span", null, text(block.text || systemWords(block)))),
  tool,
  plan: (block) =>
    h(
      "ol",
      { class: "plan" },
      list(block.payload.entries).map((one) =>
        h("li", { class: `plan-${asText(one?.status)}` }, h("span", { class: "mark", role: "img", "aria-label": asText(one?.status) }), h("span", null, text(asText(one?.content ?? one)))),
      ),
    ),
};

/**
 * What stands at the places a message points at, as far as it was sent along.
 *
 * @param {Block} block
 * @param {Manner} manner
 */
function attached(block, manner) {
  const parts = block.attachments.filter((one) => one.text).map((one) => `${placeOf(one)}\n${one.text}`);
  return parts.length > 0 && unfolded(block, manner, h("span", { class: "tool-title" }, "Attached text"), shortened(parts));
}

const WORK = new Map([["in_progress", "running"], ["pending", "queued"], ["completed", "succeeded"], ["failed", "failed"]]);
const ENDED = new Set(["completed", "failed"]);

/**
 * @param {Block} block
 * @param {Manner} manner
 */
function tool(block, manner) {
  const call = block.payload;
  // Of work that was cut short nobody tells the end: it ended with its turn.
  const status = WORK.has(call.status) && !ENDED.has(call.status) && !manner.live ? "cancelled" : (WORK.get(call.status) ?? "queued");
  const took = block.until > block.at ? lasting(block.until - block.at) : "";
  const details = detailsOf(call);
  const head = [
    h("span", { class: `mark mark-${status}`, role: "img", "aria-label": status }),
    h("span", { class: "tool-title" }, text(asText(call.title ?? call.toolCallId ?? "Tool"))),
    exitCode(call) !== null && h("span", { class: "tool-exit" }, `exit ${exitCode(call)}`),
    h("span", { class: "tool-took" }, status === "running" ? "" : took),
  ];
  if (!details) return h("div", { class: "tool" }, head);
  return unfolded(block, manner, head, details);
}

/**
 * @param {any} call
 * @returns {number | null}
 */
function exitCode(call) {
  const code = call.rawOutput?.exit_code;
  return typeof code === "number" && code !== 0 ? code : null;
}

const LONGEST = 20_000;

/** @param {any} call */
function detailsOf(call) {
  const parts = [];
  if (call.rawInput !== undefined && call.rawInput !== null) parts.push(asText(call.rawInput));
  for (const one of list(call.content)) {
    if (one?.type === "diff") parts.push(`${asText(one.path)}\n${asText(one.newText)}`);
    else if (typeof one?.content?.text === "string") parts.push(one.content.text);
    else parts.push(asText(one));
  }
  if (call.rawOutput !== undefined && call.rawOutput !== null && exitCode(call) === null && Object.keys(Object(call.rawOutput)).some((key) => key !== "exit_code")) {
    parts.push(asText(call.rawOutput));
  }
  return shortened(parts);
}

/** @param {string[]} parts */
function shortened(parts) {
  const whole = parts.join("\n\n");
  return whole.length > LONGEST ? `${whole.slice(0, LONGEST)}\n… ${size(whole.length - LONGEST)} more` : whole;
}

/**
 * @param {Block} block
 * @param {Manner} manner
 */
function other(block, manner) {
  const details = block.text || asText(block.payload);
  return unfolded(block, manner, h("span", { class: "tool-title" }, block.word), details.slice(0, LONGEST));
}

/**
 * @param {Block} block
 * @param {Manner} manner
 * @param {Child} head
 * @param {string} details
 */
function unfolded(block, { open, toggled }, head, details) {
  return h("details", { class: "tool", open, ontoggle: (event) => toggled(block.key, event.target.open) }, h("summary", null, head), h("pre", { class: "tool-details" }, text(details)));
}

/** @param {Block} block */
function systemWords(block) {
  if (block.word === "permission_request") return `The agent asked: ${asText(block.payload?.title)}`;
  return asText(block.payload) || block.word;
}

/**
 * Text with fenced code set apart; nothing else of Markdown is read, so that nothing is lost.
 *
 * @param {string} whole
 */
function prose(whole) {
  const parts = whole.split(/^(```[^\n]*\n[\s\S]*?^```[^\S\n]*$)/m);
  return parts.filter(Boolean).map((part) => {
    const fence = /^```([^\n]*)\n([\s\S]*?)\n?^```[^\S\n]*$/m.exec(part);
    if (!fence || !part.startsWith("```")) return h("div", { class: "prose" }, text(part.replace(/^\n+|\n+$/g, "")));
    return h("pre", { class: "code" }, text(fence[2]));
  });
}

/**
 * Text as it is, coloured where it says so.
 *
 * @param {string} whole
 */
export function text(whole) {
  return pieces(whole).map(({ text: piece, style }) => (style ? h("span", { class: style }, piece) : piece));
}

/**
 * What came where a text should be.
 *
 * @param {unknown} value
 */
function asText(value) {
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

/**
 * @param {any} value
 * @returns {any[]}
 */
function list(value) {
  return Array.isArray(value) ? value : [];
}
