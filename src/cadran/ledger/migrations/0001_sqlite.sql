-- The books in SQLite. The database itself writes the two legs of a transfer and keeps the cached balances; the messages of RAISE are the
-- stable ids of cadran.ledger.rules.

CREATE TABLE ledger_account (
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    currency TEXT NOT NULL CHECK (currency GLOB '[A-Z][A-Z][A-Z]'),
    floor_micros INTEGER,
    balance_micros INTEGER,
    held_micros INTEGER,
    opened_at TEXT NOT NULL,
    PRIMARY KEY (owner, name),
    CONSTRAINT ledger_floor CHECK (floor_micros IS NULL OR balance_micros - held_micros >= floor_micros),
    CONSTRAINT ledger_held CHECK (held_micros IS NULL OR held_micros >= 0),
    CONSTRAINT ledger_cached CHECK (
        (floor_micros IS NULL) = (balance_micros IS NULL) AND (floor_micros IS NULL) = (held_micros IS NULL)
    )
) STRICT, WITHOUT ROWID;

CREATE TABLE ledger_transfer (
    owner TEXT NOT NULL,
    transfer TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('posted', 'pending', 'post', 'void', 'expire')),
    reservation TEXT NOT NULL CHECK ((reservation = '') = (kind = 'posted')),
    debit_owner TEXT NOT NULL,
    debit_name TEXT NOT NULL,
    credit_owner TEXT NOT NULL,
    credit_name TEXT NOT NULL,
    currency TEXT NOT NULL,
    amount_micros INTEGER NOT NULL,
    released_micros INTEGER NOT NULL,
    at TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (owner, transfer),
    CONSTRAINT ledger_amount CHECK (
        CASE kind
            WHEN 'posted' THEN amount_micros > 0 AND released_micros = 0
            WHEN 'pending' THEN amount_micros > 0 AND released_micros = 0
            WHEN 'post' THEN amount_micros > 0 AND amount_micros <= released_micros
            ELSE amount_micros = 0 AND released_micros > 0
        END
    ),
    CONSTRAINT ledger_two_accounts CHECK (debit_owner <> credit_owner OR debit_name <> credit_name)
) STRICT, WITHOUT ROWID;

-- Named in the queries that need it: without statistics the planner would go through all of an owner's transfers instead.
CREATE INDEX ledger_transfer_held
    ON ledger_transfer (owner, reservation) WHERE reservation <> '';

