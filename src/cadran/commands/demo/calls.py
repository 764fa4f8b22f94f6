"""The calls of the prepaid story, each looked at from both ends and in its record, each charge worked out by hand."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from cadran.commands.demo import arithmetic, cast, people, phones, teller
from cadran.units.money import decimal_text

LANDLINE, ABROAD = "01 42 00 00 01", "00 44 7911 123456"
BUSY, FAILOVER = "01 42 00 04 86", "01 42 00 05 03"
CUT_NUMBER, CUT_SECONDS, CUT_CREDIT = "+447911123456", 12, "0.024"
DEAF_NUMBER, DEAF_SECONDS, DEAF_CREDIT = "+447911120481", 11, "0.022"
DEAR_NUMBER, EURO = "+59821231234", 1_000_000
THIRTY, PACE_S, MOST_ATTEMPTS = 30, 0.05, 4


def records(customer: people.Customer) -> tuple[Any, ...]:
    """The customer's call records, oldest first."""
    from cadran.charging import queries

    return tuple(reversed(queries.cdrs(account=customer.account, limit=200)))


def was_cut(record: Any) -> bool:
    """Ended because credit or allowed duration was over."""
    return record.ended_by in ("credit", "limit")


def free_call(story: cast.Story) -> None:
    """Ana calls Ben: free, both hear each other, neither is charged."""
    ana, ben = story[cast.ANA], story[cast.BEN]
    with story.voice.step("on-net", "Ana appelle Ben : gratuit.", "Ana calls Ben: free.") as step:
        known = people.calls_of(ana)
        ben.line.do("auto_answer", on=True)
        ana.line.call(cast.BEN, "on-net")
        ben.line.wait("incoming")
        ana.line.wait("answered", call="on-net")
        time.sleep(2.2)
        here, there = ana.line.stats("on-net"), ben.line.stats()
        step.expect(
            here["packets_in"] > 50 and there["packets_in"] > 50, f"they do not hear each other: {here}, {there}"
        )
        ana.line.do("hangup", call="on-net")
        ana.line.wait("ended", call="on-net")
        ben.line.wait("ended")
        record = people.newest_call(ana, known=known)
        step.expect(record.number_class == "on_net", f"its class is {record.number_class}")
        step.expect(record.charge_micros == 0, f"it cost {record.charge_micros}")
        step.saw(f"{record.charged_s} s, {record.clause}, {here['packets_in']} / {there['packets_in']} packets")


def charged_calls(story: cast.Story) -> None:
    """A French landline and a mobile abroad, by the second."""
    cases = (
        ("landline", LANDLINE, "geographic", "Un fixe français, à la seconde.", "A French landline, by the second."),
        ("mobile-abroad", ABROAD, "mobile", "Un mobile à l'étranger, à la seconde.", "A mobile abroad, by the second."),
    )
    for name, number, number_class, fr, en in cases:
        with story.voice.step(name, fr, en) as step:
            record = _talk(story, number, name, 3.4)
            step.expect(record.number_class == number_class, f"its class is {record.number_class}")
            _check_charge(story, record, step)
            if name == "landline":
                story.landline_cdr = record.cdr_id


def _talk(story: cast.Story, number: str, name: str, seconds: float) -> Any:
    ana = story[cast.ANA]
    known = people.calls_of(ana)
    ana.line.call(number, name)
    answer = ana.line.wait("answered", "ended", call=name)
    if answer["event"] == "ended":
        raise teller.StepFailed(f"{number} was not answered: {answer.get('code')} {answer.get('reason')}")
    time.sleep(seconds)
    heard = ana.line.stats(name)
    ana.line.do("hangup", call=name)
    ana.line.wait("ended", call=name)
    if heard["packets_in"] < seconds * 25:
        raise teller.StepFailed(f"only {heard['packets_in']} packets were heard in {seconds} s")
    return people.newest_call(ana, known=known)


