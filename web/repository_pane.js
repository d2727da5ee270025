// One repository: its branches as last seen, what is going on with it, and what can be done.

/**
 * @import {Repository} from "./types.js"
 * @import {Workbench} from "./workbench.js"
 */

import { addressOf } from "./address.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { isOpen, jobCard } from "./jobs_pane.js";
import { commandButton } from "./command_button.js";
import { empty, missing } from "./states.js";
import { ago, count } from "./words.js";

const MOST_BRANCHES = 300;

/** @param {Workbench} bench */
export function repositoryPane(bench) {
  const id = bench.places.repository ?? "";
  const view = bench.views.of(`repository/${id}`);
  const data = view.data;
  return h(
    "main",
    { class: "repository", key: id },
    h(
      "header",
      { class: "task-head" },
      h("a", { class: "plain back", href: addressOf({ organization: bench.places.organization }), "aria-label": "Back to the list" }, icon("back")),
      h("div", { class: "task-name" }, h("h1", null, data?.name ?? " "), h("p", { class: "task-facts" }, h("span", { class: "quiet" }, data?.remote_url ?? " "))),
      data && actions(bench, data),
    ),
    h("div", { class: "page-body" }, data ? [branches(bench, data), jobs(bench, data)] : missing(view.state, "the repository", 6)),
  );
}

/**
 * @param {Workbench} bench
 * @param {Repository} repository
 */
function actions(bench, repository) {
  const busy = repository.jobs.some(isOpen);
  return h(
    "div",
    { class: "task-actions" },
    commandButton(bench, { name: "repository.refresh", data: { repository_id: repository.id }, id: repository.id, busy }, icon("retry"), "Refresh"),
    h("button", { class: "primary", onclick: () => bench.dialogs.open("task", { repository_id: repository.id }) }, icon("plus"), "New task"),
    bench.menu.show({
      name: "repository",
      side: "right",
      title: "Repository",
      label: icon("more"),
      items: [
        { label: "Restack all branches", act: () => bench.commands.give("repository.act", { repository_id: repository.id, action: "restack_repo" }, { id: repository.id }) },
        { label: "Remove …", danger: true, act: () => bench.dialogs.open("remove_repository", { repository }) },
      ],
    }),
  );
}

/**
 * @param {Workbench} bench
 * @param {Repository} repository
 */
function branches(bench, repository) {
  const state = repository.branches_status === "error" ? "The last look at the remote failed." : repository.branches_at === null ? "Not looked at yet." : `Seen ${ago(repository.branches_at) === "now" ? "just now" : `${ago(repository.branches_at)} ago`}.`;
  const omitted = repository.branches.length - MOST_BRANCHES;
  return h(
    "section",
    { class: "branches", key: "branches" },
    h("h2", null, count(repository.branches.length, "branch", "branches"), h("span", { class: "quiet" }, state)),
    repository.branches.length === 0 && empty("No branches known", "They are read from the remote; Refresh looks again."),
    h(
      "ul",
      { class: "branch-list" },
      repository.branches.slice(0, MOST_BRANCHES).map((branch) =>
        h(
          "li",
          { key: branch.id },
          icon("branch"),
          h("span", { class: "name" }, branch.id),
          branch.id === repository.default_branch && h("span", { class: "badge" }, "default"),
          branch.parent && h("span", { class: "quiet" }, `on ${branch.parent}`),
          branch.conflicts && h("span", { class: "bad" }, "conflicts"),
          (branch.ahead > 0 || branch.behind > 0) && h("span", { class: "quiet" }, `${branch.ahead} ahead, ${branch.behind} behind`),
          branch.task_id && h("a", { href: addressOf({ organization: bench.places.organization, task: branch.task_id }) }, "its task"),
          h("code", { class: "sha" }, branch.sha.slice(0, 8)),
        ),
      ),
    ),
    omitted > 0 && h("p", { class: "quiet" }, `${omitted.toLocaleString("en")} more ${omitted === 1 ? "is" : "are"} not listed here.`),
  );
}

/**
 * @param {Workbench} bench
 * @param {Repository} repository
 */
function jobs(bench, repository) {
  return h("section", { key: "jobs" }, h("h2", null, "Jobs"), h("div", { class: "jobs" }, [...repository.jobs].reverse().map((job) => jobCard(bench, job))));
}
