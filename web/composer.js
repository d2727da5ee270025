// Where one writes to a session: the draft, what waits to be delivered, and the stop of what runs.

/**
 * @import {Attachment, Draft, Session, Task} from "./types.js"
 * @import {Workbench} from "./workbench.js"
 */

import { attachmentList, placeOf } from "./attachments.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { commandButton } from "./command_button.js";
import { isEnding } from "./task_life.js";
import { inSeconds, sessionStatus } from "./words.js";
import { isEmpty, Written } from "./written.js";

const UNANSWERED_MS = 1000;

export class Composer {
  #bench;
  #sent;
  #written;
  /** @type {HTMLTextAreaElement | null} */
  #input = null;
  /** @type {string | null} */
  #awaited = null;
  /** @type {{session: string, draft: Draft, at: number}[]} sent, and not answered yet */
  #underWay = [];

  /**
   * @param {Workbench} bench
   * @param {{sent: () => void}} options
   */
  constructor(bench, { sent }) {
    this.#bench = bench;
    this.#sent = sent;
    const hasFocus = () => this.#input === document.activeElement && document.hasFocus();
    this.#written = new Written({ drafts: bench.drafts, views: bench.views, hasFocus });
  }

  /**
   * Go there; where the session is still loading, what is typed meanwhile is kept for it.
   *
   * @param {{isLoading: boolean}} options
   */
  focus({ isLoading }) {
    if (this.#input?.isConnected) this.#input.focus();
    else if (isLoading) this.#awaited = "";
  }

  /**
   * Whether something stands in the field of a session.
   *
   * @param {string} session
   */
  isWritten(session) {
    return !isEmpty(this.#written.of(session));
  }

  /** Whether a message is on its way that the server may not have. */
  get isSending() {
    return this.#underWay.length > 0;
  }

  /**
   * Whether a key was meant for the field that is not there yet.
   *
   * @param {KeyboardEvent} event
   */
  takes({ key }) {
    if (key === "Tab") this.giveUp();
    if (this.#awaited === null) return false;
    if (key === "Escape") this.giveUp();
    else if (key === "Backspace") this.#awaited = this.#awaited.slice(0, -1);
    else if (key.length === 1) this.#awaited += key;
    return true;
  }

  /** No field is to come: one went elsewhere, the session is closed, or it cannot be had. */
  giveUp() {
    this.#awaited = null;
  }

  /**
   * @param {Task} task
   * @param {Session} session
   */
  show(task, session) {
    const bench = this.#bench;
    const closed = session.status === "closed" || isEnding(task);
    const stopping = bench.commands.pending("agent_session.stop", session.id);
    const draft = this.#written.of(session.id);
    const { text, attachments } = draft;
    const unanswered = this.#unansweredOf(session.id);
    if (closed) this.giveUp();
    return h(
      "div",
      { class: "composer", key: `composer ${session.id}` },
      session.queue.length + unanswered.length > 0 && h("div", { class: "queue", key: "queue", role: "group", "aria-label": "Waiting messages" }, session.queue.map((message) => this.#waiting(task, session, message)), unanswered),
      this.#line(session, stopping),
      closed
        ? [
            !isEmpty(draft) && h("div", { class: "unsent", key: "unsent" }, h("p", { class: "quiet" }, "Not sent: ", text.trim() && h("button", { class: "link", onclick: () => bench.copy(text) }, "Copy")), h("p", { class: "unsent-text" }, text), attachmentList(attachments)),
            h("p", { class: "composer-closed" }, session.status === "closed" ? "This session is closed. " : "This task is over. ", !isEnding(task) && h("button", { class: "link", onclick: () => bench.dialogs.open("new_session", { task }) }, "Begin another session")),
          ]
        : h(
            "form",
            { class: "composer-form", onsubmit: (event) => this.#submit(event, task, session) },
            attachmentList(attachments, (one) => this.#detach(task, session, one)),
            h("label", { class: "unseen", for: "message" }, "Message"),
            h("textarea", {
              id: "message",
              rows: 2,
              placeholder: session.agent === "shell" ? "A shell script to run in the sandbox" : `A message to ${session.agent}`,
              value: text,
              spellcheck: session.agent === "shell" ? "false" : "true",
              ref: (node) => this.#attach(node, task, session),
              oninput: (event) => this.#typed(task, session, { text: event.target.value }),
              onkeydown: (event) => this.#key(event, task, session),
            }),
            session.status === "running" &&
              commandButton(bench, { name: "agent_session.stop", data: { task_id: task.id, session_id: session.id }, id: session.id, type: "button", class: "stop", title: "Stop" }, icon("stop"), h("span", null, stopping ? "Stopping" : "Stop")),
            h("button", { class: "primary send", title: "Send (Enter)", "aria-label": "Send", disabled: isEmpty(draft) }, icon("send")),
          ),
    );
  }

  /**
   * @param {Session} session
   * @param {boolean} stopping
   */
  #line(session, stopping) {
    if (session.permission_requests.length > 0) return h("p", { class: "composer-line", key: "line" }, icon("info"), "Waits for your answer");
    if (session.thinking_since_at !== null && session.status === "running") {
      this.#bench.frame.again(1000);
      const working_ms = Date.now() - session.thinking_since_at;
      return h("p", { class: "composer-line", key: "line" }, h("span", { class: "working", "aria-hidden": "true" }), stopping ? "Stopping …" : `Working for ${working_ms < 1000 ? "a moment" : inSeconds(working_ms)}`);
    }
    if (session.error) return h("p", { class: "composer-line bad", key: "line" }, icon("warning"), session.error);
    return h("p", { class: "composer-line quiet", key: "line" }, sessionStatus(session.status), session.model ? ` · ${session.model}` : "", ` · ${session.agent}`);
  }

  /**
   * @param {Task} task
   * @param {Session} session
   * @param {Attachment} attachment
   */
  #detach(task, session, attachment) {
    const without = () => this.#written.of(session.id).attachments.filter((one) => one !== attachment);
    const name = `Remove ${placeOf(attachment)}`;
    return h("button", { type: "button", class: "plain", title: name, "aria-label": name, onclick: () => this.#typed(task, session, { attachments: without() }) }, icon("close"));
  }

  /**
   * @param {Task} task
   * @param {Session} session
   * @param {{id: string} & Draft} message
   */
  #waiting(task, session, message) {
    const bench = this.#bench;
    return h(
      "div",
      { class: "waiting", key: message.id },
      waitingWords(message),
      commandButton(
        bench,
        {
          name: "agent_session.cancel_message",
          data: { task_id: task.id, session_id: session.id, message_id: message.id },
          id: message.id,
          class: "plain",
          title: "Do not send it",
          "aria-label": "Cancel this message",
        },
        icon("close"),
      ),
    );
  }

  /**
   * What the server has not answered for longer than one overlooks.
   *
   * @param {string} session
   */
  #unansweredOf(session) {
    const own = this.#underWay.filter((one) => one.session === session);
    if (own.some((one) => Date.now() - one.at < UNANSWERED_MS)) this.#bench.frame.again(UNANSWERED_MS);
    return own
      .filter((one) => Date.now() - one.at >= UNANSWERED_MS)
      .map((one, at) => h("div", { class: "waiting", key: `sent ${at}` }, waitingWords(one.draft), h("span", { class: "quiet" }, "Sending …")));
  }

  /**
   * @param {HTMLTextAreaElement} node
   * @param {Task} task
   * @param {Session} session
   */
  #attach(node, task, session) {
    this.#input = node;
    if (this.#awaited === null) return;
    const typed = this.#awaited;
    this.#awaited = null;
    if (typed) {
      const text = this.#written.of(session.id).text + typed;
      // At once: the next key may come before the next frame.
      node.value = text;
      this.#typed(task, session, { text });
    }
    node.focus();
  }

  /**
   * @param {Task} task
   * @param {Session} session
   * @param {Partial<Draft>} part
   */
  #typed(task, session, part) {
    this.#bench.drafts.type({ task: task.id, session: session.id, draft: this.#written.set(session.id, part) });
    this.#bench.invalidate();
  }

  /**
   * @param {KeyboardEvent} event
   * @param {Task} task
   * @param {Session} session
   */
  #key(event, task, session) {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) this.#submit(event, task, session);
    else if (event.key === "Escape") this.#input?.blur();
    else return;
    event.stopPropagation();
  }

  /**
   * @param {Event} event
   * @param {Task} task
   * @param {Session} session
   */
  async #submit(event, task, session) {
    event.preventDefault();
    const draft = this.#written.of(session.id);
    if (isEmpty(draft)) return;
    const { text, attachments } = draft;
    // The text leaves the field at once, before the next key; refused or lost, it comes back.
    this.#written.clear(session.id);
    const mark = { session: session.id, draft, at: Date.now() };
    this.#underWay.push(mark);
    this.#sent();
    this.#bench.frame.now();
    // The button cannot be used any more.
    this.#input?.focus({ preventScroll: true });
    await this.#bench.drafts.sent(session.id);
    const answer = await this.#bench.commands.giveInTurn("agent_session.send", { task_id: task.id, session_id: session.id, text, attachments }, { id: session.id });
    this.#underWay = this.#underWay.filter((one) => one !== mark);
    this.#bench.invalidate();
    if (answer) return;
    const meanwhile = this.#written.of(session.id);
    this.#typed(task, session, { text: meanwhile.text ? `${text}\n${meanwhile.text}` : text, attachments: [...attachments, ...meanwhile.attachments] });
  }
}

/** @param {Draft} message */
function waitingWords({ text, attachments }) {
  return h("div", { class: "waiting-words" }, text && h("div", { class: "waiting-text" }, text), attachmentList(attachments));
}
