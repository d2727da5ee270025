// The sessions of a task as tabs; closed ones stay reachable from the menu.

/**
 * @import {Session, Task} from "./types.js"
 * @import {Workbench} from "./workbench.js"
 */

import { addressOf } from "./address.js";
import { amongTabs } from "./arrow_keys.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { lossesOf } from "./losses.js";
import { SEPARATOR } from "./menu.js";
import { isEnding, isOver } from "./task_life.js";
import { sessionStatus } from "./words.js";

const { compare } = new Intl.Collator(undefined, { numeric: true });

/**
 * A task's sessions by name, as people look for them: what is listed by id stands in no order one would expect.
 *
 * @param {Task} task
 */
export function sessionsOf(task) {
  return [...task.sessions].sort((one, other) => compare(one.name, other.name));
}

/**
 * @param {Workbench} bench
 * @param {Task} task
 * @param {Session | undefined} current
 */
export function sessionTabs(bench, task, current) {
  const sessions = sessionsOf(task);
  const open = sessions.filter((one) => one.status !== "closed" || one.id === current?.id);
  const closed = sessions.filter((one) => one.status === "closed" && one.id !== current?.id);
  const unread = unreadIn(bench, task.id);
  return h(
    "div",
    { class: "session-bar", key: "sessions" },
    h(
      "div",
      { class: "tabs", role: "tablist", "aria-label": "Sessions", onkeydown: amongTabs },
      open.map((session) => {
        const status = session.permission_requests.length > 0 ? "Waits for your answer" : sessionStatus(session.status);
        return h(
          "a",
          {
            key: session.id,
            role: "tab",
            class: `session-tab session-${session.status}${session.permission_requests.length > 0 ? " session-asks" : ""}`,
            "aria-selected": String(session.id === current?.id),
            tabindex: session.id === current?.id ? 0 : -1,
            href: addressOf({ ...bench.places, session: session.id, pane: bench.wide ? bench.places.pane : null }),
            title: `${session.name} · ${session.agent}${session.model ? ` · ${session.model}` : ""} · ${status}`,
            ondblclick: () => bench.dialogs.open("session", { task, session }),
          },
          h("span", { class: "dot", role: "img", "aria-label": status }),
          h("span", { class: "session-name" }, session.name),
          unread.has(session.id) && session.id !== current?.id && h("span", { class: "dot dot-unread", role: "img", "aria-label": "Unread" }),
        );
      }),
    ),
    !isEnding(task) && h("button", { class: "plain", title: "New session", "aria-label": "New session", onclick: () => bench.dialogs.open("new_session", { task }) }, icon("plus")),
    current &&
      bench.menu.show({
        name: "session",
        side: "right",
        title: "Session",
        label: icon("more"),
        items: [
          { label: "Name and model …", act: () => bench.dialogs.open("session", { task, session: current }) },
          {
            label: "Mark as unread",
            disabled: current.status === "closed" || isOver(task),
            act: () => bench.presence.markUnread(task, current),
          },
          { label: "Close session", danger: true, disabled: current.status === "closed", act: () => close(bench, task, current) },
          ...(closed.length ? [SEPARATOR] : []),
          ...closed.map((session) => ({ label: session.name, note: "closed", act: () => bench.goTo({ ...bench.places, session: session.id }) })),
        ],
      }),
  );
}

/**
 * @param {Workbench} bench
 * @param {Task} task
 * @param {Session} session
 */
async function close(bench, task, session) {
  if (lossesOf(bench, [session])) return bench.dialogs.open("close_session", { task, session });
  const answer = await bench.commands.give("agent_session.close", { task_id: task.id, session_id: session.id }, { id: session.id });
  if (answer) leave(bench, task, session);
}

/**
 * From a session that was closed to one that is open.
 *
 * @param {Workbench} bench
 * @param {Task} task
 * @param {Session} session
 */
export function leave(bench, task, session) {
  const next = sessionsOf(task).find((one) => one.id !== session.id && one.status !== "closed");
  if (next && bench.places.session === session.id) bench.goTo({ ...bench.places, session: next.id });
}

/**
 * @param {Workbench} bench
 * @param {string} task
 */
function unreadIn(bench, task) {
  const sessions = bench.views.of("app").data?.sessions ?? [];
  return new Set(sessions.filter((one) => one.task_id === task && one.unread).map((one) => one.id));
}
