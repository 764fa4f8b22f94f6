-- Fewer indexes to write for each call. A session's key is unique by itself; ids of records grow, so that one index by id and account is
-- appended to, where one by account and id was written here and there.

CREATE TABLE charging_session_fresh (
    account TEXT NOT NULL,
    session TEXT NOT NULL PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('open', 'refused', 'settled')),
    body TEXT NOT NULL,
    granted_s INTEGER,
    final INTEGER NOT NULL,
    held_micros INTEGER NOT NULL CHECK (held_micros >= 0),
    seq INTEGER NOT NULL,
    used_s INTEGER NOT NULL CHECK (used_s >= 0),
    cdr_id TEXT NOT NULL,
    opened_at TEXT NOT NULL
) STRICT;

INSERT INTO charging_session_fresh
    SELECT account, session, state, body, granted_s, final, held_micros, seq, used_s, cdr_id, opened_at FROM charging_session;

DROP TABLE charging_session;

ALTER TABLE charging_session_fresh RENAME TO charging_session;

CREATE INDEX charging_session_open ON charging_session (session) WHERE state = 'open';

DROP INDEX IF EXISTS charging_cdr_id;

DROP INDEX charging_cdr_key;

CREATE UNIQUE INDEX charging_cdr_id ON charging_cdr (cdr_id, account);
