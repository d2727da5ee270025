-- One file per projection and epoch; every projection has the same tables.

-- An element of a view (entity 'self' for the view's own scalars), or, under an entity that begins
-- with '_', something the projection remembers and no view shows. `place` orders numbered lists.
CREATE TABLE rows (
    topic    TEXT    NOT NULL,
    entity   TEXT    NOT NULL,
    place    INTEGER NOT NULL,
    id       TEXT    NOT NULL,
    value    BLOB    NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (topic, entity, place, id)
) WITHOUT ROWID;

CREATE TABLE topics (
    topic   TEXT    NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    ended   INTEGER NOT NULL
) WITHOUT ROWID;

-- What clients that were away are told. `written` counts all bytes ever logged, this row's included,
-- so that two rows tell how much lies between them.
CREATE TABLE changes (
    n        INTEGER NOT NULL PRIMARY KEY,
    topic    TEXT    NOT NULL,
    position INTEGER NOT NULL,
    base     INTEGER NOT NULL,
    changes  BLOB    NOT NULL,
    cause    BLOB    NOT NULL,
    written  INTEGER NOT NULL
);
CREATE UNIQUE INDEX changes_of_topic ON changes (topic, position);

-- `complete` once the file has been at the tail of the log; before that nobody is shown it.
-- `fingerprint` is an `events.log_prefix.LogFingerprint` as JSON: what to recognise the log by.
CREATE TABLE checkpoint (
    only        INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
    position    INTEGER NOT NULL,
    fingerprint TEXT    NOT NULL,
    complete    INTEGER NOT NULL
);
INSERT INTO checkpoint VALUES (1, 0, '{}', 0);
