// What can be done with a task as a whole.

/**
 * @import {Task} from "./types.js"
 * @import {Workbench} from "./workbench.js"
 */

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { isOpen } from "./jobs_pane.js";
import { lossesOf } from "./losses.js";
import { SEPARATOR } from "./menu.js";
import { commandButton } from "./command_button.js";
import { isEnding } from "./task_life.js";

export class TaskActions {
  #bench;

  /** @param {Workbench} bench */
  constructor(bench) {
    this.#bench = bench;
  }

  /** @param {Task} task */
  show(task) {
    const bench = this.#bench;
    const over = isEnding(task);
    const early = task.sandboxes.every((sandbox) => sandbox.status !== "ready");
    return h(
      "div",
      { class: "task-actions" },
      this.#button(task, "task.push", "Push", { disabled: over || early }),
      this.#button(task, "task.merge", "Merge", { disabled: over || early }),
      bench.menu.show({
        name: "task",
        side: "right",
        title: "Task",
        label: icon("more"),
        items: [
          { label: "Push", disabled: over || early, act: () => this.#give("task.push", task) },
          { label: "Merge", disabled: over || early, act: () => this.#give("task.merge", task) },
          SEPARATOR,
          { label: "Rename …", act: () => bench.dialogs.open("rename_task", { task }) },
          { label: "Rename the branch …", disabled: over || early, act: () => bench.dialogs.open("rename_branch", { task }) },
          { label: "Publish a pull request", disabled: over || early, act: () => this.#give("task.publish_pull_request", task) },
          SEPARATOR,
          { label: "Archive", note: "keeps the branch", disabled: over, act: () => this.#archive(task) },
          { label: "Kill …", danger: true, disabled: task.status === "killed" || task.status === "killing", act: () => bench.dialogs.open("kill", { task }) },
        ],
      }),
    );
  }

  /**
   * @param {Task} task
   * @param {string} name
   * @param {string} label
   * @param {{disabled: boolean}} options
   */
  #button(task, name, label, { disabled }) {
    const kind = name.replace("task.", "task_");
    const running = task.jobs.some((job) => job.kind === kind && isOpen(job));
    return commandButton(this.#bench, { name, data: { task_id: task.id }, id: task.id, disabled, busy: running }, label);
  }

  /** @param {Task} task */
  #archive(task) {
    if (lossesOf(this.#bench, task.sessions)) this.#bench.dialogs.open("archive", { task });
    else void this.#give("task.archive", task);
  }

  /**
   * @param {string} name
   * @param {Task} task
   */
  #give(name, task) {
    return this.#bench.commands.give(name, { task_id: task.id }, { id: task.id });
  }
}
