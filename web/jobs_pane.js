// The jobs of a task, newest first, each with its stages; and the sandboxes they work in.

/**
 * @import {Job, Task} from "./types.js"
 * @import {Workbench} from "./workbench.js"
 */

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { commandButton } from "./command_button.js";
import { timeOf } from "./provisioning.js";
import { empty } from "./states.js";
import { clock, jobKind, stageName } from "./words.js";

/** @param {{status: string}} job */
export const isOpen = (job) => ["queued", "running", "retrying"].includes(job.status);

/**
 * @param {Workbench} bench
 * @param {Task} task
 */
export function jobsPane(bench, task) {
  if (task.jobs.length === 0) return empty("No jobs yet", "What the system does for this task is listed here, stage by stage.");
  return [
    h("div", { class: "jobs", key: "jobs" }, [...task.jobs].sort((one, other) => began(other) - began(one)).map((job) => jobCard(bench, job))),
    h("dl", { class: "sandboxes", key: "sandboxes" }, task.sandboxes.map((sandbox) => [h("dt", null, `Sandbox · ${sandbox.provider} · ${sandbox.status}`), h("dd", null, `${sandbox.host}: ${sandbox.path}`)])),
  ];
}

/**
 * A job with its stages, its times, and what can be done about it.
 *
 * @param {Workbench} bench
 * @param {Job} job
 */
export function jobCard(bench, job) {
  if (job.stages.some((stage) => stage.status === "running")) bench.frame.again(500);
  return h(
    "section",
    { class: `job job-${job.status}`, key: job.id, "aria-label": jobKind(job.kind) },
    h(
      "header",
      { class: "job-head" },
      h("span", { class: `mark mark-${job.status}`, role: "img", "aria-label": job.status }),
      h("h3", null, [jobKind(job.kind), ...Object.values(job.details)].join(" · ")),
      h("span", { class: "quiet" }, Number.isFinite(began(job)) ? clock(began(job)) : "queued"),
      isOpen(job) && commandButton(bench, { name: "job.cancel", data: { job_id: job.id }, id: job.id, class: "plain" }, "Cancel"),
      (job.status === "failed" || job.status === "cancelled") && commandButton(bench, { name: "job.retry", data: { job_id: job.id }, id: job.id }, icon("retry"), "Retry"),
    ),
    h(
      "ol",
      { class: "job-stages" },
      job.stages.map((stage) =>
        h(
          "li",
          { key: stage.id, class: `stage-${stage.status}` },
          h("span", { class: `mark mark-${stage.status}`, role: "img", "aria-label": stage.status }),
          h("span", { class: "job-stage-name" }, stageName(stage.id), stage.attempt > 1 ? ` (attempt ${stage.attempt})` : ""),
          h("span", { class: "stage-time" }, timeOf(stage)),
          stage.message && h("p", { class: "job-message" }, stage.message),
        ),
      ),
    ),
  );
}

/**
 * When the first stage began; a job that has not begun stands on top.
 *
 * @param {Job} job
 */
function began(job) {
  return job.stages.find((stage) => stage.started_at !== null)?.started_at ?? Infinity;
}
