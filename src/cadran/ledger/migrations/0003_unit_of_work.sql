-- The process that owns the books writes legs and balances itself, many rows with one statement; the database refuses what is wrong.

DROP TRIGGER ledger_transfer_pending;
DROP TRIGGER ledger_transfer_moved;
DROP TRIGGER ledger_transfer_before;
DROP TRIGGER ledger_reservation_before;
DROP TRIGGER ledger_posting_before;

CREATE TRIGGER ledger_transfer_before BEFORE INSERT ON ledger_transfer
BEGIN
    SELECT CASE
        WHEN EXISTS (SELECT 1 FROM ledger_transfer AS t WHERE t.owner = NEW.owner AND t.transfer = NEW.transfer)
            THEN RAISE(ABORT, 'ledger-transfer-exists')
        WHEN (SELECT a.currency FROM ledger_account AS a WHERE a.owner = NEW.debit_owner AND a.name = NEW.debit_name) IS NOT NEW.currency
            OR (SELECT a.currency FROM ledger_account AS a WHERE a.owner = NEW.credit_owner AND a.name = NEW.credit_name) IS NOT NEW.currency
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
