// One task: its head, its sessions with transcript and composer, and beside them what it changed and runs.

/**
 * @import {Seen, Session, Task} from "./types.js"
 * @import {Workbench} from "./workbench.js"
 */

import { addressOf } from "./address.js";
import { amongTabs } from "./arrow_keys.js";
import { isAsking } from "./asking.js";
import { ChangesPane } from "./changes_pane.js";
import { Composer } from "./composer.js";
import { h } from "./dom.js";
import { FilesPane } from "./files_pane.js";
import { icon } from "./icons.js";
import { issueList } from "./issues.js";
import { jobsPane } from "./jobs_pane.js";
import { permissionRequests } from "./permissions.js";
import { ProcessesPane } from "./processes_pane.js";
import { provisioning } from "./provisioning.js";
import { sessionTabs } from "./session_tabs.js";
import { loading, missing, problem } from "./states.js";
import { TaskActions } from "./task_actions.js";
import { TranscriptPane } from "./transcript_pane.js";
import { taskStatus } from "./words.js";

export class TaskPane {
  #bench;
  /** @type {Set<string>} */
  #watched = new Set();
  #place = "";

  /** @param {Workbench} bench */
  constructor(bench) {
    this.#bench = bench;
    this.transcript = new TranscriptPane(bench);
    this.composer = new Composer(bench, { sent: () => this.transcript.toEnd() });
    this.actions = new TaskActions(bench);
    this.changes = new ChangesPane(bench);
    this.files = new FilesPane(bench);
    this.processes = new ProcessesPane(bench);
  }

  /**
   * @param {string} id
   * @param {Seen<Task>} view
   */
  show(id, view) {
    const task = view.data;
    const bench = this.#bench;
    const session = task?.sessions.find((one) => one.id === bench.places.session);
    const pane = bench.places.pane ?? "chat";
    return h(
      "main",
      { class: `task pane-${pane}`, key: id },
      this.#head(task),
      h(
        "div",
        { class: "task-body" },
        (bench.wide || pane === "chat") && h("section", { class: "chat", key: "chat", "aria-label": "Session" }, this.#chat(task, session, view)),
        h("aside", { class: "inspector", key: "inspector", "aria-label": "Task" }, this.#inspector(id, task, view, pane)),
      ),
    );
  }

  settle() {
    this.#showTabs();
    return this.transcript.settle();
  }

  /** Among many tabs those one is in are scrolled to, when one comes there. */
  #showTabs() {
    const tabs = document.querySelectorAll(".task [role=tab][aria-selected=true]");
    const { session, pane } = this.#bench.places;
    const place = `${session} ${pane} ${tabs.length}`;
    if (place === this.#place) return;
    this.#place = place;
    for (const tab of tabs) tab.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  /** @param {Task | null} task */
  #head(task) {
    const bench = this.#bench;
    const known = task ?? this.#fromList();
    return h(
      "header",
      { class: "task-head" },
      h("a", { class: "plain back", href: addressOf({ organization: bench.places.organization }), "aria-label": "Back to the list" }, icon("back")),
      h(
        "div",
        { class: "task-name" },
        h("h1", { title: known?.title }, known?.title ?? " "),
        h(
          "p",
          { class: "task-facts" },
          known && h("span", { class: `chip status-${known.status}${isAsking(known) ? " asks" : ""}` }, h("span", { class: "dot", "aria-hidden": "true" }), isAsking(known) ? "Waits for your answer" : taskStatus(known.status)),
          known?.branch && h("button", { class: "link branch", title: "Copy the branch's name", onclick: () => bench.copy(known.branch ?? "") }, icon("branch"), h("span", null, known.branch)),
          known?.pull_request && h("a", { class: "pull", href: safeLink(known.pull_request.url), target: "_blank", rel: "noopener" }, icon("pull"), `#${known.pull_request.number} ${known.pull_request.status}`),
        ),
      ),
      task && this.actions.show(task),
    );
  }

  /** Before the task's own view is there, the list knows its title. */
  #fromList() {
    const { organization, task } = this.#bench.places;
    return this.#bench.views.of(`workspace/${organization}`).data?.tasks.find((one) => one.id === task);
  }

  /**
   * @param {Task | null} task
   * @param {Session | undefined} session
   * @param {Seen<Task>} view
   */
  #chat(task, session, view) {
    if (!task && view.state === "loading") return loading("the task");
    if (!session) this.composer.giveUp();
    if (!task) return problem(view.state);
    return [
      sessionTabs(this.#bench, task, session),
      provisioning(this.#bench, task, this.#watched),
      issueList(this.#bench, task),
      session ? this.transcript.show(task, session) : problem("forbidden", "This session is not there. Choose another one above."),
      session && permissionRequests(this.#bench, task, session),
      session && this.composer.show(task, session),
    ];
  }

  /**
   * @param {string} id
   * @param {Task | null} task
   * @param {Seen<Task>} view
   * @param {string} pane
   */
  #inspector(id, task, view, pane) {
    const bench = this.#bench;
    const shown = pane === "chat" && bench.wide ? "changes" : pane;
    const listed = this.#fromList();
    /** @type {[string, string, number?][]} */
    const panes = [
      ["chat", "Chat"],
      ["changes", "Changes", listed?.diff.files ?? 0],
      ["files", "Files"],
      ["processes", "Processes"],
      ["jobs", "Jobs", task?.issues.filter((one) => one.resolved_at === null).length ?? 0],
    ];
    const tabs = bench.wide ? panes.slice(1) : panes;
    return [
      h(
        "div",
        { class: "tabs pane-tabs", role: "tablist", "aria-label": "Panes", onkeydown: amongTabs },
        tabs.map(([name, label, number]) =>
          h("a", { role: "tab", key: name, "aria-selected": String(name === shown), tabindex: name === shown ? 0 : -1, href: addressOf({ ...bench.places, pane: name }) }, label, number ? h("span", { class: "badge" }, String(number)) : null),
        ),
      ),
      shown !== "chat" && h("div", { class: "pane", role: "tabpanel", "aria-label": shown, key: `${id} ${shown}` }, this.#pane(shown, id, task, view)),
    ];
  }

  /**
   * @param {string} shown
   * @param {string} id
   * @param {Task | null} task
   * @param {Seen<Task>} view
   */
  #pane(shown, id, task, view) {
    switch (shown) {
      case "files":
        return this.files.show(id);
      case "processes":
        return this.processes.show(task, id);
      case "jobs":
        if (!task) return missing(view.state, "the jobs");
        return jobsPane(this.#bench, task);
      default:
        return this.changes.show(task, id);
    }
  }
}

/**
 * Only addresses a browser opens as pages: what a provider or an agent wrote there could be a script.
 *
 * @param {string | null} url
 */
function safeLink(url) {
  return /^https?:\/\//.test(url ?? "") ? url : null;
}