def _check_charge(story: cast.Story, record: Any, step: teller.Step) -> None:
    from cadran import settings

    line = arithmetic.line(settings.BRANDS, settings.BRAND, record.destination)
    by_hand = line.charge_micros(record.charged_s)
    measured_s = -(-record.measured_ms // 1000)
    expected = min(measured_s, record.granted_s)
    step.expect(record.charged_s == expected, f"{record.measured_ms} ms became {record.charged_s} s")
    step.expect(record.charge_micros == by_hand, f"charged {record.charge_micros}, by hand {by_hand}")
    step.saw(
        f"{line.destination}, {float(line.price):.4f} EUR/min x {record.charged_s} s = {decimal_text(by_hand)} EUR"
    )
    step.saw(record.clause)


def refused_calls(story: cast.Story) -> None:
    """112, a busy number, and a carrier that is down so that the next one is tried."""
    ana, voice = story[cast.ANA], story.voice
    with voice.step(
        "emergency", "Le 112 : une annonce, puis un refus.", "112: an announcement, then a refusal."
    ) as step:
        known = people.calls_of(ana)
        ana.line.call("112", "emergency")
        ana.line.wait("early", call="emergency")
        ended = ana.line.wait("ended", call="emergency", timeout=60)
        heard = ended.get("stats", {}).get("packets_in", 0)
        step.expect(ended["code"] >= 400, f"it ended with {ended['code']}")
        step.expect(heard > 50, f"the announcement was {heard} packets long")
        record = people.newest_call(ana, known=known)
        step.expect(record.disposition == "refused" and record.charge_micros == 0, f"its record: {record.disposition}")
        step.saw(f"{ended['code']}, {heard / 50:.0f} s {voice.pick('d’annonce', 'of announcement')}, {record.clause}")
    with voice.step("busy", "Un numéro occupé ne coûte rien.", "A busy number costs nothing.") as step:
        known = people.calls_of(ana)
        ana.line.call(BUSY, "busy")
        ended = ana.line.wait("ended", call="busy")
        record = people.newest_call(ana, known=known)
        step.expect(ended["code"] == 486, f"it ended with {ended['code']}")
        step.expect(record.charge_micros == 0 and record.disposition == "busy", f"its record: {record.disposition}")
        step.saw(f"486, {record.disposition}, 0.00")
    with voice.step(
        "failover",
        "Le premier opérateur tombe (503), le second porte l'appel.",
        "The first carrier fails (503), the second carries on.",
    ) as step:
        record = _talk(story, FAILOVER, "failover", 1.4)
        step.expect("two" in record.carrier, f"the carrier is {record.carrier!r}")
        _check_charge(story, record, step)
        step.saw(record.carrier)


def inbound_call(story: cast.Story) -> None:
    """The public network calls Ana's number."""
    from django.conf import settings

    from cadran.numbering import operations

    ana = story[cast.ANA]
    with story.voice.step("inbound", "Le réseau public appelle Ana.", "The public network calls Ana.") as step:
        operations.assign_number(
            e164=cast.ANAS_NUMBER, account=ana.account, sip_username=ana.user, at=settings.CIVIL_CLOCK.now()
        )
        before = people.balance(ana).micros
        wish = {"to": cast.ANAS_NUMBER, "from": cast.FROM_OUTSIDE, "via": story.server, "seconds": 3}
        httpx.post(f"{story.carrier}/call", json=wish, timeout=5).raise_for_status()
        call = ana.line.wait("incoming")
        ana.line.do("answer", call=call["call"])
        ana.line.wait("answered", call=call["call"])
        ended = ana.line.wait("ended", call=call["call"])
        heard = ended["stats"]["packets_in"]
        step.expect(heard > 75, f"Ana heard {heard} packets")
        step.expect(people.balance(ana).micros == before, "it was charged to Ana")
        step.saw(f"{call.get('caller')}, {heard} packets, 0.00")


def cut_calls(story: cast.Story) -> None:
    """Chloé's credit ends in mid-call; Ben's too, and neither his phone nor the other side obeys the BYE."""
    chloe, ben, voice = story[cast.CHLOE], story[cast.BEN], story.voice
    people.grant(chloe, CUT_CREDIT, "twelve seconds of a mobile abroad")
    people.grant(ben, DEAF_CREDIT, "eleven seconds of a mobile abroad")
    seen = {one.user: people.calls_of(one) for one in (chloe, ben)}
    ben.line.do("ignore_bye", on=True)
    chloe.line.call(CUT_NUMBER, "cut")
    ben.line.call(DEAF_NUMBER, "deaf")
    with voice.step(
        "cut-at-zero",
        "À zéro, l'appel de Chloé est coupé des deux côtés.",
        "At zero, Chloé's call is cut on both legs.",
    ) as step:
        chloe.line.wait("answered", call="cut")
        ended = chloe.line.wait("ended", call="cut", timeout=CUT_SECONDS + 15)
        step.expect(ended["by"] == "them", f"it was ended by {ended['by']}")
        record = people.newest_call(chloe, known=seen[chloe.user])
        _check_cut(chloe, record, CUT_SECONDS, step)
        others = cast.carrier_calls(story, CUT_NUMBER[-9:])
        step.expect(
            others and others[-1]["state"] not in ("talking", "answered", "up"), f"the carrier still has {others[-1:]}"
        )
        _check_charge(story, record, step)
    with voice.step(
        "deaf-phone",
        "Un téléphone qui ignore le BYE n'entend plus rien.",
        "A phone that ignores the BYE hears nothing any more.",
    ) as step:
        ben.line.wait("answered", call="deaf")
        ben.line.wait("bye_ignored", call="deaf", timeout=DEAF_SECONDS + 15)
        time.sleep(1.5)
        before = ben.line.stats("deaf")
        time.sleep(1.5)
        after = ben.line.stats("deaf")
        step.expect(after["packets_in"] == before["packets_in"], f"media goes on: {before} then {after}")
        step.expect(after["packets_out"] > before["packets_out"], "the phone itself fell silent: nothing was proved")
        record = people.newest_call(ben, known=seen[ben.user])
        _check_cut(ben, record, DEAF_SECONDS, step)
        sent = after["packets_out"] - before["packets_out"]
        step.saw(f"{sent} {voice.pick('paquets envoyés, 0 reçu', 'packets sent, none received')}")
    ben.line.do("ignore_bye", on=False)
    ben.line.do("hangup", all=True)


def _check_cut(customer: people.Customer, record: Any, seconds: int, step: teller.Step) -> None:
    left = people.balance(customer)
    step.expect(was_cut(record), f"its record says that {record.ended_by} ended it")
    step.expect(record.charged_s == seconds, f"{record.charged_s} s were charged, not {seconds}")
    step.expect(left.micros == 0, f"{left.micros} micros are left")
    step.saw(f"{record.charged_s} s, {record.ended_by}, {record.measured_ms} ms")


def thirty_calls(story: cast.Story) -> None:
    """Thirty calls at once on one euro: as many as it holds first grants, and never below zero."""
    from cadran import settings

    dora, voice = story[cast.DORA], story.voice
    with voice.step("overdraw", "Trente appels à la fois sur un euro.", "Thirty calls at once on one euro.") as step:
        people.grant(dora, "1", "thirty calls at once")
        price = arithmetic.line(settings.BRANDS, settings.BRAND, DEAR_NUMBER[1:])
        expected = EURO // price.charge_micros(10)
        with _lowest(dora) as lowest:
            first = _call_thirty(dora.line)
            granted = sum(event["event"] == "answered" for event in first)
            refused = sorted({(event["code"], event.get("reason", "")) for event in first if event["event"] == "ended"})
            step.expect(granted == expected, f"{granted} calls were granted, by hand {expected}; refusals: {refused}")
            for event in first:
                if event["event"] == "answered":
                    dora.line.wait("ended", call=event["call"], timeout=40)
            people.until("the thirty records", lambda: people.calls_of(dora) >= THIRTY)
            time.sleep(0.3)
        story.overdraw = {"tried": THIRTY, "granted": granted, "lowest_balance_micros": lowest[0]}
        codes = [code for code, _reason in refused]
        spent = sum(record.charge_micros for record in records(dora))
        step.expect(lowest[0] == 0, f"the lowest balance was {lowest[0]} micros")
        step.expect(spent + people.balance(dora).micros == EURO, f"{spent} micros were charged of {EURO}")
        step.saw(
            f"{granted}/{THIRTY} ({voice.pick('à la main', 'by hand')}: 1.00 / {decimal_text(price.charge_micros(10))})"
        )
        step.saw(
            f"{voice.pick('refus', 'refusals')}: {codes}, {voice.pick('solde le plus bas', 'lowest balance')}: {lowest[0]}"
        )


def _call_thirty(line: phones.Phone) -> list[phones.Event]:
    """Start thirty calls within a second and a half; the first answer or the refusal of each.

    A 503 says that the switch is busy now and when to come again: such a call is tried again, as phones do, a few times.
    """
    names = [f"t{number}" for number in range(THIRTY)]
    for name in names:
        line.call(DEAR_NUMBER, name)
        time.sleep(PACE_S)
    settled = []
    for attempt in range(1, MOST_ATTEMPTS + 1):
        events = [line.wait("answered", "ended", call=name, timeout=30) for name in names]
        busy = [event for event in events if event["event"] == "ended" and event["code"] == 503]
        again = busy if attempt < MOST_ATTEMPTS else []
        settled += [event for event in events if event not in again]
        names = [f"{event['call']}-{attempt}" for event in again]
        for name in names:
            time.sleep(PACE_S * attempt * 2)
            line.call(DEAR_NUMBER, name)
    return settled


@contextmanager
def _lowest(customer: people.Customer) -> Iterator[list[int]]:
    """Look at what is free of the customer's credit every few hundredths of a second; the list holds the least that was seen."""
    from django.db import connections

    least, stop = [people.balance(customer).free_micros], threading.Event()

    def look() -> None:
        try:
            while not stop.wait(0.05):
                found = people.balance(customer)
                least[0] = min(least[0], found.free_micros, found.micros)
        finally:
            connections.close_all()

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield least
    finally:
        stop.set()
        watcher.join()
