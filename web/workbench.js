// The page as a whole: what it holds, where one is, and the one place where everything is painted.

/**
 * @import {Places} from "./types.js"
 * @import {Foundry} from "../clients/js/foundry.js"
 */

import { addressOf, placesOf } from "./address.js";
import { ConnectionNotice } from "./connection_notice.js";
import { Dialogs } from "./dialogs.js";
import { h, render } from "./dom.js";
import { Drafts } from "./drafts.js";
import { Frame } from "./frame.js";
import { help } from "./keys.js";
import { ledgerPanel } from "./ledger_panel.js";
import { Menu } from "./menu.js";
import { nextStep } from "./next_step.js";
import { Commands } from "./commands.js";
import { tellOtherTabs } from "./person.js";
import { Presence } from "./presence.js";
import { repositoryPane } from "./repository_pane.js";
import { sessionsOf } from "./session_tabs.js";
import { Sidebar } from "./sidebar.js";
import { isInvited, SignIn } from "./sign_in.js";
import { TaskPane } from "./task_pane.js";
import { Toasts } from "./toasts.js";
import { topicsOf, Views } from "./views.js";

const READ_MS = 20_000;
/** Measuring what was painted may ask for another look; this many within one frame. */
const LOOKS = 4;

export class Workbench {
  #host;
  /** @type {Map<string, Element | null>} what is open, and where the focus was before */
  #panels = new Map();
  #narrow = matchMedia("(max-width: 1099px)");

