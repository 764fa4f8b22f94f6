"""The main job, brand IPPI: prepaid customers sign up, buy credit, call, are charged exactly and are cut at zero."""

from __future__ import annotations

from typing import Any

from cadran.commands.demo import arithmetic, calls, cast, people, phones, staging, teller
from cadran.units.money import decimal_text

NOTHING: dict[str, object] = {
    "topped_up_micros": 0,
    "calls": [],
    "overdraw_attempts": {"tried": 0, "granted": 0, "lowest_balance_micros": 0},
    "ledger_sums": {},
}


def tell(stage: staging.Stage, voice: teller.Teller) -> dict[str, object]:
    """Play the story; returns the facts beside its steps."""
    from cadran import settings

    host = settings.HOST
    story = cast.Story(
        stage=stage,
        voice=voice,
        who={user: people.Customer(user, *names) for user, names in cast.NAMES.items()},
        site=settings.PUBLIC_URL,
        mailbox=f"http://{host}:{settings.SANDBOX_MAIL_PORT}",
        server=f"{settings.SIP_HOST}:{settings.SIP_PORT}",
        carrier=f"http://127.0.0.1:{settings.SANDBOX_CARRIER_CONTROL_PORT}",
        began=settings.CIVIL_CLOCK.now(),
    )
    try:
        _arrive(story)
        calls.free_call(story)
        calls.charged_calls(story)
        calls.refused_calls(story)
        calls.inbound_call(story)
        calls.cut_calls(story)
        calls.thirty_calls(story)
        _books(story)
    finally:
        phones.leave_all({user: one.phone for user, one in story.who.items() if one.phone})
    return _facts(story)


def _arrive(story: cast.Story) -> None:
    """Sign-up of two customers (and of two more for later), the top-up, the phones."""
    voice = story.voice
    with voice.step(
        "sign-up", "Quatre clients s'inscrivent sur le site.", "Four customers sign up on the site.", needed=True
    ) as step:
        for customer in story.who.values():
            people.sign_up(customer, story.site, story.mailbox, step)
            step.saw(f"{customer.user}: {customer.account}")
    with voice.step("top-up", "Ana achète 10 EUR par carte.", "Ana buys EUR 10 by card.", needed=True) as step:
        _buy(story, story[cast.ANA], step)
    with voice.step("register", "Les téléphones s'enregistrent.", "The phones register.", needed=True) as step:
        for customer in story.who.values():
            customer.phone = phones.Phone(customer.user, customer.sip_password, story.server)
            customer.line.register()
        stranger = phones.Phone(cast.ANA, "not-her-password", story.server)
        stranger.do("register")
        refused = stranger.wait("registered", "register_failed")
        stranger.leave()
        step.expect(refused["event"] == "register_failed", "a phone with a wrong password could register")
        step.saw(story.voice.pick("quatre enregistrés", "four registered"))
        step.saw(f"{voice.pick('mauvais mot de passe refusé', 'wrong password refused')}: {refused.get('code')}")


def _buy(story: cast.Story, customer: people.Customer, step: teller.Step) -> None:
    from cadran.payment import queries

    people.top_up(customer, cast.TOP_UP_MICROS)
    found = people.until("the credit", lambda: (b := people.balance(customer)).micros and b, timeout_s=20)
    step.expect(found.micros == cast.TOP_UP_MICROS, f"the credit is {decimal_text(found.micros)}, not 10.00")
    bought_at = found.buckets[0].available_from
    ends = arithmetic.credit_ends(bought_at)
    step.expect(found.buckets[0].expires_at == ends, f"the credit ends {found.buckets[0].expires_at}, by hand {ends}")
    states = [str(order.state) for order in queries.orders(customer.account)]
    step.expect(states == ["paid"], f"the order is {states}")
    story.topped_up_micros = found.micros
    until = story.voice.pick("valable jusqu’au", "valid until")
    step.saw(f"{decimal_text(found.micros)} {found.currency}, {until} {ends:%Y-%m-%d %H:%M %Z}")


def _books(story: cast.Story) -> None:
    """What must hold in the books at the end, and the explanation of a charge."""
    from cadran.ledger import queries

    voice = story.voice
    with voice.step("ledger", "Les livres s'équilibrent.", "The books balance.") as step:
        sums = queries.sums()
        step.expect(sums and not any(sums.values()), f"the ledger sums to {sums}")
        for customer in story.who.values():
            left = people.balance(customer)
            step.expect(left.micros >= 0 and left.held_micros == 0, f"{customer.user}: {left}")
        spent = sum(record.charge_micros for record in calls.records(story[cast.ANA]))
        left = people.balance(story[cast.ANA]).micros
        step.expect(left == story.topped_up_micros - spent, f"Ana has {left}, by hand {story.topped_up_micros - spent}")
        step.saw(", ".join(f"{currency}: {total}" for currency, total in sums.items()))
        step.saw(f"Ana: 10.00 - {decimal_text(spent)} = {decimal_text(left)}")
    with voice.step("explain", "Pourquoi cet appel a coûté cela.", "Why that call cost what it did.") as step:
        step.expect(story.landline_cdr, "there was no call to explain")
        told = people.cadran("explain", story.landline_cdr)
        step.expect("IPP-10.1-per-second" in str(told), "the explanation does not name IPP-10.1-per-second")
        step.expect("ippi/2018-04" in str(told), "the explanation does not name the terms")
        step.saw(story.landline_cdr)


def _facts(story: cast.Story) -> dict[str, object]:
    from cadran.ledger import queries

    return {
        "topped_up_micros": story.topped_up_micros,
        "calls": [_call(customer, record) for customer in story.who.values() for record in calls.records(customer)],
        "overdraw_attempts": story.overdraw,
        "ledger_sums": dict(queries.sums()),
    }


def _call(customer: people.Customer, record: Any) -> dict[str, object]:
    inbound = record.direction == "inbound"
    return {
        "from": record.caller if inbound else customer.user,
        "to": customer.user if inbound else record.destination,
        "class": record.number_class,
        "seconds": record.charged_s,
        "charge_micros": record.charge_micros,
        "clause": record.clause,
        "cut": calls.was_cut(record),
        "disposition": record.disposition,
        "cdr": record.cdr_id,
    }
