-- Wallets, buckets and the history of their validity. The money of a bucket is its account in the ledger.

CREATE TABLE balance_wallet (
    owner TEXT NOT NULL PRIMARY KEY,
    brand TEXT NOT NULL,
    currency TEXT NOT NULL,
    opened_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE balance_bucket (
    owner TEXT NOT NULL,
    bucket TEXT NOT NULL,
    currency TEXT NOT NULL,
    brand TEXT NOT NULL,
    terms TEXT NOT NULL,
    bought_micros INTEGER NOT NULL CHECK (bought_micros > 0),
    balance_after_micros INTEGER NOT NULL,
    available_from TEXT NOT NULL,
    first_expires_at TEXT NOT NULL,
    expires_at TEXT NOT NULL CHECK (expires_at > available_from),
    expired_at TEXT,
    PRIMARY KEY (owner, bucket)
) STRICT, WITHOUT ROWID;

CREATE INDEX balance_bucket_due ON balance_bucket (expires_at) WHERE expired_at IS NULL;

CREATE TABLE balance_validity (
    owner TEXT NOT NULL,
    bucket TEXT NOT NULL,
    purchase TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    clause TEXT NOT NULL,
    terms TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (owner, bucket, purchase)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER balance_validity_no_update BEFORE UPDATE ON balance_validity
BEGIN SELECT RAISE(ABORT, 'ledger-append-only'); END;
CREATE TRIGGER balance_validity_no_delete BEFORE DELETE ON balance_validity
BEGIN SELECT RAISE(ABORT, 'ledger-append-only'); END;
CREATE TRIGGER balance_bucket_no_delete BEFORE DELETE ON balance_bucket
BEGIN SELECT RAISE(ABORT, 'ledger-append-only'); END;
CREATE TRIGGER balance_bucket_fixed
    BEFORE UPDATE OF owner, bucket, currency, brand, bought_micros, balance_after_micros, available_from, first_expires_at ON balance_bucket
BEGIN SELECT RAISE(ABORT, 'ledger-append-only'); END;
