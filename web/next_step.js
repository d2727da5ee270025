// In the place of a task, while none is chosen: what there is to do next.

/** @import {Workbench} from "./workbench.js" */

import { h } from "./dom.js";
import { empty } from "./states.js";
import { count } from "./words.js";

/** @param {Workbench} bench */
export function nextStep(bench) {
  const app = bench.views.of("app").data;
  const workspace = bench.views.of(`workspace/${bench.places.organization}`).data;
  const add = (/** @type {"organization" | "repository" | "task"} */ dialog, /** @type {string} */ label) => h("button", { class: "primary", onclick: () => bench.dialogs.open(dialog) }, label);
  let hint = null;
  if (app && app.organizations.length === 0) {
    hint = empty("Welcome to Foundry", "Repositories and tasks belong to an organization. Make the first one.", add("organization", "New organization"));
  } else if (workspace && workspace.repositories.length === 0) {
    hint = empty(`${workspace.name} has no repository yet`, "Name one by its address; agents then work on branches of it.", add("repository", "Add a repository"));
  } else if (workspace && workspace.tasks.length === 0) {
    hint = empty("No task yet", "Say what is to be done, and an agent begins on a branch of its own.", add("task", "New task"));
  } else if (workspace) {
    const running = workspace.tasks.filter((one) => one.status === "running").length;
    hint = empty("Choose a task", `${count(workspace.tasks.length, "task")}, ${running} running. Press j and k to move, Enter to open, ? for all keys.`);
  }
  return h("main", { class: "nothing", key: "nothing" }, hint);
}
