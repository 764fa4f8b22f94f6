"""What must hold at the end of the KRYPTOOW story: each charge by hand, the books, the evidence."""

from __future__ import annotations

import time
from typing import Any

from cadran.commands.demo import arithmetic, people
from cadran.commands.demo import kryptoow_cast as cast
from cadran.units.money import decimal_text


def _charge(record: Any) -> int:
    """By school arithmetic: a consumer's national call by the second (the law), any other by whole minutes (60/60)."""
    from cadran import settings

    if record.disposition != "answered" or record.via == "access-leg":
        return 0
    line = arithmetic.line(settings.BRANDS, cast.BRAND, record.destination)
    national = record.destination.startswith("33")
    return line.charge_micros(record.charged_s if national else -(-record.charged_s // 60) * 60)


def by_hand(story: cast.Story) -> None:
    """Every record of both customers."""
    with story.voice.step("by-hand", "Chaque montant refait à la main.", "Each charge worked out by hand.") as step:
        for user in cast.NAMES:
            for record in story.records(user):
                expected = _charge(record)
                step.expect(
                    record.charge_micros == expected,
                    f"{record.destination}, {record.charged_s} s: {record.charge_micros}, by hand {expected}",
                )
        charged = [one for user in cast.NAMES for one in story.records(user) if one.charge_micros]
        families = {one.family for one in charged if one.via.startswith("callback")}
        step.expect(len(families) == 1, f"the legs of the callback are of {len(families)} families")
        step.saw(", ".join(f"{one.via} {one.charged_s} s {decimal_text(one.charge_micros)}" for one in charged))


def balanced(story: cast.Story) -> None:
    """The ledger sums to zero, nothing is held, and each has what it bought less what it spent."""
    from cadran.ledger import queries

    with story.voice.step("ledger", "Les livres s'équilibrent.", "The books balance.") as step:
        sums = queries.sums()
        step.expect(sums and not any(sums.values()), f"the ledger sums to {sums}")
        for user in cast.NAMES:
            left = people.balance(story[user])
            spent = sum(one.charge_micros for one in story.records(user))
            step.expect(left.held_micros == 0, f"{user}: {left.held_micros} micros are still held")
            by_hand = story.bought.get(user, 0) - spent
            step.expect(left.micros == by_hand, f"{user} has {left.micros}, by hand {by_hand}")
            step.saw(
                f"{user}: {decimal_text(story.bought.get(user, 0))} - {decimal_text(spent)} = {decimal_text(left.micros)}"
            )


def evidence(story: cast.Story) -> None:
    """What happened is proved."""
    with story.voice.step("evidence", "Ce qui s'est passé est prouvé.", "What happened is proved.") as step:
        time.sleep(2)  # a seal a second, and its witness
        told = people.cadran("evidence", "verify")
        story.evidence_ok = bool(told["ok"])
        step.expect(story.evidence_ok, str(told)[:300])
        step.saw(", ".join(f"{key}: {value}" for key, value in told.items() if isinstance(value, int)))


def facts(story: cast.Story) -> dict[str, object]:
    """The facts beside the steps."""
    from cadran.ledger import queries

    return {
        "calls": [
            {
                "customer": user,
                "to": record.destination,
                "via": record.via,
                "family": record.family,
                "seconds": record.charged_s,
                "charge_micros": record.charge_micros,
                "by_hand_micros": _charge(record),
                "clause": record.clause,
                "ended_by": record.ended_by,
                "disposition": record.disposition,
                "cdr": record.cdr_id,
            }
            for user in cast.NAMES
            for record in story.records(user)
        ],
        "ledger_sums": dict(queries.sums()),
        "evidence_ok": story.evidence_ok,
    }
