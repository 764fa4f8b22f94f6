-- The chain of seals over the commitments of all files, and what the witness outside said of them.

CREATE TABLE evidence_seal (
    number INTEGER PRIMARY KEY,
    body TEXT NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    signature BLOB NOT NULL CHECK (length(signature) = 64),
    leaves BLOB NOT NULL CHECK (length(leaves) > 0 AND length(leaves) % 32 = 0)
) STRICT;

CREATE TABLE evidence_token (
    seal INTEGER NOT NULL,
    token BLOB NOT NULL,
    stamped_at TEXT NOT NULL,
    authority TEXT NOT NULL,
    UNIQUE (seal, authority)
) STRICT;

CREATE TRIGGER evidence_seal_no_update BEFORE UPDATE ON evidence_seal
BEGIN SELECT RAISE(ABORT, 'evidence-append-only'); END;
CREATE TRIGGER evidence_seal_no_delete BEFORE DELETE ON evidence_seal
BEGIN SELECT RAISE(ABORT, 'evidence-append-only'); END;
CREATE TRIGGER evidence_token_no_update BEFORE UPDATE ON evidence_token
BEGIN SELECT RAISE(ABORT, 'evidence-append-only'); END;
CREATE TRIGGER evidence_token_no_delete BEFORE DELETE ON evidence_token
BEGIN SELECT RAISE(ABORT, 'evidence-append-only'); END;
