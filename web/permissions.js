// What an agent asks a person before it goes on: its question, and a button for each answer it offers.

/**
 * @import {Session, Task} from "./types.js"
 * @import {Workbench} from "./workbench.js"
 */

import { text } from "./entry.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { commandButton } from "./command_button.js";

/**
 * @param {Workbench} bench
 * @param {Task} task
 * @param {Session} session
 */
export function permissionRequests(bench, task, session) {
  return session.permission_requests.map((request, at) =>
    h(
      "section",
      { class: "permission", key: `permission ${request.id}`, role: "alertdialog", "aria-label": "The agent asks", "aria-describedby": `asked-${at}` },
      h("p", { class: "permission-title", id: `asked-${at}` }, icon("info"), h("span", null, text(request.title))),
      h(
        "div",
        { class: "permission-options" },
        request.options.map((option) =>
          commandButton(
            bench,
            {
              name: "agent_session.answer",
              data: { task_id: task.id, session_id: session.id, request_id: request.id, option_id: option.id },
              id: request.id,
              key: option.id,
              class: option.kind === "allow_once" ? "primary" : option.kind.startsWith("reject") ? "danger" : null,
            },
            option.name || option.id,
          ),
        ),
      ),
    ),
  );
}
