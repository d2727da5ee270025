// How a task gets its sandbox, stage by stage, as it happens. Whoever watched it happen keeps the strip, at its height,
// until they leave: nothing jumps when it is done.

/**
 * @import {Job, Stage, Task} from "./types.js"
 * @import {Workbench} from "./workbench.js"
 */

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { commandButton } from "./command_button.js";
import { briefStage, lasting, PROVISION_STAGES, stageName } from "./words.js";

/** What is shown until a worker has opened the job, which says what its stages are. */
const AWAITED = PROVISION_STAGES.map((id) => ({ id, status: "queued", attempt: 0, started_at: null, ended_at: null, message: null }));

/**
 * `watched`: the tasks whose provisioning was seen here.
 *
 * @param {Workbench} bench
 * @param {Task} task
 * @param {Set<string>} watched
 */
export function provisioning(bench, task, watched) {
  const job = task.jobs.find((one) => one.kind === "task_provision");
  if (job?.status !== "succeeded") watched.add(task.id);
  if (!watched.has(task.id)) return null;
  const stages = job?.stages.length ? job.stages : AWAITED;
  const failed = stages.find((stage) => stage.status === "failed" || stage.status === "retrying");
  const running = stages.find((stage) => stage.status === "running");
  if (running) bench.frame.again(250);
  return h(
    "section",
    { class: `provisioning provisioning-${job?.status ?? "queued"}`, key: "provisioning", "aria-label": "Getting ready" },
    h(
      "ol",
      { class: "stages" },
      stages.map((stage) =>
        h(
          "li",
          { key: stage.id, class: `stage stage-${stage.status}`, title: [stageName(stage.id), stage.message].filter(Boolean).join(": ") },
          h("span", { class: `mark mark-${stage.status}`, role: "img", "aria-label": stage.status }),
          h("span", { class: "stage-name" }, briefStage(stage.id)),
          h("span", { class: "stage-time" }, timeOf(stage)),
        ),
      ),
    ),
    h("div", { class: "provisioning-line" }, line(bench, task, job, stages, failed, running)),
  );
}

/**
 * @param {Workbench} bench
 * @param {Task} task
 * @param {Job | undefined} job
 * @param {Stage[]} stages
 * @param {Stage | undefined} failed
 * @param {Stage | undefined} running
 */
function line(bench, task, job, stages, failed, running) {
  const told = task.issues.some((issue) => issue.resolved_at === null && issue.retry_job_id === job?.id);
  if (failed && told) return h("span", { class: "bad" }, icon("warning"), `Failed: ${stageName(failed.id).toLowerCase()}`);
  if (failed && job) {
    return [
      h("span", { class: "bad" }, icon("warning"), `${stageName(failed.id)}: ${failed.message ?? "failed"}`),
      job.status === "failed" && commandButton(bench, { name: "job.retry", data: { job_id: job.id }, id: job.id }, icon("retry"), "Retry"),
      job.status !== "failed" && h("span", { class: "quiet" }, `Attempt ${failed.attempt}; it is tried again.`),
    ];
  }
  if (job?.status === "cancelled") {
    return [
      h("span", null, "Cancelled."),
      commandButton(bench, { name: "job.retry", data: { job_id: job.id }, id: job.id }, icon("retry"), "Take it up again"),
    ];
  }
  if (job?.status === "succeeded") {
    const took = (stages.at(-1)?.ended_at ?? 0) - (stages[0]?.started_at ?? 0);
    return h("span", { class: "quiet" }, `Ready in ${lasting(took)}`);
  }
  if (running) return h("span", { class: "quiet" }, `${stageName(running.id)} …`);
  return h("span", { class: "quiet" }, task.status === "queued" || !job ? "Waits for a worker" : "Getting ready");
}

/** @param {Stage} stage */
export function timeOf(stage) {
  if (stage.started_at === null) return "";
  const end = stage.ended_at ?? (stage.status === "running" ? Date.now() : stage.started_at);
  return lasting(end - stage.started_at);
}
