// What runs in the task's sandbox at a person's request: start, watch, write to, stop.

/**
 * @import {Process, Task} from "./types.js"
 * @import {Workbench} from "./workbench.js"
 */

import { text } from "./entry.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { commandButton } from "./command_button.js";
import { empty, missing } from "./states.js";
import { isEnding } from "./task_life.js";
import { clock, inSeconds, lasting } from "./words.js";

export class ProcessesPane {
  #bench;
  /** @type {Map<string, string>} what was typed and not started, by task: a command is meant for one of them */
  #lines = new Map();
  /** @type {Map<string, string>} */
  #inputs = new Map();

  /** @param {Workbench} bench */
  constructor(bench) {
    this.#bench = bench;
  }

  /**
   * @param {Task | null} task
   * @param {string} id
   */
  show(task, id) {
    const view = this.#bench.views.of(`processes/${id}`);
    if (!view.data) return missing(view.state, "the processes");
    const newestFirst = [...view.data.processes].sort((one, other) => (other.started_at ?? Infinity) - (one.started_at ?? Infinity));
    return [
      !(task && isEnding(task)) && this.#form(id),
      newestFirst.length === 0
        ? empty("Nothing runs", "Start a development server or a test run here; it works in the task's sandbox and ends with it.")
        : h("div", { class: "processes", key: "processes" }, newestFirst.map((process) => this.#process(id, process))),
    ];
  }

  /** @param {string} task */
  #form(task) {
    const bench = this.#bench;
    const line = this.#lines.get(task) ?? "";
    return h(
      "form",
      {
        class: "line-form",
        key: `form ${task}`,
        onsubmit: (event) => this.#start(event, task),
      },
      h("label", { class: "unseen", for: "process-line" }, "Command"),
      h("input", { id: "process-line", class: "mono", value: line, placeholder: "A command to start in the sandbox", autocomplete: "off", spellcheck: "false", oninput: (event) => (this.#lines.set(task, event.target.value), bench.invalidate()) }),
      h("button", { "aria-disabled": String(!line.trim()) }, "Start"),
    );
  }

  /**
   * @param {SubmitEvent} event
   * @param {string} task
   */
  async #start(event, task) {
    event.preventDefault();
    const line = this.#lines.get(task) ?? "";
    if (!line.trim()) return;
    // The line leaves the field at once, for the next one; refused or lost, it comes back.
    this.#lines.delete(task);
    this.#bench.frame.now();
    const answer = await this.#bench.commands.giveInTurn("process.start", { task_id: task, command: "sh", args: ["-c", line.trim()] }, { id: task });
    if (!answer && !this.#lines.get(task)) this.#lines.set(task, line);
    this.#bench.invalidate();
  }

  /**
   * @param {string} task
   * @param {Process} process
   */
  #process(task, process) {
    const bench = this.#bench;
    const running = process.status === "running" || process.status === "stopping";
    if (running) bench.frame.again(1000);
    const took = tookOf(process);
    return h(
      "section",
      { class: "process", key: process.id },
      h(
        "header",
        { class: "process-head" },
        h("span", { class: `mark mark-${markOf(process)}`, role: "img", "aria-label": process.status }),
        h("code", { class: "process-command", title: commandOf(process) }, commandOf(process)),
        h("span", { class: "quiet" }, stateOf(process), took && ` · ${took}`, process.started_at !== null && ` · ${clock(process.started_at)}`),
        process.status !== "exited" && commandButton(bench, { name: "process.stop", data: { task_id: task, process_id: process.id }, id: process.id, busy: process.status === "stopping" }, icon("stop"), "Stop"),
      ),
      h("pre", { class: "tail", tabindex: 0, "aria-label": "Newest output", ref: followEnd }, process.tail ? text(process.tail) : h("span", { class: "quiet" }, process.status === "exited" ? "No output" : "No output yet")),
      process.status === "running" && this.#stdin(task, process),
    );
  }

  /**
   * @param {string} task
   * @param {Process} process
   */
  #stdin(task, process) {
    const bench = this.#bench;
    const value = this.#inputs.get(process.id) ?? "";
    return h(
      "form",
      { class: "line-form stdin", onsubmit: (event) => this.#write(event, task, process.id) },
      h("input", { class: "mono", value, "aria-label": "A line for its standard input", placeholder: "A line for its standard input", autocomplete: "off", spellcheck: "false", oninput: (event) => (this.#inputs.set(process.id, event.target.value), bench.invalidate()) }),
      h("button", null, "Write"),
    );
  }

  /**
   * @param {SubmitEvent} event
   * @param {string} task
   * @param {string} process
   */
  async #write(event, task, process) {
    event.preventDefault();
    const line = this.#inputs.get(process) ?? "";
    this.#inputs.delete(process);
    this.#bench.frame.now();
    const answer = await this.#bench.commands.giveInTurn("process.write", { task_id: task, process_id: process, text: `${line}\n` }, { id: process });
    if (!answer && !this.#inputs.has(process)) this.#inputs.set(process, line);
    this.#bench.invalidate();
  }
}

/**
 * New output is seen without scrolling, unless one has scrolled up to read.
 *
 * @param {HTMLElement} node
 */
function followEnd(node) {
  let following = true;
  const toEnd = () => (node.scrollTop = node.scrollHeight);
  node.addEventListener("scroll", () => (following = node.scrollHeight - node.scrollTop - node.clientHeight < 24), { passive: true });
  new MutationObserver(() => following && toEnd()).observe(node, { childList: true, characterData: true, subtree: true });
  toEnd();
}

/** @param {Process} process */
function commandOf(process) {
  const [flag, line] = process.args;
  return process.command === "sh" && flag === "-c" && process.args.length === 2 ? line : [process.command, ...process.args].join(" ");
}

/** @param {Process} process */
function tookOf({ started_at: began, exited_at: ended }) {
  if (began === null) return "";
  return ended === null ? inSeconds(Date.now() - began) : lasting(ended - began);
}

/** @param {Process} process */
function markOf(process) {
  if (process.status === "exited") return process.exit_code === 0 ? "succeeded" : "failed";
  return process.status === "queued" ? "queued" : "running";
}

/** @param {Process} process */
function stateOf(process) {
  return process.status === "exited" ? (process.exit_code === null ? "ended" : `exit ${process.exit_code}`) : process.status;
}
