-- Fewer indexes to write for each call, as in SQLite.

ALTER TABLE charging_session DROP CONSTRAINT charging_session_pkey;
ALTER TABLE charging_session ADD CONSTRAINT charging_session_key PRIMARY KEY USING INDEX charging_session_key;

ALTER TABLE charging_cdr DROP CONSTRAINT "charging-cdr-exists";
ALTER TABLE charging_cdr ADD CONSTRAINT "charging-cdr-exists" PRIMARY KEY (cdr_id, account);
DROP INDEX charging_cdr_id;
