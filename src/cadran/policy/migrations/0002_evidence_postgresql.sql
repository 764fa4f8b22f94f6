-- Evidence of the money's database, as 0002_evidence.sql has it for a file of SQLite.

CREATE TABLE evidence_key (
    number bigint NOT NULL PRIMARY KEY,
    subject text NOT NULL UNIQUE,
    sealed bytea NOT NULL
);

-- The highest number ever given, also when its key was erased.
CREATE SEQUENCE evidence_key_number;

CREATE TABLE evidence_commitment (
    position bigint NOT NULL PRIMARY KEY,
    at text NOT NULL,
    kind text NOT NULL,
    holder bigint NOT NULL,
    commitment bytea NOT NULL CHECK (octet_length(commitment) = 32)
);

CREATE INDEX evidence_commitment_kind ON evidence_commitment (kind, position) WHERE kind <> 'charging.cdr';

CREATE TABLE evidence_body (
    position bigint NOT NULL PRIMARY KEY,
    holder bigint NOT NULL,
    ref text NOT NULL,
    sealed bytea NOT NULL
);

CREATE INDEX evidence_body_holder ON evidence_body (holder, position);
CREATE INDEX evidence_body_ref ON evidence_body (ref);

CREATE TABLE evidence_start (
    name text NOT NULL PRIMARY KEY,
    after bigint NOT NULL
);

CREATE FUNCTION evidence_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'evidence-append-only' USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE FUNCTION evidence_key_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM setval('evidence_key_number', greatest(OLD.number, (SELECT last_value FROM evidence_key_number)));
    RETURN OLD;
END $$;

CREATE TRIGGER evidence_commitment_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON evidence_commitment
    FOR EACH STATEMENT EXECUTE FUNCTION evidence_append_only();
CREATE TRIGGER evidence_body_no_update BEFORE UPDATE OR TRUNCATE ON evidence_body
    FOR EACH STATEMENT EXECUTE FUNCTION evidence_append_only();
CREATE TRIGGER evidence_key_fixed BEFORE UPDATE OF number, subject ON evidence_key
    FOR EACH STATEMENT EXECUTE FUNCTION evidence_append_only();
CREATE TRIGGER evidence_key_erased BEFORE DELETE ON evidence_key
    FOR EACH ROW EXECUTE FUNCTION evidence_key_erased();
CREATE TRIGGER evidence_start_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON evidence_start
    FOR EACH STATEMENT EXECUTE FUNCTION evidence_append_only();
