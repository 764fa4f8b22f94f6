"""Calling credit, brand KRYPTOOW: sign-up, a telephone proved by a spoken code, vouchers, access numbers, callback, credit used up."""

from __future__ import annotations

from cadran.commands.demo import kryptoow_arrival as arrival
from cadran.commands.demo import kryptoow_books as books
from cadran.commands.demo import kryptoow_calls as calls
from cadran.commands.demo import kryptoow_cast as cast
from cadran.commands.demo import people, phones, staging, teller

NOTHING: dict[str, object] = {"calls": [], "ledger_sums": {}, "evidence_ok": False}
prepare = cast.prepare


def tell(stage: staging.Stage, voice: teller.Teller) -> dict[str, object]:
    """Play the story; returns the facts beside its steps."""
    from cadran import settings

    story = cast.Story(
        stage=stage,
        voice=voice,
        site=settings.PUBLIC_URL,
        mailbox=f"http://{settings.HOST}:{settings.SANDBOX_MAIL_PORT}",
        server=f"{settings.SIP_HOST}:{settings.SIP_PORT}",
        carrier=f"http://127.0.0.1:{settings.SANDBOX_CARRIER_CONTROL_PORT}",
        began=settings.CIVIL_CLOCK.now(),
        who={user: people.Customer(user, *names) for user, names in cast.NAMES.items()},
    )
    try:
        arrival.sign_up(story)
        arrival.prove(story)
        arrival.vouchers(story)
        calls.menu(story)
        calls.statement(story)
        calls.refused(story)
        calls.call_through(story)
        calls.callback(story)
        calls.used_up(story)
        books.by_hand(story)
        books.balanced(story)
        books.evidence(story)
    finally:
        phones.leave_all(story.telephones)
    return books.facts(story)
