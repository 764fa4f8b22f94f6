-- Calls in progress and over, and their records.

CREATE TABLE charging_session (
    account TEXT NOT NULL,
    session TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'refused', 'settled')),
    body TEXT NOT NULL,
    granted_s INTEGER,
    final INTEGER NOT NULL,
    held_micros INTEGER NOT NULL CHECK (held_micros >= 0),
    seq INTEGER NOT NULL,
    used_s INTEGER NOT NULL CHECK (used_s >= 0),
    cdr_id TEXT NOT NULL,
    opened_at TEXT NOT NULL,
    PRIMARY KEY (account, session)
) STRICT;

CREATE UNIQUE INDEX charging_session_key ON charging_session (session);
CREATE INDEX charging_session_open ON charging_session (session) WHERE state = 'open';

CREATE TABLE charging_extension (
    account TEXT NOT NULL,
    session TEXT NOT NULL,
    seq INTEGER NOT NULL,
    used_s INTEGER NOT NULL,
    granted_s INTEGER,
    final INTEGER NOT NULL,
    held_micros INTEGER NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (account, session, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE charging_cdr (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL,
    cdr_id TEXT NOT NULL,
    session TEXT NOT NULL,
    call_id TEXT NOT NULL,
    brand TEXT NOT NULL,
    terms TEXT NOT NULL,
    direction TEXT NOT NULL,
    number_class TEXT NOT NULL,
    destination TEXT NOT NULL,
    authorised_at TEXT NOT NULL,
    answered_at TEXT,
    ended_at TEXT NOT NULL,
    disposition TEXT NOT NULL,
    ended_by TEXT NOT NULL,
    charged_s INTEGER NOT NULL CHECK (charged_s >= 0),
    charge_micros INTEGER NOT NULL CHECK (charge_micros >= 0),
    currency TEXT NOT NULL,
    clause TEXT NOT NULL,
    loss_s INTEGER NOT NULL,
    loss_micros INTEGER NOT NULL,
    corrects TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX charging_cdr_key ON charging_cdr (account, cdr_id);
CREATE UNIQUE INDEX charging_cdr_session ON charging_cdr (account, session) WHERE corrects = '';
CREATE INDEX charging_cdr_corrects ON charging_cdr (account, corrects) WHERE corrects <> '';
CREATE INDEX charging_cdr_ended ON charging_cdr (account, ended_at);

CREATE TRIGGER charging_cdr_before BEFORE INSERT ON charging_cdr
BEGIN
    SELECT RAISE(ABORT, 'charging-cdr-exists') WHERE EXISTS (
        SELECT 1 FROM charging_cdr AS c WHERE (c.account = NEW.account AND c.cdr_id = NEW.cdr_id) OR c.position = NEW.position
    ) OR (NEW.corrects = '' AND EXISTS (
        SELECT 1 FROM charging_cdr AS c WHERE c.account = NEW.account AND c.session = NEW.session AND c.corrects = ''
    ));
END;
CREATE TRIGGER charging_cdr_no_update BEFORE UPDATE ON charging_cdr
BEGIN SELECT RAISE(ABORT, 'charging-append-only'); END;
CREATE TRIGGER charging_cdr_no_delete BEFORE DELETE ON charging_cdr
BEGIN SELECT RAISE(ABORT, 'charging-append-only'); END;
CREATE TRIGGER charging_extension_no_update BEFORE UPDATE ON charging_extension
BEGIN SELECT RAISE(ABORT, 'charging-append-only'); END;
CREATE TRIGGER charging_extension_no_delete BEFORE DELETE ON charging_extension
BEGIN SELECT RAISE(ABORT, 'charging-append-only'); END;
