-- How many charging processes share the accounts: each refuses to begin with another number.
CREATE TABLE charging_sharding (
    single boolean NOT NULL DEFAULT true PRIMARY KEY CHECK (single),
    count integer NOT NULL CHECK (count BETWEEN 1 AND 16)
);

INSERT INTO charging_sharding (count) VALUES (1);

-- A session is of one account, also when two shards are asked for it in the same moment.
DROP INDEX charging_session_key;
CREATE UNIQUE INDEX charging_session_key ON charging_session (session);