  /**
   * `person` is whose page it is, null when that is not known; `live` is what the address asked of the client (views.js).
   *
   * @param {{client: Foundry, person: string | null, host: HTMLElement, live: import("../clients/js/types.js").LiveOption}} options
   */
  constructor({ client, person, host, live }) {
    this.#host = host;
    this.client = client;
    this.person = person;
    this.plain = live !== "on";
    this.frame = new Frame(() => this.#paint());
    this.invalidate = this.frame.invalidate;
    this.toasts = new Toasts(this.invalidate);
    this.views = new Views(client, this.invalidate);
    this.commands = new Commands(client, { invalidate: this.invalidate, tell: (text) => this.toasts.tell(text) });
    this.drafts = new Drafts({ person, submit: (name, data) => client.command(name, data), online: () => client.state === "live" });
    this.menu = new Menu(this.frame);
    this.dialogs = new Dialogs(this);
    this.sidebar = new Sidebar(this);
    this.task = new TaskPane(this);
    this.presence = new Presence(this);
    this.notice = new ConnectionNotice(this);
    this.signIn = new SignIn({ invalidate: this.invalidate, done: (one) => this.signedIn(one) });
    this.places = placesOf(location.hash);
  }

  start() {
    this.#narrow.addEventListener("change", this.invalidate);
    // The link that signs in differs from this page in its hash only, so the browser loads nothing by itself.
    addEventListener("hashchange", () => (isInvited() ? location.reload() : this.#arrive(placesOf(location.hash))));
    document.addEventListener("click", (event) => this.#follow(event));
    // What waits for a frame does not wait until the tab is seen again.
    document.addEventListener("visibilitychange", () => this.frame.now());
    addEventListener("focus", this.invalidate);
    // What the server has not answered is nowhere else yet; the browser asks before it is gone.
    addEventListener("beforeunload", (event) => (this.task.composer.isSending || this.dialogs.isSending) && event.preventDefault());
    this.client.on("state", () => {
      if (this.client.state === "live") this.drafts.flush();
      this.invalidate();
    });
    this.client.on("log", ({ event }) => (event === "gap" || event === "behind") && this.invalidate());
    this.client.on("problem", (problem) => this.toasts.tell(problem.detail, "trouble"));
    this.client.on("ledger", () => this.isShown("ledger") && this.invalidate());
    this.invalidate();
  }

  /** Whether there is room for a task's panes beside its transcript. */
  get wide() {
    return !this.#narrow.matches;
  }

  /**
   * Go somewhere; `instead` leaves no trace in the history, `select` remembers it on the server.
   *
   * @param {Places} places
   * @param {{instead?: boolean, select?: boolean}} [options]
   */
  goTo(places, { instead = false, select = false } = {}) {
    const address = addressOf(places);
    if (select && places.organization !== this.places.organization) {
      void this.commands.give("organization.select", { organization_id: places.organization });
    }
    if (instead || address === location.hash) history.replaceState(null, "", address);
    else history.pushState(null, "", address);
    this.#arrive(placesOf(address));
  }

  /**
   * A plain read. Throws an Error with the server's own sentence.
   *
   * @param {string} path
   */
  async read(path) {
    const answer = await fetch(path, { signal: AbortSignal.timeout(READ_MS) }).catch(() => {
      throw new Error("The server does not answer at the moment.");
    });
    if (answer.ok) return answer;
    const problem = await answer.json().catch(() => ({}));
    throw new Error(problem.detail ?? `The server answered ${answer.status}.`);
  }

  /** @param {string} text */
  async copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      this.toasts.tell("Copied.", "note");
    } catch {
      // Browsers have no clipboard for a page that came over plain http from another machine.
      this.toasts.tell(`The browser did not let this page copy. Select it here instead: ${text}`);
    }
  }

  /**
   * Somebody signed in, here or in another tab; null: signed out. All that is known here is one person's, so that
   * another one begins with an empty page.
   *
   * @param {string | null} person
   */
  signedIn(person) {
    if (person !== null && person === this.person) this.client.signedIn();
    else location.reload();
  }

  async signOut() {
    const answer = await fetch("/v1/logout", { method: "POST" }).catch(() => null);
    if (!answer?.ok) return this.toasts.tell("The server did not answer, so you are still signed in. Try again.");
    tellOtherTabs(null);
    location.replace("/");
  }

  /** @param {string} panel */
  toggle(panel) {
    if (this.#panels.has(panel)) return this.close(panel);
    this.#panels.set(panel, document.activeElement);
    this.frame.now();
  }

  /**
   * The focus goes back to where it was when the panel came, unless it is somewhere else by now.
   *
   * @param {string} panel
   */
  close(panel) {
    const before = this.#panels.get(panel);
    if (!this.#panels.delete(panel)) return;
    this.frame.now();
    if (document.activeElement === document.body && before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
  }

  /** @param {string} panel */
  isShown(panel) {
    return this.#panels.has(panel);
  }

  /** Whether a dialog is open: keys are its own then. */
  get isModal() {
    return this.dialogs.isOpen || this.isShown("help");
  }

  escape() {
    const { activeElement } = document;
    if (this.#panels.size > 0) for (const panel of [...this.#panels.keys()]) this.close(panel);
    else if (activeElement instanceof HTMLElement && !activeElement.matches("body, main")) activeElement.blur();
    else if (this.places.task && !this.wide) this.goTo({ organization: this.places.organization });
    this.invalidate();
  }

  newTask() {
    const workspace = this.views.of(`workspace/${this.places.organization}`).data;
    if (workspace?.repositories.length) this.dialogs.open("task");
    else if (workspace) this.dialogs.open("repository");
  }

  toComposer() {
    if (!this.places.task) return;
    if (!this.wide) this.goTo({ ...this.places, pane: "chat" });
    this.frame.now();
    this.task.composer.focus({ isLoading: this.#taskView.state === "loading" });
  }

  /** @param {string} pane */
  toPane(pane) {
    if (this.places.task) this.goTo({ ...this.places, pane });
  }

  /** @param {number} step */
  nextSession(step) {
    const task = this.#taskView.data;
    const open = task ? sessionsOf(task).filter((one) => one.status !== "closed") : [];
    if (open.length === 0) return;
    const at = open.findIndex((one) => one.id === this.places.session);
    this.goTo({ ...this.places, session: open[(at + step + open.length) % open.length].id });
  }

  get #taskView() {
    return this.views.of(`task/${this.places.task}`);
  }

  /**
   * A link to a place is followed at once: the browser would say so later, and the next key is meant for that place.
   *
   * @param {MouseEvent} event
   */
  #follow(event) {
    const link = event.target instanceof Element && event.target.closest("a[href^='#/']");
    if (!link || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    this.goTo(placesOf(link.getAttribute("href") ?? ""));
  }

  /** @param {Places} places */
  #arrive(places) {
    const left = this.places.task;
    if (places.task !== left) {
      this.task.composer.giveUp();
      // It would be the next one's.
      this.menu.close();
    }
    this.places = places;
    // Where the list takes the place of the task, one goes on from its row.
    if (left && !places.task && !this.wide) this.sidebar.focusTask(left);
    this.invalidate();
  }

  #paint() {
    if (this.client.state !== "needs_auth") this.#hold();
    let settled = false;
    for (let look = 0; look < LOOKS && !settled; look += 1) {
      render(this.#host, this.#show());
      settled = !this.task.settle();
    }
    if (!settled) this.invalidate();
    this.sidebar.settle();
    this.presence.settle();
  }

  /** Subscribe to what is to be shown, and complete an address that names only a part of the way. */
  #hold() {
    const pane = this.places.pane ?? (this.wide ? "changes" : "chat");
    this.views.want(topicsOf({ ...this.places, others: this.#others, pane: pane === "chat" && this.wide ? "changes" : pane, wide: this.wide }));
    this.presence.completeAddress();
  }

  /**
   * One's other organizations, once the one where one is has been told. One after the other, so that whoever opens a task
   * meanwhile waits for the list of one of them, and not for all.
   */
  get #others() {
    if (this.plain || this.views.of(`workspace/${this.places.organization}`).data === null) return [];
    const all = (this.views.of("app").data?.organizations ?? []).map((one) => one.id);
    const isTold = (/** @type {string} */ id) => this.views.of(`workspace/${id}`).state !== "loading";
    const next = all.find((id) => !isTold(id));
    return all.filter((id) => isTold(id) || id === next);
  }

  #show() {
    if (this.client.state === "needs_auth") return [this.signIn.show(), this.toasts.show()];
    const where = this.places.task ? "at-task" : this.places.repository ? "at-repository" : "at-list";
    return [
      h("div", { class: `bench ${where}`, key: "bench" }, this.sidebar.show(), this.#main()),
      this.isShown("ledger") && ledgerPanel(this),
      this.notice.show(),
      this.dialogs.show(),
      this.isShown("help") && help(this),
      this.toasts.show(),
    ];
  }

  #main() {
    if (this.places.task) return this.task.show(this.places.task, this.#taskView);
    if (this.places.repository) return repositoryPane(this);
    return nextStep(this);
  }
}
