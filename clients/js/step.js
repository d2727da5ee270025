/**
 * The subscription manager as a function: what happened in, what is to be done out. No clock, no chance, no network;
 * `clients/cases.json` holds its examples, which the Python client follows as well.
 *
 * @import {Effect, Input, State} from "./types.js"
 */

import { listen, lost, needSignIn, open, openingIsOver, reopen, stop, wake } from "./connections.js";
import { heard, received } from "./events.js";
import { answered, collected } from "./interest.js";
import { read, readAgain, refresh } from "./reads.js";
import { askAgain, letGo, release, subscribe, wanted } from "./topics.js";
import { Turn } from "./turn.js";

/**
 * @param {State} state
 * @param {Input} input
 * @returns {[State, Effect[]]}
 */
export function step(state, input) {
  if (state.status === "closed") return [state, []];
  const turn = new Turn(state, input);
  decide(turn, input);
  return [turn.state, turn.effects];
}

/**
 * @param {Turn} turn
 * @param {Input} input
 */
function decide(turn, input) {
  switch (input.type) {
    case "subscribe":
      return subscribe(turn, input);
    case "release":
      return release(turn, input);
    case "opened":
      return turn.do({ type: "log", event: "stream opened", connection: input.connection });
    case "event":
      return received(turn, input);
    case "heard":
      return heard(turn, input.connection);
    case "retry":
      return turn.placeOf(input.connection) === null ? undefined : turn.set({ retry_ms: input.ms });
    case "lost":
      return lost(turn, input);
    case "interest_answered":
      return answered(turn, input);
    case "refresh":
      return refresh(turn, input);
    case "read":
      return read(turn, input);
    case "timer":
      return timed(turn, input.name);
    case "wake":
      return wake(turn);
    case "unauthenticated":
      return needSignIn(turn, input.detail ?? "");
    case "sign_in":
      return signIn(turn);
    case "close":
      stop(turn);
      return turn.enter("closed");
  }
}

/**
 * @param {Turn} turn
 * @param {string} timer
 */
function timed(turn, timer) {
  const [name, about = ""] = split(timer);
  switch (name) {
    case "interest":
      return collected(turn);
    case "retry":
      return reopen(turn);
    case "drain":
      return turn.state.current?.draining && turn.state.next === null ? open(turn, "next") : undefined;
    case "opening":
      return openingIsOver(turn, Number(about));
    case "silence":
      return listen(turn, Number(about));
    case "grace":
      return letGo(turn, about);
    case "gap":
      return askAgain(turn, about);
    case "read":
      return readAgain(turn, about);
  }
}

/**
 * A name like `grace task/task_1` and what it is about.
 *
 * @param {string} timer
 */
function split(timer) {
  const at = timer.indexOf(" ");
  return at < 0 ? [timer] : [timer.slice(0, at), timer.slice(at + 1)];
}

/** @param {Turn} turn */
function signIn(turn) {
  if (turn.state.status !== "needs_auth") return;
  if (wanted(turn).length === 0) turn.enter("idle");
  else {
    turn.enter("connecting");
    open(turn, "current");
  }
  refresh(turn, { type: "refresh", topic: null, cause: "bootstrap" });
}
