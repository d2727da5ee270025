/**
 * The words of the step function (clients/README.md), for the type checker; nothing runs here.
 *
 * @typedef {"idle" | "connecting" | "catching_up" | "live" | "stale" | "reconnecting" | "needs_auth" | "closed"} Status
 * @typedef {"loading" | "live" | "stale" | "frozen" | "gone" | "forbidden" | "closed"} SubscriptionState
 * @typedef {"on" | "bootstrap-only"} Live
 *
 * @typedef {Record<string, any>} Data one object: scalars, and lists of objects with an `id`
 * @typedef {{topic: string, epoch: string, version: number, data: Data}} View
 * @typedef {{op: "put" | "remove", entity: string, id: string, value?: Data}} Change
 * @typedef {{op: string, entity: string, id: string}} Touched
 * @typedef {{kind: string, event?: string, position?: number, command_id?: string, actor?: string}} Cause
 *
 * Why a view was told; the ledger is made of these.
 * @typedef {{
 *   at: number, topic: string, cause: string, version: number | null, event?: string, position?: number,
 *   command_id?: string, actor?: string, entities?: Touched[], entity_count?: number,
 * }} Why
 *
 * What is known of one topic. `gap` says that it has to be sent anew: `due` with the next request, `waiting` for
 * its turn because it happened before, `asked`. `again` is the read that failed and is to be made again.
 * @typedef {{
 *   listeners: number, live: Live, view: View | null, refused: "gone" | "forbidden" | null,
 *   gap: "due" | "waiting" | "asked" | null, gaps: number, gap_at: number,
 *   again: {at_least: number | null, cause: string} | null, failures: number,
 * }} Topic
 *
 * One stream. `carried` is what the server was asked to carry, `asking` the interest request on its way.
 * @typedef {{
 *   id: number, sid: string | null, heartbeat_ms: number, heard_at: number, ready_at: number | null,
 *   carried: ReadonlySet<string>, revision: number, asking: Asking | null, failures: number, draining: boolean,
 * }} Connection
 * @typedef {{revision: number, add: string[], remove: string[]}} Asking
 *
 * @typedef {{
 *   connections_created: number, connections_disposed: number, reconnect_attempts: number,
 *   refreshes: Record<string, number>, gaps: number, drains: number,
 * }} Counters
 *
 * `current` is the stream in use, or being opened; `next` the one that is to take its place after a `drain`.
 * @typedef {{
 *   options: {grace_ms: number}, status: Status, topics: ReadonlyMap<string, Topic>, current: Connection | null,
 *   next: Connection | null, last_connection: number, cursor: string | null, flushing: boolean, attempt: number,
 *   retry_ms: number, not_before: number, woken_at: number | null, counters: Counters,
 * }} State
 *
 * What happens. Every input also has `at` (milliseconds) and `random` (from 0 up to, not including, 1).
 * @typedef {{type: "subscribe", topic: string, live?: Live, view?: View | null}} Subscribe
 * @typedef {{type: "release", topic: string}} Release
 * @typedef {{type: "opened", connection: number}} Opened
 * @typedef {{type: "event", connection: number, name: string, data: any, id?: string | null}} Event
 * @typedef {{type: "heard", connection: number}} Heard
 * @typedef {{type: "retry", connection: number, ms: number}} Retry
 * @typedef {{type: "lost", connection: number, status?: number, retry_after_ms?: number, code?: string, detail?: string}} Lost
 * @typedef {{type: "interest_answered", connection: number, revision: number, status: number, retry_after_ms?: number, code?: string, detail?: string}} InterestAnswered
 * @typedef {{type: "refresh", topic: string | null, at_least?: number | null, cause?: string}} Refresh
 * @typedef {{type: "read", topic: string, status: number, at_least?: number | null, cause?: string, body?: any, retry_after_ms?: number, code?: string, detail?: string}} Read
 * @typedef {{type: "timer", name: string}} Timer
 * @typedef {{type: "wake"} | {type: "unauthenticated", detail?: string} | {type: "sign_in"} | {type: "close"}} Plain
 * @typedef {Subscribe | Release | Opened | Event | Heard | Retry | Lost | InterestAnswered | Refresh | Read | Timer | Plain} Happening
 * @typedef {Happening & {at: number, random: number}} Input
 *
 * What is to be done about it, in this order.
 * @typedef {{type: "open", connection: number, topics: Record<string, string | null>, cursor: string | null}} Open
 * @typedef {{type: "dispose", connection: number}} Dispose
 * @typedef {{type: "interest", connection: number, sid: string, revision: number, add: Record<string, string | null>, remove: string[]}} Interest
 * @typedef {{type: "read", topic: string, etag: string | null, at_least: number | null, cause: string}} ReadView
 * @typedef {{type: "set_timer", name: string, ms: number}} SetTimer
 * @typedef {{type: "cancel_timer", name: string}} CancelTimer
 * @typedef {{type: "tell", topic: string, view: View | null, why: Why, newest?: true}} Tell
 * @typedef {{type: "state", state: Status}} Entered
 * @typedef {{type: "problem", status: number, code: string, detail: string}} Trouble
 * @typedef {{type: "log", event: string, [field: string]: unknown}} Log
 * @typedef {Open | Dispose | Interest | ReadView | SetTimer | CancelTimer | Tell | Entered | Trouble | Log} Effect
 *
 * What a `Foundry` is made with and tells. `share` is a name for the tabs of one person, which then share a stream.
 *
 * @typedef {Live | Record<string, Live>} LiveOption for all views, or by view: `{transcript: "bootstrap-only"}`
 * @typedef {{
 *   url?: string | URL | undefined, token?: string | null | undefined, live?: LiveOption, grace_ms?: number,
 *   fetch?: typeof fetch, credentials?: RequestCredentials, share?: string,
 *   log?: (entry: Record<string, unknown>) => void,
 * }} Options
 * @typedef {{state: Status, ledger: Why, problem: {status: number, code: string, detail: string}, log: Record<string, unknown>}} Told
 */

export {};
