// The places in files that a message points at, as a list.

/**
 * @import {Child} from "./dom.js"
 * @import {Attachment} from "./types.js"
 */

import { h } from "./dom.js";
import { icon } from "./icons.js";

/** @type {Attachment[]} one and the same, so that none is always equal to none */
export const NONE = [];

/**
 * `src/a.py:3`, or the path alone.
 *
 * @param {Attachment} attachment
 */
export function placeOf({ path, line }) {
  return typeof line === "number" ? `${path}:${line}` : path;
}

/**
 * @param {Attachment[]} attachments
 * @param {(attachment: Attachment) => Child} [button] what can be done with each
 */
export function attachmentList(attachments, button = () => null) {
  if (attachments.length === 0) return null;
  return h(
    "ul",
    { class: "attachments", key: "attachments", "aria-label": "Attachments" },
    attachments.map((one, at) => h("li", { key: `${at} ${one.id}` }, icon("file"), h("span", { class: "place" }, placeOf(one)), button(one))),
  );
}
