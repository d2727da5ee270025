// What the server's words are called here, and how times and counts read.

/** @type {Record<string, string>} */
const TASK = {
  queued: "Queued",
  provisioning: "Getting ready",
  running: "Running",
  idle: "Idle",
  error: "Failed",
  archiving: "Archiving",
  archived: "Archived",
  killing: "Killing",
  killed: "Killed",
};

/** @type {Record<string, string>} */
const SESSION = {
  pending_provision: "Waits for the sandbox",
  pending_session_create: "Opening",
  ready: "Ready",
  running: "Working",
  idle: "Idle",
  error: "Failed",
  closed: "Closed",
};

/** @type {Record<string, string>} */
const STAGES = {
  name_ensured: "Choose a branch",
  sandbox_allocated: "Find a place to work",
  repository_prepared: "Check out the repository",
  agent_installed: "Look for the agent",
  agent_started: "Start the agent",
  session_created: "Open the session",
};

/** @type {Record<string, string>} the same in one word, for where there is little room */
const BRIEF_STAGES = {
  name_ensured: "Branch",
  sandbox_allocated: "Sandbox",
  repository_prepared: "Checkout",
  agent_installed: "Agent",
  agent_started: "Start",
  session_created: "Session",
};

/** @type {Record<string, string>} */
const STATES = {
  idle: "Not connected",
  connecting: "Connecting",
  catching_up: "Catching up",
  live: "Live",
  stale: "No sign of life",
  reconnecting: "Reconnecting",
  needs_auth: "Signed out",
  closed: "Closed",
};

export const PROVISION_STAGES = Object.keys(STAGES);

/** @param {string} status */
export const taskStatus = (status) => TASK[status] ?? words(status);
/** @param {string} status */
export const sessionStatus = (status) => SESSION[status] ?? words(status);
/** @param {string} stage */
export const stageName = (stage) => STAGES[stage] ?? words(stage);
/** @param {string} stage */
export const briefStage = (stage) => BRIEF_STAGES[stage] ?? words(stage);
/** @param {string} state */
export const stateName = (state) => STATES[state] ?? words(state);
/** @param {string} kind */
export const jobKind = (kind) => words(kind);

/**
 * `task_provision` as "Task provision".
 *
 * @param {string | null | undefined} tag
 */
function words(tag) {
  const text = String(tag ?? "").replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/**
 * How long ago, short: "now", "4 min", "3 h", "12 d".
 *
 * @param {number} at
 * @param {number} [now]
 */
export function ago(at, now = Date.now()) {
  const minutes = Math.floor((now - at) / 60_000);
  if (minutes < 1) return "now";
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h`;
  return `${Math.floor(minutes / 1440)} d`;
}

/**
 * A duration: "140 ms", "3.2 s", "2 min 5 s".
 *
 * @param {number} milliseconds
 */
export function lasting(milliseconds) {
  if (milliseconds < 1000) return `${Math.max(0, Math.round(milliseconds))} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(1)} s`;
  return `${Math.floor(milliseconds / 60_000)} min ${Math.floor((milliseconds % 60_000) / 1000)} s`;
}

/**
 * A duration that is told once a second: "0 ms", "3 s", "2 min 5 s".
 *
 * @param {number} milliseconds
 */
export function inSeconds(milliseconds) {
  return lasting(Math.floor(milliseconds / 1000) * 1000).replace(".0", "");
}

/**
 * The time of day.
 *
 * @param {number} at
 */
export function clock(at) {
  return new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

/**
 * "1 file", "3 files".
 *
 * @param {number} number
 * @param {string} noun
 * @param {string} [plural]
 */
export function count(number, noun, plural = `${noun}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? noun : plural}`;
}

/**
 * "3 files", "3,000 of 3,005 files".
 *
 * @param {number} listed
 * @param {number} omitted
 * @param {string} noun
 */
export function countListed(listed, omitted, noun) {
  return omitted > 0 ? `${listed.toLocaleString("en")} of ${count(listed + omitted, noun)}` : count(listed, noun);
}

/**
 * Bytes for people.
 *
 * @param {number} bytes
 */
export function size(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(1)} KB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

/**
 * The last part of a path or a branch, and what stands before it.
 *
 * @param {string} path
 */
export function tailOf(path) {
  const at = path.lastIndexOf("/");
  return { folder: path.slice(0, at + 1), name: path.slice(at + 1) };
}
