// The list at the left: organization, filter, repositories and their tasks. Two thousand tasks are as cheap as twenty:
// only the rows one can see are in the document.

/**
 * @import {App, ListedRepository, Seen, Workspace} from "./types.js"
 * @import {Row} from "./task_rows.js"
 * @import {Workbench} from "./workbench.js"
 */

import { askingLine } from "./asking.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { Menu } from "./menu.js";
import { edgesOf, rowsBetween, topsOf } from "./scroll_window.js";
import { sidebarFoot } from "./sidebar_foot.js";
import { sidebarHead } from "./sidebar_head.js";
import { RepositoryRow, TaskRow } from "./sidebar_rows.js";
import { empty, loading, missing } from "./states.js";
import { rowsOf } from "./task_rows.js";

const AROUND = 400;

export class Sidebar {
  #bench;
  /** @type {HTMLElement | null} */
  #host = null;
  /** @type {HTMLInputElement | null} */
  #input = null;
  /** @type {{from: unknown[], rows: Row[], tops: Float64Array, over: number}} */
  #made = { from: [], rows: [], tops: topsOf([]), over: 0 };
  /** @type {string | null} the task the cursor goes to with the next painting */
  #focus = null;
  /** @type {string | null} the open task, once its row was brought into sight */
  #shown = null;
  #height = 0;
  /** So far the rows one sees have moved, because others came or went above them; scrolled after them with the next painting. */
  #moved = 0;
  filter = "";
  showOver = false;

  /** @param {Workbench} bench */
  constructor(bench) {
    this.#bench = bench;
    this.menu = new Menu(bench.frame);
  }

  show() {
    const bench = this.#bench;
    const { places } = bench;
    const app = bench.views.of("app");
    const view = bench.views.of(`workspace/${places.organization ?? ""}`);
    return h(
      "nav",
      { class: "sidebar", "aria-label": "Repositories and tasks" },
      sidebarHead(bench, this.menu, app.data, view.data),
      this.#tools(),
      this.#list(view, app.data),
      sidebarFoot(bench, app.data),
    );
  }

  focusFilter() {
    this.#input?.focus();
    this.#input?.select();
  }

  /**
   * Move the cursor of the list by one task, from where it is or from the open task.
   *
   * @param {number} step
   */
  move(step) {
    this.#make();
    const tasks = this.#made.rows.filter((row) => row.kind === "task");
    const { activeElement } = document;
    const from = (activeElement instanceof HTMLElement && activeElement.dataset.task) || this.#bench.places.task;
    const at = tasks.findIndex((row) => row.id === from);
    this.#moveTo(tasks[Math.min(tasks.length - 1, Math.max(0, at < 0 ? 0 : at + step))]);
  }

  /**
   * With the next painting, if the list has it.
   *
   * @param {string} task
   */
  focusTask(task) {
    this.#focus = task;
  }

