// Signing in: with the one-time code of the start-up link, or with a token.

import { h } from "./dom.js";
import { sentenceOf } from "./commands.js";
import { tellOtherTabs } from "./person.js";

/** Whether the start-up link was opened in this tab. */
export function isInvited() {
  return codeOf(location.hash) !== null;
}

/** The code of the start-up link, taken out of the address: it works once, and people copy addresses. */
export function takeCode() {
  const code = codeOf(location.hash);
  if (code) history.replaceState(null, "", location.pathname + location.search);
  return code;
}

/**
 * Sign in with `{code}` or `{token}`, in all tabs. Resolves to the person's id; throws an Error with the server's own
 * sentence.
 *
 * @param {{code: string} | {token: string}} credential
 */
export async function signIn(credential) {
  const body = JSON.stringify(credential);
  const answer = await fetch("/v1/login", { method: "POST", headers: { "Content-Type": "application/json" }, body }).catch(() => null);
  const said = await answer?.json().catch(() => null);
  if (!answer?.ok || !said) throw new Error(said?.detail ?? "The server does not answer at the moment. Try again.");
  const person = /** @type {string} */ (said.user.id);
  tellOtherTabs(person);
  return person;
}

/** @param {string} hash */
function codeOf(hash) {
  return new URLSearchParams(hash.slice(1)).get("code");
}

export class SignIn {
  #invalidate;
  #done;
  #token = "";
  #busy = false;
  /** @type {string | null} */
  error = null;

  /** @param {{invalidate: () => void, done: (person: string) => void}} options */
  constructor({ invalidate, done }) {
    this.#invalidate = invalidate;
    this.#done = done;
  }

  show() {
    return h(
      "main",
      { class: "sign-in", key: "sign-in" },
      h("img", { src: "/web/icon.svg", alt: "", width: 40, height: 40 }),
      h("h1", null, "Sign in to Foundry"),
      h("p", { class: "quiet" }, "Open the link that ", h("code", null, "foundry serve"), " printed, or paste the token that ", h("code", null, "foundry token"), " prints."),
      h(
        "form",
        { onsubmit: (event) => this.#submit(event) },
        h("label", { for: "token" }, "Token"),
        h("input", { id: "token", type: "password", autocomplete: "current-password", required: true, ref: (node) => node.focus(), value: this.#token, oninput: (event) => this.#type(event) }),
        h("p", { class: "dialog-error", role: "alert" }, this.error ?? ""),
        h("button", { class: "primary", "aria-busy": String(this.#busy) }, "Sign in"),
      ),
    );
  }

  /** @param {any} event */
  #type(event) {
    this.#token = event.target.value;
  }

  /** @param {SubmitEvent} event */
  async #submit(event) {
    event.preventDefault();
    if (this.#busy) return;
    this.#busy = true;
    this.error = null;
    this.#invalidate();
    try {
      const person = await signIn({ token: this.#token.trim() });
      this.#token = "";
      this.#done(person);
    } catch (error) {
      this.error = sentenceOf(error);
    }
    this.#busy = false;
    this.#invalidate();
  }
}
