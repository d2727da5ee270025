// An organization with many tasks, on a server without workers.

import { randomUUID } from "node:crypto";

const TOGETHER = 1000;

/** Make `org_many` with one repository and so many tasks, `Task #0` the newest; the tasks' ids, newest first. */
export async function makeTasks(server, number) {
  await server.submit("organization.create", { organization_id: "org_many", name: "Many" });
  await server.submit("repository.add", { organization_id: "org_many", repository_id: "repo_many", remote_url: "https://git.example/many" });
  const ids = Array.from({ length: number }, (_, at) => `task_${String(number - 1 - at).padStart(5, "0")}`);
  const newestLast = ids.toReversed().map((task_id, at) => ({ name: "task.create", command_id: randomUUID(), data: { task_id, repository_id: "repo_many", prompt: "true", title: `Task #${number - 1 - at}` } }));
  for (let from = 0; from < number; from += TOGETHER) await server.submitAll(newestLast.slice(from, from + TOGETHER));
  return ids;
}
