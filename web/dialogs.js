// The dialogs: each a form with its fields, the order it gives, and what follows. A refusal is shown in the dialog,
// and nothing typed is lost by it.

/** @import {Workbench} from "./workbench.js" */

import { h } from "./dom.js";
import { sentenceOf } from "./orders.js";

const AGENTS = ["shell", "claude", "codex", "gemini", "opencode"];

/**
 * @typedef {{
 *   name: string, label: string, value?: string, required?: boolean, more?: boolean, lines?: number, hint?: string,
 *   placeholder?: string, suggestions?: string[], options?: [string, string][],
 * }} Field
 * @typedef {Record<string, any>} Given what was filled in, by the names of the fields
 * @typedef {{
 *   title: string, text?: string, button: string, danger?: boolean, id?: string, fields: Field[],
 *   order: (given: Given) => {name: string, data: object}, then?: (answer: any) => void,
 * }} Kind
 * @typedef {{name: string, kind: Kind, values: Record<string, string>, error: string | null, busy: boolean, more: boolean}} Open
 *
 * What a dialog is about; each takes what it needs.
 * @typedef {{task?: any, session?: any, repository?: any, repository_id?: string, path?: string}} About
 */

export class Dialogs {
  #bench;
  /** @type {Open | null} */
  #now = null;
  /** @type {HTMLDialogElement | null} */
  #node = null;

  /** @param {Workbench} bench */
  constructor(bench) {
    this.#bench = bench;
  }

  get isOpen() {
    return this.#now !== null;
  }

