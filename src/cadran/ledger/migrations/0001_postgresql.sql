-- The books in PostgreSQL, as they are in SQLite after 0003. Checks run once for all rows of a statement; the names of constraints and the
-- messages are the stable ids of cadran.ledger.rules. Every key begins with the owner, by which the tables can be spread.

CREATE TABLE ledger_account (
    owner text NOT NULL,
    name text NOT NULL,
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    floor_micros bigint,
    balance_micros bigint,
    held_micros bigint,
    opened_at timestamptz NOT NULL,
    CONSTRAINT "ledger-account-differs" PRIMARY KEY (owner, name),
    CONSTRAINT ledger_floor CHECK (floor_micros IS NULL OR balance_micros - held_micros >= floor_micros),
    CONSTRAINT ledger_held CHECK (held_micros IS NULL OR held_micros >= 0),
    CONSTRAINT ledger_cached CHECK (
        (floor_micros IS NULL) = (balance_micros IS NULL) AND (floor_micros IS NULL) = (held_micros IS NULL)
    )
) WITH (fillfactor = 70);

CREATE TABLE ledger_transfer (
    owner text NOT NULL,
    transfer text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('posted', 'pending', 'post', 'void', 'expire')),
    reservation text NOT NULL CHECK ((reservation = '') = (kind = 'posted')),
    debit_owner text NOT NULL,
    debit_name text NOT NULL,
    credit_owner text NOT NULL,
    credit_name text NOT NULL,
    currency text NOT NULL,
    amount_micros bigint NOT NULL,
    released_micros bigint NOT NULL,
    at timestamptz NOT NULL,
    reason text NOT NULL,
    CONSTRAINT "ledger-transfer-exists" PRIMARY KEY (owner, transfer),
    CONSTRAINT ledger_amount CHECK (
        CASE kind
            WHEN 'posted' THEN amount_micros > 0 AND released_micros = 0
            WHEN 'pending' THEN amount_micros > 0 AND released_micros = 0
            WHEN 'post' THEN amount_micros > 0 AND amount_micros <= released_micros
            ELSE amount_micros = 0 AND released_micros > 0
        END
    ),
    CONSTRAINT ledger_two_accounts CHECK (debit_owner <> credit_owner OR debit_name <> credit_name)
);

CREATE INDEX ledger_transfer_held ON ledger_transfer (owner, reservation) WHERE reservation <> '';
CREATE INDEX ledger_transfer_when ON ledger_transfer (at);

CREATE TABLE ledger_posting (
    owner text NOT NULL,
    transfer text NOT NULL,
    leg smallint NOT NULL CHECK (leg IN (0, 1)),
    account_owner text NOT NULL,
    account_name text NOT NULL,
    currency text NOT NULL,
    amount_micros bigint NOT NULL CHECK (amount_micros <> 0),
    CONSTRAINT "ledger-posting-foreign" PRIMARY KEY (owner, transfer, leg)
);

CREATE FUNCTION ledger_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'ledger-append-only' USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE FUNCTION ledger_transfer_checked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM fresh AS f
        LEFT JOIN ledger_account AS d ON d.owner = f.debit_owner AND d.name = f.debit_name
        LEFT JOIN ledger_account AS c ON c.owner = f.credit_owner AND c.name = f.credit_name
        WHERE d.currency IS DISTINCT FROM f.currency OR c.currency IS DISTINCT FROM f.currency
    ) THEN
        RAISE EXCEPTION 'ledger-currency-mismatch' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    -- A reservation is resolved once for each debit account, for exactly what it holds there; nothing is held on it afterwards.
    IF EXISTS (
        SELECT 1 FROM (
            SELECT DISTINCT owner, reservation, debit_owner, debit_name FROM fresh WHERE reservation <> ''
        ) AS f
        CROSS JOIN LATERAL (
            SELECT count(*) FILTER (WHERE t.kind <> 'pending') AS over,
                coalesce(sum(t.amount_micros) FILTER (WHERE t.kind = 'pending'), 0) AS held,
                coalesce(sum(t.released_micros), 0) AS released
            FROM ledger_transfer AS t
            WHERE t.owner = f.owner AND t.reservation = f.reservation AND t.reservation <> ''
                AND t.debit_owner = f.debit_owner AND t.debit_name = f.debit_name
        ) AS r
        WHERE r.over > 1 OR (r.over = 1 AND r.held <> r.released)
    ) THEN
        RAISE EXCEPTION 'ledger-reservation-unknown' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;

-- A posting is one of the two legs of its transfer, once, and nothing else.
CREATE FUNCTION ledger_posting_checked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM fresh AS f
        LEFT JOIN ledger_transfer AS t ON t.owner = f.owner AND t.transfer = f.transfer
        WHERE t.currency IS DISTINCT FROM f.currency OR t.kind NOT IN ('posted', 'post') OR CASE f.leg
            WHEN 0 THEN (t.debit_owner, t.debit_name, -t.amount_micros) <> (f.account_owner, f.account_name, f.amount_micros)
            ELSE (t.credit_owner, t.credit_name, t.amount_micros) <> (f.account_owner, f.account_name, f.amount_micros)
        END
    ) THEN
        RAISE EXCEPTION 'ledger-posting-foreign' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER ledger_transfer_checked AFTER INSERT ON ledger_transfer REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_transfer_checked();
CREATE TRIGGER ledger_posting_checked AFTER INSERT ON ledger_posting REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_posting_checked();
CREATE TRIGGER ledger_transfer_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_transfer
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER ledger_posting_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_posting
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER ledger_account_no_delete BEFORE DELETE OR TRUNCATE ON ledger_account
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER ledger_account_fixed BEFORE UPDATE OF owner, name, currency, floor_micros, opened_at ON ledger_account
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();
