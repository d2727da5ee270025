// What follows from being somewhere: a part of an address is completed, what one looks at is read, others are told.

/**
 * @import {App, Places, Session, Task} from "./types.js"
 * @import {Workbench} from "./workbench.js"
 */

import { visible } from "./ansi.js";
import { askingOf, askingWords } from "./asking.js";
import { sessionsOf } from "./session_tabs.js";

export class Presence {
  #bench;
  /** @type {string | null} */
  #selected = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer = undefined;
  #said = "";
  /** @type {Map<string, string>} */
  #lastSession = new Map();
  #atStart = true;
  /** @type {string | null} the session that was marked as unread here, until one goes elsewhere */
  #unread = null;

  /** @param {Workbench} bench */
  constructor(bench) {
    this.#bench = bench;
  }

  /** `#/` leads to the active organization and its selected task, a task to the session one was in. */
  completeAddress() {
    const { places, views } = this.#bench;
    const app = views.of("app").data;
    if (!places.organization && app?.organizations.length) {
      const organization = app.organizations.find((one) => one.id === app.active_organization_id) ?? app.organizations[0];
      const task = this.#bench.wide && this.#atStart ? organization.selected_task_id : null;
      this.#bench.goTo({ organization: organization.id, task }, { instead: true });
    }
    if (app) this.#atStart = false;
    if (places.task && !places.session) this.#completeSession(places, views.of(`task/${places.task}`).data);
    if (places.session) this.#lastSession.set(places.task ?? "", places.session);
  }

  /**
   * For later: what one looks at is not taken for read before one has been elsewhere.
   *
   * @param {Task} task
   * @param {Session} session
   */
  markUnread(task, session) {
    this.#unread = session.id;
    return this.#bench.commands.give("agent_session.set_unread", { task_id: task.id, session_id: session.id, unread: true });
  }

  /** After painting: the title, what is read now, and a word for those who do not see the screen. */
  settle() {
    const { places, views } = this.#bench;
    const app = views.of("app").data;
    const task = views.of(`task/${places.task}`).data;
    const session = task?.sessions.find((one) => one.id === places.session);
    const unread = app?.organizations.reduce((sum, one) => sum + one.unread_count, 0) ?? 0;
    const asking = askingOf(this.#bench).length;
    const title = [asking > 0 && `${asking} waiting ·`, unread > 0 && `(${unread})`, task && visible(task.title), task ? "· Foundry" : "Foundry"].filter(Boolean).join(" ");
    if (document.title !== title) document.title = title;
    if (places.session !== this.#unread) this.#unread = null;
    if (app && task) this.#select(app, task);
    if (app && task && session && !document.hidden && document.hasFocus()) this.#read(app, task, session);
    this.#say(session, asking);
  }

  /**
   * @param {Places} places
   * @param {Task | null} task
   */
  #completeSession(places, task) {
    if (!task) return;
    const sessions = sessionsOf(task);
    const known = sessions.find((one) => one.id === this.#lastSession.get(places.task ?? ""));
    const session = known ?? sessions.find((one) => one.status !== "closed") ?? sessions[0];
    if (session) this.#bench.goTo({ ...places, session: session.id }, { instead: true });
  }

  /**
   * The task in which one stays for a moment is the selected one; those passed by are not.
   *
   * @param {App} app
   * @param {Task} task
   */
  #select(app, task) {
    if (this.#selected === task.id) return;
    this.#selected = task.id;
    clearTimeout(this.#timer);
    const organization = app.organizations.find((one) => one.id === task.organization_id);
    if (organization?.selected_task_id === task.id) return;
    this.#timer = setTimeout(() => void this.#bench.commands.give("task.select", { task_id: task.id }, { id: task.id }), 800);
  }

  /**
   * @param {App} app
   * @param {Task} task
   * @param {Session} session
   */
  #read(app, task, session) {
    const own = app.sessions.find((one) => one.id === session.id);
    if (!own?.unread || session.id === this.#unread || this.#bench.commands.pending("agent_session.set_unread", session.id)) return;
    void this.#bench.commands.give("agent_session.set_unread", { task_id: task.id, session_id: session.id, unread: false }, { id: session.id });
  }

  /**
   * @param {Session | undefined} session
   * @param {number} asking
   */
  #say(session, asking) {
    const asks = session?.permission_requests[0]?.title;
    const here = asks ? `The agent asks: ${asks}` : session ? `${session.name} is ${session.status.replaceAll("_", " ")}` : "";
    const words = [here, asking > (asks ? 1 : 0) && askingWords(asking)].filter(Boolean).join(". ");
    if (words === this.#said) return;
    this.#said = words;
    const polite = document.getElementById("polite");
    if (polite) polite.textContent = visible(words);
  }
}
