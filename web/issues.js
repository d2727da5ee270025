// What went wrong while a task runs: what it was, where, and the way on.

/**
 * @import {Issue, Task} from "./types.js"
 * @import {Workbench} from "./workbench.js"
 */

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { commandButton } from "./command_button.js";
import { clock, stageName } from "./words.js";

/**
 * The open issues of a task, as cards.
 *
 * @param {Workbench} bench
 * @param {Task} task
 */
export function issueList(bench, task) {
  const open = task.issues.filter((issue) => issue.resolved_at === null);
  return open.length > 0 && h("div", { class: "issues", key: "issues", role: "alert" }, open.map((issue) => card(bench, task, issue)));
}

/**
 * @param {Workbench} bench
 * @param {Task} task
 * @param {Issue} issue
 */
function card(bench, task, issue) {
  const job = task.jobs.find((one) => one.id === issue.retry_job_id);
  // Whose job has been taken up again already needs no second push.
  const { retry_job_id: retry } = issue;
  const retriable = retry !== null && (job === undefined || job.status === "failed" || job.status === "cancelled");
  return h(
    "section",
    { class: "issue", key: issue.id },
    icon("warning"),
    h(
      "div",
      { class: "issue-text" },
      h("p", { class: "issue-message" }, issue.message),
      h("p", { class: "quiet" }, [issue.stage && stageName(issue.stage), issue.code, clock(issue.at)].filter(Boolean).join(" · ")),
    ),
    h(
      "div",
      { class: "issue-actions" },
      retriable && commandButton(bench, { name: "job.retry", data: { job_id: retry }, id: retry }, icon("retry"), "Retry"),
      commandButton(bench, { name: "issue.resolve", data: { task_id: task.id, issue_id: issue.id }, id: issue.id, class: "plain" }, "Resolve"),
    ),
  );
}
