-- Evidence of one database file. A commitment is written in the transaction of what it speaks of and never changes; body and salt lie
-- apart, under the data key of whom they speak of, and are removed with that key when the person's data are erased.

CREATE TABLE evidence_key (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    subject TEXT NOT NULL UNIQUE,
    sealed BLOB NOT NULL
) STRICT;

CREATE TABLE evidence_commitment (
    position INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    holder INTEGER NOT NULL,
    commitment BLOB NOT NULL CHECK (length(commitment) = 32)
) STRICT;

-- Calls are most of a big file and are read in order: no index of theirs to keep.
CREATE INDEX evidence_commitment_kind ON evidence_commitment (kind, position) WHERE kind <> 'charging.cdr';

CREATE TABLE evidence_body (
    position INTEGER PRIMARY KEY,
    holder INTEGER NOT NULL,
    ref TEXT NOT NULL,
    sealed BLOB NOT NULL
) STRICT;

CREATE INDEX evidence_body_holder ON evidence_body (holder, position);
CREATE INDEX evidence_body_ref ON evidence_body (ref);

-- What lay in a table before evidence began has no entry: `after` is its last position.
CREATE TABLE evidence_start (
    name TEXT NOT NULL PRIMARY KEY,
    after INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER evidence_commitment_no_update BEFORE UPDATE ON evidence_commitment
BEGIN SELECT RAISE(ABORT, 'evidence-append-only'); END;
CREATE TRIGGER evidence_commitment_no_delete BEFORE DELETE ON evidence_commitment
BEGIN SELECT RAISE(ABORT, 'evidence-append-only'); END;
CREATE TRIGGER evidence_body_no_update BEFORE UPDATE ON evidence_body
BEGIN SELECT RAISE(ABORT, 'evidence-append-only'); END;
CREATE TRIGGER evidence_key_fixed BEFORE UPDATE OF number, subject ON evidence_key
BEGIN SELECT RAISE(ABORT, 'evidence-append-only'); END;
CREATE TRIGGER evidence_start_no_update BEFORE UPDATE ON evidence_start
BEGIN SELECT RAISE(ABORT, 'evidence-append-only'); END;
CREATE TRIGGER evidence_start_no_delete BEFORE DELETE ON evidence_start
BEGIN SELECT RAISE(ABORT, 'evidence-append-only'); END;
