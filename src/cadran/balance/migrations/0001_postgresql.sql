-- Wallets, buckets and the history of their validity. The money of a bucket is its account in the ledger.

CREATE TABLE balance_wallet (
    owner text NOT NULL PRIMARY KEY,
    brand text NOT NULL,
    currency text NOT NULL,
    opened_at timestamptz NOT NULL
);

CREATE TABLE balance_bucket (
    owner text NOT NULL,
    bucket text NOT NULL,
    currency text NOT NULL,
    brand text NOT NULL,
    terms text NOT NULL,
    bought_micros bigint NOT NULL CHECK (bought_micros > 0),
    balance_after_micros bigint NOT NULL,
    available_from timestamptz NOT NULL,
    first_expires_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > available_from),
    expired_at timestamptz,
    PRIMARY KEY (owner, bucket)
);

CREATE INDEX balance_bucket_due ON balance_bucket (expires_at) WHERE expired_at IS NULL;

CREATE TABLE balance_validity (
    owner text NOT NULL,
    bucket text NOT NULL,
    purchase text NOT NULL,
    expires_at timestamptz NOT NULL,
    clause text NOT NULL,
    terms text NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (owner, bucket, purchase)
);

CREATE TRIGGER balance_validity_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON balance_validity
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER balance_bucket_no_delete BEFORE DELETE OR TRUNCATE ON balance_bucket
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER balance_bucket_fixed
    BEFORE UPDATE OF owner, bucket, currency, brand, bought_micros, balance_after_micros, available_from, first_expires_at ON balance_bucket
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();
