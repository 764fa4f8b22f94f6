-- The transfers of a reservation are named after it (`<reservation>:h00000.000`, `<reservation>:r1`), so that they lie side by side
-- under the key, and no further index is written by every transfer.

DROP TRIGGER ledger_reservation_before;
DROP INDEX ledger_transfer_held;

-- A reservation is resolved once for each debit account, for exactly what it holds there; nothing is held on it afterwards.
CREATE TRIGGER ledger_reservation_before BEFORE INSERT ON ledger_transfer WHEN NEW.reservation <> ''
BEGIN
    SELECT CASE
        WHEN substr(NEW.transfer, 1, length(NEW.reservation) + 1) <> NEW.reservation || ':'
            THEN RAISE(ABORT, 'ledger-reservation-unknown')
        WHEN EXISTS (
            SELECT 1 FROM ledger_transfer AS t
            WHERE t.owner = NEW.owner AND t.transfer > NEW.reservation || ':' AND t.transfer < NEW.reservation || ';'
                AND t.reservation = NEW.reservation AND t.kind <> 'pending'
                AND t.debit_owner = NEW.debit_owner AND t.debit_name = NEW.debit_name
        ) THEN RAISE(ABORT, 'ledger-reservation-resolved')
        WHEN NEW.kind <> 'pending' AND NEW.released_micros IS NOT (
            SELECT sum(t.amount_micros) FROM ledger_transfer AS t
            WHERE t.owner = NEW.owner AND t.transfer > NEW.reservation || ':' AND t.transfer < NEW.reservation || ';'
                AND t.reservation = NEW.reservation AND t.kind = 'pending'
                AND t.debit_owner = NEW.debit_owner AND t.debit_name = NEW.debit_name
        ) THEN RAISE(ABORT, 'ledger-reservation-unknown')
    END;
END;
