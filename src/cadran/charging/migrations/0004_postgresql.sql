-- The legs of one customer's call, and how it was set up. A record from before has neither.

ALTER TABLE charging_cdr ADD COLUMN family text NOT NULL DEFAULT '';
ALTER TABLE charging_cdr ADD COLUMN via text NOT NULL DEFAULT '';
CREATE INDEX charging_cdr_family ON charging_cdr (account, family) WHERE family <> '';
