// What is lost with sessions that end now, so that whoever ends them is asked first.

/**
 * @import {Session} from "./types.js"
 * @import {Workbench} from "./workbench.js"
 */

import { count } from "./words.js";

/**
 * In sentences; "" where nothing is lost.
 *
 * @param {Workbench} bench
 * @param {Session[]} sessions
 */
export function lossesOf(bench, sessions) {
  const open = sessions.filter((one) => one.status !== "closed");
  const lost = open.flatMap(({ id, name, status, queue }) => [
    bench.task.composer.isWritten(id) && `What you wrote in ${name} is not sent.`,
    queue.length > 0 && `${count(queue.length, "message")} in ${name} ${queue.length === 1 ? "waits" : "wait"} and will not be delivered.`,
    status === "running" && `${name} is at work and will be stopped.`,
  ]);
  return lost.filter(Boolean).join(" ");
}