CREATE TABLE ledger_posting (
    owner TEXT NOT NULL,
    transfer TEXT NOT NULL,
    leg INTEGER NOT NULL CHECK (leg IN (0, 1)),
    account_owner TEXT NOT NULL,
    account_name TEXT NOT NULL,
    currency TEXT NOT NULL,
    amount_micros INTEGER NOT NULL CHECK (amount_micros <> 0),
    PRIMARY KEY (owner, transfer, leg)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER ledger_transfer_before BEFORE INSERT ON ledger_transfer
BEGIN
    SELECT CASE
        WHEN EXISTS (SELECT 1 FROM ledger_transfer AS t WHERE t.owner = NEW.owner AND t.transfer = NEW.transfer)
            THEN RAISE(ABORT, 'ledger-transfer-exists')
        WHEN (SELECT a.currency FROM ledger_account AS a WHERE a.owner = NEW.debit_owner AND a.name = NEW.debit_name) IS NULL
            OR (SELECT a.currency FROM ledger_account AS a WHERE a.owner = NEW.credit_owner AND a.name = NEW.credit_name) IS NULL
            THEN RAISE(ABORT, 'ledger-account-unknown')
        WHEN (SELECT a.currency FROM ledger_account AS a WHERE a.owner = NEW.debit_owner AND a.name = NEW.debit_name) <> NEW.currency
            OR (SELECT a.currency FROM ledger_account AS a WHERE a.owner = NEW.credit_owner AND a.name = NEW.credit_name) <> NEW.currency
            THEN RAISE(ABORT, 'ledger-currency-mismatch')
    END;
END;

-- A reservation is resolved once for each debit account, for exactly what it holds there; nothing is held on it afterwards.
CREATE TRIGGER ledger_reservation_before BEFORE INSERT ON ledger_transfer WHEN NEW.reservation <> ''
BEGIN
    SELECT CASE
        WHEN EXISTS (
            SELECT 1 FROM ledger_transfer AS t INDEXED BY ledger_transfer_held
            WHERE t.owner = NEW.owner AND t.reservation = NEW.reservation AND t.reservation <> '' AND t.kind <> 'pending'
                AND t.debit_owner = NEW.debit_owner AND t.debit_name = NEW.debit_name
        ) THEN RAISE(ABORT, 'ledger-reservation-resolved')
        WHEN NEW.kind <> 'pending' AND NEW.released_micros IS NOT (
            SELECT sum(t.amount_micros) FROM ledger_transfer AS t INDEXED BY ledger_transfer_held
            WHERE t.owner = NEW.owner AND t.reservation = NEW.reservation AND t.reservation <> '' AND t.kind = 'pending'
                AND t.debit_owner = NEW.debit_owner AND t.debit_name = NEW.debit_name
        ) THEN RAISE(ABORT, 'ledger-reservation-unknown')
    END;
END;

CREATE TRIGGER ledger_transfer_pending AFTER INSERT ON ledger_transfer WHEN NEW.kind = 'pending'
BEGIN
    UPDATE ledger_account SET held_micros = held_micros + NEW.amount_micros
        WHERE owner = NEW.debit_owner AND name = NEW.debit_name AND floor_micros IS NOT NULL;
END;

CREATE TRIGGER ledger_transfer_moved AFTER INSERT ON ledger_transfer WHEN NEW.kind <> 'pending'
BEGIN
    UPDATE ledger_account
        SET balance_micros = balance_micros - NEW.amount_micros, held_micros = held_micros - NEW.released_micros
        WHERE owner = NEW.debit_owner AND name = NEW.debit_name AND floor_micros IS NOT NULL;
    UPDATE ledger_account SET balance_micros = balance_micros + NEW.amount_micros
        WHERE owner = NEW.credit_owner AND name = NEW.credit_name AND floor_micros IS NOT NULL AND NEW.amount_micros > 0;
    INSERT INTO ledger_posting
        SELECT NEW.owner, NEW.transfer, 0, NEW.debit_owner, NEW.debit_name, NEW.currency, -NEW.amount_micros
            WHERE NEW.amount_micros > 0
        UNION ALL
        SELECT NEW.owner, NEW.transfer, 1, NEW.credit_owner, NEW.credit_name, NEW.currency, NEW.amount_micros
            WHERE NEW.amount_micros > 0;
END;

-- A posting is one of the two legs of its transfer, once, and nothing else.
CREATE TRIGGER ledger_posting_before BEFORE INSERT ON ledger_posting
BEGIN
    SELECT RAISE(ABORT, 'ledger-posting-foreign') WHERE EXISTS (
        SELECT 1 FROM ledger_posting AS p WHERE p.owner = NEW.owner AND p.transfer = NEW.transfer AND p.leg = NEW.leg
    ) OR NOT EXISTS (
        SELECT 1 FROM ledger_transfer AS t WHERE t.owner = NEW.owner AND t.transfer = NEW.transfer AND t.currency = NEW.currency
            AND CASE NEW.leg
                WHEN 0 THEN t.debit_owner = NEW.account_owner AND t.debit_name = NEW.account_name AND NEW.amount_micros = -t.amount_micros
                ELSE t.credit_owner = NEW.account_owner AND t.credit_name = NEW.account_name AND NEW.amount_micros = t.amount_micros
            END AND t.kind IN ('posted', 'post')
    );
END;

CREATE TRIGGER ledger_transfer_no_update BEFORE UPDATE ON ledger_transfer
BEGIN SELECT RAISE(ABORT, 'ledger-append-only'); END;
CREATE TRIGGER ledger_transfer_no_delete BEFORE DELETE ON ledger_transfer
BEGIN SELECT RAISE(ABORT, 'ledger-append-only'); END;
CREATE TRIGGER ledger_posting_no_update BEFORE UPDATE ON ledger_posting
BEGIN SELECT RAISE(ABORT, 'ledger-append-only'); END;
CREATE TRIGGER ledger_posting_no_delete BEFORE DELETE ON ledger_posting
BEGIN SELECT RAISE(ABORT, 'ledger-append-only'); END;
CREATE TRIGGER ledger_account_no_delete BEFORE DELETE ON ledger_account
BEGIN SELECT RAISE(ABORT, 'ledger-append-only'); END;
CREATE TRIGGER ledger_account_fixed BEFORE UPDATE OF owner, name, currency, floor_micros, opened_at ON ledger_account
BEGIN SELECT RAISE(ABORT, 'ledger-append-only'); END;
-- INSERT OR REPLACE would delete an account silently.
CREATE TRIGGER ledger_account_before BEFORE INSERT ON ledger_account
BEGIN
    SELECT RAISE(ABORT, 'ledger-account-differs')
        WHERE EXISTS (SELECT 1 FROM ledger_account AS a WHERE a.owner = NEW.owner AND a.name = NEW.name);
END;
