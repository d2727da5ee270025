CREATE TABLE checkpoint (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    -- An `events.log_prefix.LogFingerprint` as JSON: how far this is, and what to recognise the log by.
    fingerprint TEXT NOT NULL
);
INSERT INTO checkpoint VALUES (1, '{}');

-- Where the history of a thing is: the first commit that named it decides for ever.
CREATE TABLE things (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    organization_id TEXT,
    aggregate TEXT NOT NULL,
    aggregate_id TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE command_keys (
    -- `commands.keys.short_key`
    key BLOB PRIMARY KEY,
    position INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    organization_id TEXT NOT NULL,
    repository_id TEXT,
    task_id TEXT,
    announced_in TEXT NOT NULL,
    announced_by TEXT NOT NULL,
    announced_position INTEGER NOT NULL,
    opened INTEGER NOT NULL DEFAULT 0,
    ended INTEGER NOT NULL DEFAULT 0,
    started_on TEXT
) WITHOUT ROWID;
CREATE INDEX open_jobs ON jobs (announced_position) WHERE ended = 0;

CREATE TABLE tasks (
    id TEXT PRIMARY KEY,
    repository_id TEXT NOT NULL,
    host TEXT,
    -- For good: what was killed never works again.
    killed INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX tasks_of_repository ON tasks (repository_id) WHERE killed = 0;
CREATE INDEX tasks_on_host ON tasks (host) WHERE host IS NOT NULL;

CREATE TABLE members (
    user_id TEXT NOT NULL,
    organization_id TEXT NOT NULL,
    PRIMARY KEY (user_id, organization_id)
) WITHOUT ROWID;