  /** After painting, when the list is as high as its rows: show the row one came to, and put the focus where the cursor went. */
  settle() {
    if (!this.#host) return;
    if (this.#moved !== 0) this.#host.scrollTop = this.#top;
    this.#moved = 0;
    const [wanted, task] = [this.#wanted, this.#bench.places.task ?? null];
    if (wanted !== null) this.#host.scrollTop = this.#topThatShows(wanted);
    if (task === null || wanted === task) this.#shown = task;
    if (this.#focus === null) return;
    const row = this.#host.querySelector(`[data-task="${this.#focus}"]`);
    if (row instanceof HTMLElement) row.focus({ preventScroll: true });
    this.#focus = null;
  }

  /**
   * At once: the next key may come before the next frame, and is meant for the row the cursor is on by then.
   *
   * @param {Row | undefined} row
   */
  #moveTo(row) {
    if (!row) return;
    this.focusTask(row.id);
    this.#bench.frame.now();
  }

  #tools() {
    return h(
      "div",
      { class: "sidebar-tools" },
      askingLine(this.#bench),
      h(
        "label",
        { class: "filter" },
        icon("search"),
        h("span", { class: "unseen" }, "Filter tasks"),
        h("input", {
          type: "search",
          placeholder: "Filter",
          value: this.filter,
          autocomplete: "off",
          spellcheck: "false",
          ref: (node) => (this.#input = node),
          oninput: (event) => this.#filterBy(event.target.value),
          onkeydown: (event) => this.#keyInFilter(event),
        }),
        h("kbd", { "aria-hidden": "true" }, "/"),
      ),
    );
  }

  /** @param {any} event */
  #keyInFilter(event) {
    if (event.key === "Escape") {
      this.#filterBy("");
      event.target.blur();
    } else if (event.key === "ArrowDown" || event.key === "Enter") {
      this.#make();
      const first = this.#made.rows.find((row) => row.kind === "task");
      if (event.key === "ArrowDown") this.#moveTo(first);
      else if (first) this.#bench.goTo({ organization: this.#bench.places.organization, task: first.id });
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {string} value */
  #filterBy(value) {
    this.filter = value;
    if (this.#host) this.#host.scrollTop = 0;
    this.#bench.invalidate();
  }

  /**
   * @param {Seen<Workspace>} view
   * @param {App | null} app
   */
  #list(view, app) {
    const bench = this.#bench;
    if (!bench.places.organization) return h("div", { class: "list" }, app ? this.#firstOrganization() : loading("your organizations", 6));
    if (!view.data) return h("div", { class: "list" }, missing(view.state, "the workspace", 8));
    if (view.data.repositories.length === 0) {
      return h("div", { class: "list" }, empty("No repository yet", "Add one, and give its first task to an agent.", this.#addRepository()));
    }
    this.#make();
    const { rows, tops } = this.#made;
    const top = this.#wanted === null ? this.#top : this.#topThatShows(this.#wanted);
    const height = this.#host?.clientHeight ?? 900;
    const { start, end } = rowsBetween(tops, top - AROUND, top + height + AROUND);
    const unread = this.#unread(app);
    bench.frame.again(60_000);
    const minute = Math.floor(Date.now() / 60_000);
    return h(
      "div",
      { class: "list", ref: this.#attach, key: bench.places.organization },
      h(
        "ul",
        { class: "rows", "aria-label": `${rows.length} rows` },
        h("li", { class: "room", key: "above", "aria-hidden": "true", style: { height: `${tops[start]}px` } }),
        rows.slice(start, end).map((row) =>
          row.kind === "repository"
            ? h(RepositoryRow, { key: row.id, repository: row.repository, organization: bench.places.organization, count: row.count, current: row.id === bench.places.repository, open: this.#newTaskIn })
            : h(TaskRow, { key: row.id, task: row.task, organization: bench.places.organization, current: row.id === bench.places.task, unread: unread.has(row.id), minute }),
        ),
        h("li", { class: "room", key: "below", "aria-hidden": "true", style: { height: `${tops[rows.length] - tops[end]}px` } }),
      ),
      rows.length === 0 && empty("Nothing matches", `No task or repository with “${this.filter}”.`),
      h(
        "div",
        { class: "list-end" },
        this.#addRepository(),
        this.#made.over > 0 &&
          h("button", { class: "link", "aria-pressed": String(this.showOver), onclick: () => this.#toggleOver() }, this.showOver ? "Hide the archived" : `Show ${this.#made.over} archived`),
      ),
    );
  }

  /** On a phone the list is all there is to see. */
  #firstOrganization() {
    return h(
      "div",
      { class: "only-narrow" },
      empty("No organization yet", "Repositories and tasks belong to one.", h("button", { class: "link", onclick: () => this.#bench.dialogs.open("organization") }, icon("plus"), "New organization")),
    );
  }

  #addRepository() {
    return h("button", { class: "link", key: "add", onclick: () => this.#bench.dialogs.open("repository") }, icon("plus"), "Add a repository");
  }

  /** @param {ListedRepository} repository */
  #newTaskIn = (repository) => this.#bench.dialogs.open("task", { repository_id: repository.id });

  #toggleOver() {
    this.showOver = !this.showOver;
    this.#bench.invalidate();
  }

  /** @param {HTMLElement} host */
  #attach = (host) => {
    this.#host = host;
    host.addEventListener("scroll", this.#bench.invalidate, { passive: true });
    new ResizeObserver(this.#resized).observe(host);
    this.#shown = null;
  };

  /** Where the list gets lower, as by the line over it, the row of the open task stays in sight. */
  #resized = () => {
    const before = this.#height;
    this.#height = this.#host?.clientHeight ?? 0;
    const edges = edgesOf(this.#made, this.#shown);
    if (edges && edges.top >= this.#top && edges.bottom <= this.#top + before) this.#shown = null;
    this.#bench.invalidate();
  };

  /** The task whose row is to be seen: where the cursor goes, else the one that was opened, once the list has it. */
  get #wanted() {
    if (this.#focus !== null) return this.#focus;
    const task = this.#bench.places.task ?? null;
    return task !== this.#shown && this.#host?.clientHeight && edgesOf(this.#made, task) ? task : null;
  }

  /**
   * How far the list is to be scrolled for a task's row to be seen whole: no farther than need be.
   *
   * @param {string} task
   */
  #topThatShows(task) {
    const [scrollTop, clientHeight] = [this.#top, this.#host?.clientHeight ?? 900];
    const edges = edgesOf(this.#made, task);
    if (!edges) return scrollTop;
    return edges.top < scrollTop ? edges.top : Math.max(scrollTop, edges.bottom - clientHeight);
  }

  /** The rows as they are now: a key may come before what it is about was painted. */
  #make() {
    const { organization, task: current } = this.#bench.places;
    const workspace = this.#bench.views.of(`workspace/${organization}`).data;
    if (!workspace) return;
    const { repositories, tasks } = workspace;
    const from = [repositories, tasks, this.filter, this.showOver, current];
    if (from.every((one, at) => one === this.#made.from[at])) return;
    const { rows, over } = rowsOf({ repositories, tasks, filter: this.filter, showOver: this.showOver, current });
    const made = { from, rows, over, tops: topsOf(rows.map((row) => row.height)) };
    if (from[2] === this.#made.from[2] && from[3] === this.#made.from[3]) this.#moved += this.#movedTo(made);
    this.#made = made;
  }

  get #top() {
    return (this.#host?.scrollTop ?? 0) + this.#moved;
  }

  /**
   * How far the first row one sees stands from where it was; at the very top what comes is shown.
   *
   * @param {{rows: Row[], tops: Float64Array}} made
   */
  #movedTo({ rows, tops }) {
    if (this.#top <= 0) return 0;
    const { start } = rowsBetween(this.#made.tops, this.#top, this.#top);
    const at = rows.findIndex((row) => row.id === this.#made.rows[start]?.id);
    return at < 0 ? 0 : (tops[at] ?? 0) - (this.#made.tops[start] ?? 0);
  }

  /** @param {App | null} app */
  #unread(app) {
    return new Set((app?.sessions ?? []).filter((one) => one.unread).map((one) => one.task_id));
  }
}
