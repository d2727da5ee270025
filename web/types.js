/**
 * What the views hold (docs/protocol.md), as far as the page shows it, and the page's own words; for the type checker,
 * nothing runs here.
 *
 * @typedef {string | null | undefined} Maybe
 * @typedef {{organization?: Maybe, task?: Maybe, session?: Maybe, repository?: Maybe, pane?: Maybe}} Places
 *
 * @typedef {{id: string, name: string, role: string, unread_count: number, task_count: number, selected_task_id: string | null}} Organization
 * @typedef {{id: string, path: string, line?: number | null, text?: string | null}} Attachment
 * @typedef {{text: string, attachments: Attachment[]}} Draft
 * @typedef {{id: string, task_id: string, organization_id: string, unread: boolean, draft: Draft | null}} OwnSession
 * @typedef {{user: {id: string, name: string}, active_organization_id: string | null, organizations: Organization[], sessions: OwnSession[]}} App
 *
 * @typedef {{number: number, status: string, url: string}} PullRequest
 * @typedef {{
 *   id: string, repository_id: string, title: string, status: string, status_message: string | null, branch: string | null,
 *   agent: string, pull_request: PullRequest | null, issue_count: number, diff: {files: number, added: number, removed: number},
 *   created_at: number, updated_at: number,
 * }} ListedTask
 * @typedef {{id: string, name: string, remote_url: string, default_branch: string | null, branches_status: string}} ListedRepository
 * @typedef {{
 *   id: string, name: string, default_agent: string | null, default_model: string | null,
 *   repositories: ListedRepository[], tasks: ListedTask[],
 * }} Workspace
 *
 * @typedef {{id: string, title: string, options: {id: string, name: string, kind: string}[]}} PermissionRequest
 * @typedef {{
 *   id: string, name: string, agent: string, model: string | null, status: string, thinking_since_at: number | null,
 *   error: string | null, queue: ({id: string} & Draft)[], permission_requests: PermissionRequest[],
 * }} Session
 * @typedef {{id: string, status: string, attempt: number, started_at: number | null, ended_at: number | null, message: string | null}} Stage
 * @typedef {{id: string, kind: string, details: Record<string, string>, status: string, stages: Stage[]}} Job
 * @typedef {{id: string, code: string, stage: string | null, message: string, at: number, resolved_at: number | null, retry_job_id: string | null}} Issue
 * @typedef {{id: string, provider: string, host: string, path: string, status: string}} Sandbox
 * @typedef {{
 *   id: string, organization_id: string, repository_id: string, title: string, prompt: string, status: string,
 *   status_message: string | null, branch: string | null, agent: string, pull_request: PullRequest | null,
 *   sessions: Session[], sandboxes: Sandbox[], jobs: Job[], issues: Issue[],
 * }} Task
 *
 * @typedef {{id: string, kind: string, added: number, removed: number, binary: boolean}} ChangedFile
 * @typedef {{id: string, size: number}} TreeFile
 * @typedef {{
 *   status: string, captured_at: number | null, omitted: number, tree_omitted: number, files: ChangedFile[], tree: TreeFile[],
 * }} Files
 * @typedef {{
 *   id: string, command: string, args: string[], status: string, exit_code: number | null, started_at: number | null,
 *   exited_at: number | null, tail: string,
 * }} Process
 * @typedef {{id: string, sha: string, task_id: string | null, parent: string | null, ahead: number, behind: number, conflicts: boolean}} Branch
 * @typedef {{
 *   id: string, name: string, remote_url: string, default_branch: string | null, branches_status: string,
 *   branches_at: number | null, branches: Branch[], jobs: Job[],
 * }} Repository
 * @typedef {{
 *   id: string, index: number, sender: string, kind: string, text?: string, payload?: any, blob?: {id: string, size: number},
 *   attachments?: Attachment[], at: number,
 * }} Entry
 * @typedef {{id: string, first_index: number, last_index: number, entries: Entry[]}} TranscriptView
 *
 * One piece of a transcript as it is shown: several entries may make one.
 * @typedef {{
 *   key: string, kind: string, continued: boolean, at: number, until: number, sender: string, word: string, text: string,
 *   payload?: any, blob?: {id: string, size: number} | undefined, attachments: Attachment[],
 * }} Block
 */

/**
 * What is known of a topic; `data` is null while nothing has come.
 *
 * @template T
 * @typedef {{data: T | null, state: string}} Seen
 */

/**
 * What a topic holds.
 *
 * @template {string} T
 * @typedef {T extends "app" ? App : T extends `workspace/${string}` ? Workspace : T extends `repository/${string}` ? Repository
 *   : T extends `task/${string}` ? Task : T extends `files/${string}` ? Files
 *   : T extends `processes/${string}` ? {processes: Process[]} : T extends `transcript/${string}` ? TranscriptView : never} DataOf
 */

export {};
