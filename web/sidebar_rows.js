// The two kinds of rows of the list. Parts of their own: a row whose task did not change is not described again.

/** @import {ListedRepository, ListedTask} from "./types.js" */

import { addressOf } from "./address.js";
import { isAsking } from "./asking.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { ago, taskStatus } from "./words.js";

/** @param {{repository: ListedRepository, organization: string, count: number, current: boolean, open: (repository: ListedRepository) => void}} options */
export function RepositoryRow({ repository, organization, count, current, open }) {
  const failing = repository.branches_status === "error";
  return h(
    "li",
    { class: "row row-repository" },
    h(
      "a",
      { href: addressOf({ organization, repository: repository.id }), "aria-current": current ? "page" : null, title: repository.remote_url },
      h("span", { class: "repository-name" }, repository.name),
      failing && h("span", { class: "bad", role: "img", "aria-label": "The last look at the remote failed", title: "The last look at the remote failed" }, icon("warning")),
    ),
    h("span", { class: "row-count" }, String(count)),
    h("button", { class: "plain row-add", title: `New task in ${repository.name}`, "aria-label": `New task in ${repository.name}`, onclick: () => open(repository) }, icon("plus")),
  );
}

/**
 * `minute` changes with the clock, so that the age is told anew.
 *
 * @param {{task: ListedTask, organization: string, current: boolean, unread: boolean}} options
 */
export function TaskRow({ task, organization, current, unread }) {
  const { diff, pull_request: pull } = task;
  return h(
    "li",
    { class: `row row-task status-${task.status}${isAsking(task) ? " asks" : ""}` },
    h(
      "a",
      { href: addressOf({ organization, task: task.id }), "data-task": task.id, "aria-current": current ? "page" : null },
      h("span", { class: "dot", role: "img", "aria-label": taskStatus(task.status) }),
      h("span", { class: unread ? "title unread" : "title" }, task.title),
      unread && h("span", { class: "dot dot-unread", role: "img", "aria-label": "Unread" }),
      h(
        "span",
        { class: "facts" },
        h("span", { class: "status" }, task.status_message && task.status !== "idle" ? task.status_message : taskStatus(task.status)),
        task.issue_count > 0 && h("span", { class: "bad", role: "img", "aria-label": `${task.issue_count} to look at`, title: `${task.issue_count} to look at` }, icon("warning")),
        pull && h("span", { class: "pull", title: `Pull request ${pull.status}` }, icon("pull"), `#${pull.number}`),
        diff.files > 0 && h("span", { class: "counts" }, h("span", { class: "added" }, `+${diff.added}`), h("span", { class: "removed" }, `−${diff.removed}`)),
        h("time", null, ago(task.updated_at)),
      ),
    ),
  );
}
