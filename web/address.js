// Where one is stands in the address, so that reload, back and a copied link lead there: #/org_1/task_1/ses_1/changes

/** @import {Places} from "./types.js" */

export const PANES = ["chat", "changes", "files", "processes", "jobs"];

/** @type {Record<string, "organization" | "task" | "session" | "repository">} */
const KINDS = { org: "organization", task: "task", ses: "session", repo: "repository" };

/**
 * The places an address names; what cannot be understood is left out.
 *
 * @param {string} hash
 * @returns {Places}
 */
export function placesOf(hash) {
  /** @type {Places} */
  const places = {};
  for (const part of hash.replace(/^#\/?/, "").split("/")) {
    const kind = KINDS[part.split("_")[0] ?? ""];
    if (kind && /^[a-z]+_[a-z0-9_]{1,59}$/.test(part)) places[kind] = part;
    else if (PANES.includes(part)) places.pane = part;
  }
  return places;
}

/**
 * The address of some places, to be used as a link.
 *
 * @param {Places} options
 */
export function addressOf({ organization, task, session, repository, pane }) {
  const parts = [organization, repository, task, session, pane];
  return `#/${parts.filter(Boolean).join("/")}`;
}
