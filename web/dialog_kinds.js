// The dialogs there are: each with its fields, the command it gives, and what follows.

/**
 * @import {Workbench} from "./workbench.js"
 *
 * @typedef {{
 *   name: string, label: string, value?: string, required?: boolean, more?: boolean, lines?: number, hint?: string,
 *   placeholder?: string, suggestions?: string[], options?: [string, string][],
 * }} Field
 * @typedef {Record<string, any>} Given what was filled in, by the names of the fields
 * @typedef {{
 *   title: string, text?: string, button: string, danger?: boolean, id?: string, fields: Field[],
 *   command: (given: Given) => {name: string, data: object}, then?: (answer: any) => unknown,
 * }} Kind
 *
 * What a dialog is about; each takes what it needs.
 * @typedef {{task?: any, session?: any, repository?: any, repository_id?: string, path?: string}} About
 */

import { lossesOf } from "./losses.js";
import { leave } from "./session_tabs.js";

const AGENTS = ["shell", "claude", "codex", "gemini", "opencode"];

/** @satisfies {Record<string, (bench: Workbench, about: About) => Kind>} */
export const KINDS = {
  organization: (bench) => ({
    title: "New organization",
    button: "Create",
    fields: [{ name: "name", label: "Name", required: true, placeholder: "Acme" }],
    command: (data) => ({ name: "organization.create", data }),
    then: (answer) => bench.goTo({ organization: answer.ids.organization_id }, { select: true }),
  }),
  repository: (bench) => {
    const organization_id = bench.places.organization;
    return {
      title: "Add a repository",
      text: "Its branches are read in the background; nothing is changed there.",
      button: "Add",
      fields: [{ name: "remote_url", label: "Address", required: true, placeholder: "https://… · git@host:path · /path/on/the/server" }],
      command: (data) => ({ name: "repository.add", data: { ...data, organization_id } }),
    };
  },
  task: (bench, { repository_id }) => {
    const { organization } = bench.places;
    const workspace = bench.views.of(`workspace/${organization ?? ""}`).data;
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
      command: (data) => ({ name: "task.create", data }),
      then: (answer) => bench.goTo({ organization, task: answer.ids.task_id, session: answer.ids.session_id }, { select: true }),
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
    command: (data) => ({ name: "agent_session.create", data: { agent: task.agent, ...data, task_id: task.id } }),
    then: (answer) => bench.places.task === task.id && bench.goTo({ ...bench.places, session: answer.ids.session_id }),
  }),
  session: (bench, { task, session }) => ({
    title: "Session",
    button: "Save",
    fields: [
      { name: "name", label: "Name", value: session.name, required: true },
      { name: "model", label: "Model", value: session.model ?? "", placeholder: "the agent's own", hint: "Takes effect with the next message." },
    ],
    command: ({ name, model }) => {
      const its = { task_id: task.id, session_id: session.id };
      // Two commands at most, side by side; the dialog waits for the one about the model.
      if (model && model !== session.model) {
        const command = { name: "agent_session.change_model", data: { ...its, model } };
        if (name === session.name) return command;
        void bench.commands.give("agent_session.rename", { ...its, name }, { id: session.id });
        return command;
      }
      return { name: "agent_session.rename", data: { ...its, name } };
    },
  }),
  rename_task: (_bench, { task }) => ({
    title: "Rename the task",
    button: "Rename",
    fields: [{ name: "title", label: "Title", value: task.title, required: true }],
    command: ({ title }) => ({ name: "task.rename", data: { task_id: task.id, title } }),
  }),
  rename_branch: (_bench, { task }) => ({
    title: "Rename the branch",
    button: "Rename",
    fields: [{ name: "branch", label: "Branch", value: task.branch ?? "", required: true }],
    command: ({ branch }) => ({ name: "task.rename_branch", data: { task_id: task.id, branch } }),
  }),
  revert: (_bench, { task, path = "" }) => ({
    title: "Revert this file?",
    text: `${path} will be as it was where the task began. What was changed in it is lost.`,
    button: "Revert",
    danger: true,
    id: path,
    fields: [],
    command: () => ({ name: "task.revert_file", data: { task_id: task.id, path } }),
  }),
  archive: (bench, { task }) => ({
    title: "Archive this task?",
    text: `${lossesOf(bench, task.sessions)} Its branch stays, with all that was done.`,
    button: "Archive",
    id: task.id,
    fields: [],
    command: () => ({ name: "task.archive", data: { task_id: task.id } }),
  }),
  close_session: (bench, { task, session }) => ({
    title: "Close this session?",
    text: lossesOf(bench, [session]),
    button: "Close session",
    danger: true,
    id: session.id,
    fields: [],
    command: () => ({ name: "agent_session.close", data: { task_id: task.id, session_id: session.id } }),
    then: () => leave(bench, task, session),
  }),
  kill: (bench, { task }) => ({
    title: "Kill this task?",
    text: `Its sandbox and its branch are removed with everything that was not pushed or merged. Its history stays. ${lossesOf(bench, task.sessions)}`,
    button: "Kill",
    danger: true,
    id: task.id,
    fields: [],
    command: () => ({ name: "task.kill", data: { task_id: task.id } }),
  }),
  remove_repository: (bench, { repository }) => ({
    title: `Remove ${repository.name}?`,
    text: "The repository leaves this organization; nothing is changed at its address.",
    button: "Remove",
    danger: true,
    id: repository.id,
    fields: [],
    command: () => ({ name: "repository.remove", data: { repository_id: repository.id } }),
    then: () => bench.goTo({ organization: bench.places.organization }),
  }),
};
