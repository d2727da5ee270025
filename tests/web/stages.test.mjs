// The strip of a provisioning shows the stages its job has, whatever the page knows about them.

import assert from "node:assert/strict";
import test from "node:test";

import { provisioning } from "../../web/provisioning.js";

const AWAITED = ["Branch", "Sandbox", "Checkout", "Agent", "Start", "Session"];
const stage = (id, status) => ({ id, status, attempt: 1, started_at: 1000, ended_at: null, message: null });
const job = (stages) => ({ id: "job_1", kind: "task_provision", status: "running", stage: null, stages });

/** What the strip of a task with these jobs says in each place. */
function shown(jobs) {
  const bench = { frame: { again() {} }, commands: { pending: () => false } };
  const strip = provisioning(bench, { id: "task_1", status: "provisioning", issues: [], jobs }, new Set());
  const [list] = strip.children;
  return list.children.map((one) => [text(one.children[1]), one.properties.class]);
}

const text = ({ text: own, children }) => own + children.map(text).join("");

test("before a worker took the job its stages are those the page knows", () => {
  for (const jobs of [[], [job([])]]) assert.deepEqual(shown(jobs), AWAITED.map((name) => [name, "stage stage-queued"]));
});

test("a stage the page has no word for stands in its place, under its own name", () => {
  const stages = [stage("name_ensured", "succeeded"), stage("dependencies_installed", "running"), stage("session_created", "queued")];

  assert.deepEqual(shown([job(stages)]), [
    ["Branch", "stage stage-succeeded"],
    ["Dependencies installed", "stage stage-running"],
    ["Session", "stage stage-queued"],
  ]);
});