  /**
   * @param {keyof typeof KINDS} name
   * @param {About} about
   */
  open(name, about = {}) {
    /** @type {Kind} */
    const kind = KINDS[name](this.#bench, about);
    const values = Object.fromEntries(kind.fields.map((field) => [field.name, field.value ?? ""]));
    this.#now = { name, kind, values, error: null, busy: false, more: false };
    // At once: the next key is meant for the first field.
    this.#bench.frame.now();
  }

  close = () => {
    this.#now = null;
    // Closed and not only taken away, so that the focus goes back to where it was.
    this.#node?.close();
    this.#node = null;
    this.#bench.frame.now();
  };

  show() {
    const now = this.#now;
    if (!now) return null;
    const visible = now.kind.fields.filter((field) => !field.more || now.more);
    return h(
      "dialog",
      { class: "dialog", key: now.name, "aria-labelledby": "dialog-title", ref: this.#shown, oncancel: (event) => this.#cancel(event), onclose: () => this.#now === now && this.close() },
      h(
        "form",
        { onsubmit: (event) => this.#submit(event, now), onkeydown: (event) => this.#key(event) },
        h("h2", { id: "dialog-title" }, now.kind.title),
        now.kind.text && h("p", { class: "quiet" }, now.kind.text),
        visible.map((field, at) => this.#field(now, field, at === 0)),
        now.kind.fields.some((field) => field.more) && !now.more && h("button", { type: "button", class: "link", onclick: () => this.#showMore(now) }, "More options"),
        h("p", { class: "dialog-error", role: "alert" }, now.error ?? ""),
        h(
          "footer",
          null,
          h("button", { type: "button", onclick: this.close }, "Cancel"),
          h("button", { class: now.kind.danger ? "danger-fill" : "primary", "aria-busy": String(now.busy) }, now.kind.button),
        ),
      ),
    );
  }

  /** @param {HTMLDialogElement} node */
  #shown = (node) => {
    this.#node = node;
    node.showModal();
  };

  /** @param {Event} event */
  #cancel(event) {
    event.preventDefault();
    this.close();
  }

  /**
   * @param {Open} now
   * @param {Field} field
   * @param {boolean} first
   */
  #field(now, field, first) {
    const id = `field-${field.name}`;
    const common = {
      id,
      name: field.name,
      value: now.values[field.name],
      required: Boolean(field.required),
      autofocus: first,
      "aria-describedby": field.hint ? `${id}-hint` : null,
      oninput: (/** @type {any} */ event) => {
        now.values[field.name] = event.target.value;
        this.#bench.invalidate();
      },
    };
    return h(
      "div",
      { class: "field", key: field.name },
      h("label", { for: id }, field.label),
      field.options
        ? h("select", { ...common, onchange: common.oninput }, field.options.map(([value, label]) => h("option", { value, key: value }, label)))
        : field.lines
          ? h("textarea", { ...common, rows: field.lines, placeholder: field.placeholder ?? null, spellcheck: "true" })
          : h("input", { ...common, placeholder: field.placeholder ?? null, list: field.suggestions ? `${id}-list` : null, autocomplete: "off", spellcheck: "false" }),
      field.suggestions && h("datalist", { id: `${id}-list` }, field.suggestions.map((one) => h("option", { value: one, key: one }))),
      field.hint && h("p", { class: "hint", id: `${id}-hint` }, field.hint),
    );
  }

  /** @param {Open} now */
  #showMore(now) {
    now.more = true;
    this.#bench.invalidate();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) /** @type {HTMLFormElement} */ (event.currentTarget).requestSubmit();
  }

  /**
   * @param {SubmitEvent} event
   * @param {Open} now
   */
  async #submit(event, now) {
    event.preventDefault();
    if (now.busy) return;
    now.busy = true;
    now.error = null;
    this.#bench.invalidate();
    const given = Object.fromEntries(Object.entries(now.values).filter(([, value]) => value.trim() !== ""));
    const { name, data } = now.kind.order(given);
    try {
      const answer = await this.#bench.orders.give(name, data, { quiet: true, id: now.kind.id });
      if (this.#now === now) this.close();
      now.kind.then?.(answer);
    } catch (problem) {
      now.error = sentenceOf(problem);
      now.busy = false;
      this.#bench.invalidate();
    }
  }
}

/** @satisfies {Record<string, (bench: Workbench, about: About) => Kind>} */
const KINDS = {
  organization: (bench) => ({
    title: "New organization",
    button: "Create",
    fields: [{ name: "name", label: "Name", required: true, placeholder: "Acme" }],
    order: (data) => ({ name: "organization.create", data }),
    then: (answer) => bench.goTo({ organization: answer.ids.organization_id }, { select: true }),
  }),
  repository: (bench) => ({
    title: "Add a repository",
    text: "Its branches are read in the background; nothing is changed there.",
    button: "Add",
    fields: [{ name: "remote_url", label: "Address", required: true, placeholder: "https://… · git@host:path · /path/on/the/server" }],
    order: (data) => ({ name: "repository.add", data: { ...data, organization_id: bench.places.organization } }),
  }),
  task: (bench, { repository_id }) => {
    const workspace = bench.views.of(`workspace/${bench.places.organization ?? ""}`).data;
    const repositories = workspace?.repositories ?? [];
    const here = repository_id ?? bench.places.repository ?? workspace?.tasks.find((one) => one.id === bench.places.task)?.repository_id ?? repositories[0]?.id ?? "";
    return {
      title: "New task",
      button: "Start",
      fields: [
        { name: "prompt", label: "What is to be done", lines: 6, required: true, placeholder: "Say it as to a colleague. The agent shell runs it as a script." },
        { name: "repository_id", label: "Repository", value: here, options: repositories.map((one) => [one.id, one.name]) },
        { name: "agent", label: "Agent", placeholder: workspace?.default_agent ?? "shell", suggestions: AGENTS },
        { name: "model", label: "Model", placeholder: workspace?.default_model ?? "the agent's own", more: true },
        { name: "title", label: "Title", placeholder: "taken from the prompt", more: true },
        { name: "branch", label: "Name of its branch", placeholder: "made from the title", more: true },
        { name: "on_branch", label: "Work on an existing branch", placeholder: "none: it gets its own", more: true },
        {
          name: "permissions",
          label: "When the agent asks for permission",
          value: "ask",
          more: true,
          options: [
            ["ask", "Ask me"],
            ["allow", "Allow everything"],
            ["deny", "Refuse everything"],
          ],
        },
      ],
      order: (data) => ({ name: "task.create", data }),
      then: (answer) => bench.goTo({ organization: bench.places.organization, task: answer.ids.task_id, session: answer.ids.session_id }, { select: true }),
    };
  },
  new_session: (bench, { task }) => ({
    title: "New session",
    text: "Works in the same sandbox, on the same branch.",
    button: "Create",
    fields: [
      { name: "name", label: "Name", placeholder: `Session ${task.sessions.length + 1}` },
      { name: "agent", label: "Agent", placeholder: task.agent, suggestions: AGENTS },
      { name: "model", label: "Model", placeholder: "the agent's own" },
    ],
    order: (data) => ({ name: "agent_session.create", data: { agent: task.agent, ...data, task_id: task.id } }),
    then: (answer) => bench.goTo({ ...bench.places, session: answer.ids.session_id }),
  }),
  session: (bench, { task, session }) => ({
    title: "Session",
    button: "Save",
    fields: [
      { name: "name", label: "Name", value: session.name, required: true },
      { name: "model", label: "Model", value: session.model ?? "", placeholder: "the agent's own", hint: "Takes effect with the next message." },
    ],
    order: ({ name, model }) => {
      const its = { task_id: task.id, session_id: session.id };
      // Two orders at most, side by side; the dialog waits for the one about the model.
      if (model && model !== session.model) {
        const order = { name: "agent_session.change_model", data: { ...its, model } };
        if (name === session.name) return order;
        void bench.orders.give("agent_session.rename", { ...its, name }, { id: session.id });
        return order;
      }
      return { name: "agent_session.rename", data: { ...its, name } };
    },
  }),
  rename_task: (_bench, { task }) => ({
    title: "Rename the task",
    button: "Rename",
    fields: [{ name: "title", label: "Title", value: task.title, required: true }],
    order: ({ title }) => ({ name: "task.rename", data: { task_id: task.id, title } }),
  }),
  rename_branch: (_bench, { task }) => ({
    title: "Rename the branch",
    button: "Rename",
    fields: [{ name: "branch", label: "Branch", value: task.branch ?? "", required: true }],
    order: ({ branch }) => ({ name: "task.rename_branch", data: { task_id: task.id, branch } }),
  }),
  revert: (_bench, { task, path = "" }) => ({
    title: "Revert this file?",
    text: `${path} will be as it was where the task began. What was changed in it is lost.`,
    button: "Revert",
    danger: true,
    id: path,
    fields: [],
    order: () => ({ name: "task.revert_file", data: { task_id: task.id, path } }),
  }),
  kill: (_bench, { task }) => ({
    title: "Kill this task?",
    text: "Its sandbox and its branch are removed with everything that was not pushed or merged. Its history stays.",
    button: "Kill",
    danger: true,
    id: task.id,
    fields: [],
    order: () => ({ name: "task.kill", data: { task_id: task.id } }),
  }),
  remove_repository: (bench, { repository }) => ({
    title: `Remove ${repository.name}?`,
    text: "The repository leaves this organization; nothing is changed at its address.",
    button: "Remove",
    danger: true,
    id: repository.id,
    fields: [],
    order: () => ({ name: "repository.remove", data: { repository_id: repository.id } }),
    then: () => bench.goTo({ organization: bench.places.organization }),
  }),
};
