// What stands in the sidebar: repositories with their tasks, filtered by what was typed. Pure.

/** @import {ListedRepository, ListedTask} from "./types.js" */

import { isOver } from "./task_life.js";

const REPOSITORY_HEIGHT = 36;
const TASK_HEIGHT = 54;

/**
 * @typedef {{kind: "repository", id: string, height: number, repository: ListedRepository, count: number}} RepositoryRow
 * @typedef {{kind: "task", id: string, height: number, task: ListedTask}} TaskRow
 * @typedef {RepositoryRow | TaskRow} Row
 */

/**
 * Rows from the workspace's lists. Tasks stand in the order in which they were made, newest first: a list that sorts
 * itself by activity would move under one's hand.
 *
 * @param {{repositories: ListedRepository[], tasks: ListedTask[], filter: string, showOver: boolean, current: string | null | undefined}} options
 */
export function rowsOf({ repositories, tasks, filter, showOver, current }) {
  const wanted = matcher(filter);
  /** @type {Map<string, ListedTask[]>} */
  const byRepository = new Map(repositories.map((repository) => [repository.id, []]));
  let hidden = 0;
  for (const task of tasks) {
    const over = isOver(task);
    if (over) hidden += 1;
    if (over && !showOver && !filter && task.id !== current) continue;
    byRepository.get(task.repository_id)?.push(task);
  }
  /** @type {Row[]} */
  const rows = [];
  for (const repository of repositories) {
    const own = (byRepository.get(repository.id) ?? []).filter((task) => wanted(task, repository));
    if (filter && own.length === 0 && !matches(repository.name, filter)) continue;
    rows.push({ kind: "repository", id: repository.id, height: REPOSITORY_HEIGHT, repository, count: own.length });
    own.sort((one, other) => other.created_at - one.created_at || (one.id < other.id ? 1 : -1));
    for (const task of own) rows.push({ kind: "task", id: task.id, height: TASK_HEIGHT, task });
  }
  return { rows, over: hidden };
}

/**
 * @param {string} filter
 * @returns {(task: ListedTask, repository: ListedRepository) => boolean}
 */
function matcher(filter) {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return () => true;
  return (task, repository) => {
    const text = `${task.title} ${task.branch ?? ""} ${task.status} ${task.status_message ?? ""} ${task.agent} ${repository.name} ${task.id}`.toLowerCase();
    return words.every((word) => text.includes(word));
  };
}

/**
 * @param {string} text
 * @param {string} filter
 */
function matches(text, filter) {
  return text.toLowerCase().includes(filter.trim().toLowerCase());
}
