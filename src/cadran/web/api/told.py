"""Values of the rooms as shapes of the API. Nothing is decided here."""

from __future__ import annotations

from cadran.balance import queries as balance
from cadran.catalog import queries as catalog
from cadran.charging import records
from cadran.charging.explanation import Explanation
from cadran.ledger import queries as ledger
from cadran.numbering import queries as numbering
from cadran.party import queries as party
from cadran.party.keys import queries as keys
from cadran.payment import queries as payment
from cadran.payment.rules import Means, OrderState
from cadran.policy import rules as policy_rules
from cadran.web.api import shapes


def me(customer: party.Customer) -> shapes.Me:
    return shapes.Me(
        account=customer.account,
        brand=customer.brand,
        kind=customer.kind,
        display_name=customer.display_name,
        username=customer.username,
        email=customer.email,
        language=customer.language,
        country=customer.country,
        state=customer.state,
        currency=customer.currency,
        terms=customer.terms,
        customer_since=customer.validated_at,
        raised_duration=customer.raised_duration,
    )


def this_key(key: keys.Key) -> shapes.ThisKey:
    return shapes.ThisKey(
        prefix=key.prefix,
        label=key.label,
        test=key.test,
        brand=key.brand,
        account=key.account or None,
        staff=key.staff or None,
        scopes=list(key.scopes),
        expires_at=key.expires_at,
    )


def funds(found: balance.Balance, currency: str) -> shapes.Balance:
    return shapes.Balance(
        account=found.account,
        currency=found.currency or currency,
        balance_micros=found.micros,
        held_micros=found.held_micros,
        free_micros=found.free_micros,
        buckets=[
            shapes.Bucket(
                id=bucket.bucket,
                balance_micros=bucket.balance_micros,
                held_micros=bucket.held_micros,
                currency=bucket.currency,
                available_from=bucket.available_from,
                expires_at=bucket.expires_at,
            )
            for bucket in found.buckets
        ],
        credit_line=shapes.Owing(
            limit_micros=found.line.limit_micros,
            owed_micros=found.line.owed_micros,
            held_micros=found.line.held_micros,
        )
        if found.line
        else None,
    )


def price(found: catalog.Price, language: str) -> shapes.Price:
    rate = found.rate
    return shapes.Price(
        prefix=rate.prefix,
        destination=rate.destination_en if language == "en" and rate.destination_en else rate.destination,
        price_nanos_per_minute=rate.price_nanos,
        first_s=rate.first_s,
        next_s=rate.next_s,
        connection_micros=rate.connection_micros,
        minimum_micros=rate.minimum_micros,
        currency=rate.currency,
        tax=found.tax,
        deck=rate.deck,
        deck_version=rate.version,
    )


def call(record: records.Record) -> shapes.Call:
    return shapes.Call(
        id=record.cdr_id,
        account=record.account,
        direction=record.direction,
        number_class=record.number_class,
        destination=record.destination,
        shown=record.shown,
        authorised_at=record.authorised_at,
        answered_at=record.answered_at,
        ended_at=record.ended_at,
        disposition=record.disposition,
        ended_by=record.ended_by,
        charged_s=record.charged_s,
        charge_micros=record.charge_micros,
        currency=record.currency,
        clause=record.clause,
        terms=record.terms,
        corrects=record.corrects or None,
        family=record.family or None,
        via=record.via or "phone",
        increments=f"{record.rate.first_s}/{record.rate.next_s}" if record.rate else None,
    )


def why(told: Explanation) -> shapes.Why:
    record = told.record
    return shapes.Why(
        call=call(record),
        decision=dict(record.decision),
        price=dict(record.charge),
        measured_ms=record.measured_ms,
        granted_s=record.granted_s,
        limit_s=record.limit_s,
        limit_clause=record.limit_clause,
        loss_s=record.loss_s,
        loss_micros=record.loss_micros,
        ledger=[
            shapes.LedgerLeg(
                transfer=leg.transfer,
                kind=leg.kind,
                account=leg.account,
                amount_micros=leg.amount_micros,
                currency=leg.currency,
                at=leg.at,
            )
            for leg in told.legs
        ],
        corrections=[
            shapes.Correction(id=row.cdr_id, charge_micros=row.charge_micros, reason=row.reason)
            for row in told.corrections
        ],
        lines_fr=list(told.lines("fr")),
        lines_en=list(told.lines("en")),
    )


def movement(found: ledger.Movement) -> shapes.Movement:
    return shapes.Movement(
        transfer=found.transfer,
        at=found.at,
        amount_micros=found.amount_micros,
        currency=found.currency,
        reason=found.reason,
    )


def decision(found: policy_rules.Decision) -> shapes.Decision:
    return shapes.Decision(
        allowed=found.allowed,
        clause=found.clause,
        terms=found.terms,
        code=found.code,
        fr=found.fr,
        en=found.en,
        inputs=dict(found.inputs),
    )


def order(found: payment.Order, bank: dict[str, str]) -> shapes.Order:
    """`bank`: whose account transfers go to: holder, iban, bic."""
    waits = found.means == Means.TRANSFER and bool(found.reference)
    return shapes.Order(
        id=found.order_id,
        account=found.account,
        amount_micros=found.amount_micros,
        currency=found.currency,
        means=str(found.means),
        state=str(found.state),
        decision=decision(found.decision),
        placed_at=found.placed_at,
        paid_at=found.paid_at,
        checkout_url=found.checkout_url if found.state is OrderState.AT_PROVIDER and found.checkout_url else None,
        transfer=shapes.Transfer(**bank, reference=found.reference) if waits else None,
    )


def number(found: numbering.HeldNumber, shown: str) -> shapes.Number:
    return shapes.Number(
        digits=found.digits,
        kind=found.kind,
        country=found.country,
        sip_username=found.sip_username,
        from_at=found.from_at,
        shown=found.digits == shown,
    )


def identity(found: party.SipIdentity) -> shapes.SipIdentity:
    return shapes.SipIdentity(username=found.username, state=found.state, changed_at=found.changed_at)


def acceptance(found: party.Acceptance) -> shapes.Acceptance:
    return shapes.Acceptance(
        document=found.document,
        ref=found.ref,
        sha256=found.text_sha256,
        language=found.language,
        at=found.at,
        ip=found.ip,
    )
