"""The calls of the KRYPTOOW story: what is heard is told by the recordings, what is charged is worked out by hand later."""

from __future__ import annotations

import time

import httpx

from cadran.commands.demo import arithmetic, hearing, people, phones
from cadran.commands.demo import kryptoow_cast as cast
from cadran.units.money import decimal_text
from cadran.voice.menu import speech

LANDLINE, LANDLINE_DIGITS = "0142000001", "33142000001"
ABROAD, ABROAD_DIGITS = "00442079460001", "442079460001"
THROUGH, CALLED_BACK = "+33142000003", "+33142000180"  # the second rings for five seconds
CUT_S = 66


def _minutes(story: cast.Story, user: str, digits: str) -> int:
    """Whole minutes that the credit pays for, by school arithmetic."""
    from cadran import settings

    price = arithmetic.line(settings.BRANDS, cast.BRAND, digits).price
    return int(people.balance(story[user]).free_micros / (price * 1_000_000))


def _talks(phone: phones.Phone, call: str) -> None:
    """It hears the tone of whom it called."""

    def tone() -> bool:
        found = phone.stats(call)
        return bool(found.get("tone_hz")) and abs(int(found["tone_hz"]) - 800) < 60

    people.until("the voice of the other side", tone, timeout_s=12)


def _settled(story: cast.Story, user: str, count: int) -> None:
    people.until("the records", lambda: len(story.records(user)) >= count, timeout_s=15)


def menu(story: cast.Story) -> None:
    """Ana calls an access number: credit, minutes, a call by the second, star star, a call by the minute, a wrong number."""
    phone, ear, voice = story.telephones[cast.ANA], story.ears[cast.ANA], story.voice
    phone.do("auto_answer", on=False)
    with voice.step("access", "Ana compose le numéro d'accès.", "Ana dials the access number.", needed=True) as step:
        credit = speech.say("credit", people.balance(story[cast.ANA]).micros, language="fr")
        phone.call(cast.ACCESS, "menu")
        phone.wait("answered", call="menu")
        ear.hears("welcome", "your-credit-is", *credit, "dial-number-hash", timeout_s=20)
        step.saw(voice.pick(f"crédit entendu : {' '.join(credit)}", f"credit heard: {' '.join(credit)}"))
    with voice.step("first-call", "Elle appelle un fixe.", "She calls a landline.", needed=True) as step:
        minutes = _minutes(story, cast.ANA, LANDLINE_DIGITS)
        said = speech.say("minutes", minutes, language="fr")
        phone.do("digits", digits=f"{LANDLINE}#", call="menu")
        ear.hears("you-have", *said, "for-this-call", "connecting", timeout_s=20)
        _talks(phone, "menu")
        time.sleep(3)
        phone.do("digits", digits="**", call="menu")
        ear.hears("connecting", "call-lasted", "it-cost", "your-credit-is", "dial-number-hash", timeout_s=25)
        step.saw(voice.pick(f"{minutes} minutes entendues, à la main aussi", f"{minutes} minutes heard, by hand too"))
    with voice.step("second-call", "Un autre appel sans raccrocher.", "Another call without hanging up.") as step:
        phone.do("digits", digits=f"{ABROAD}#", call="menu")
        _talks(phone, "menu")
        time.sleep(2)
        phone.do("digits", digits="**", call="menu")
        _settled(story, cast.ANA, 2)
        step.saw("+" + ABROAD_DIGITS)
    with voice.step("wrong-number", "Un numéro qui n'existe pas.", "A number that does not exist.") as step:
        time.sleep(1.5)
        phone.do("digits", digits="099#", call="menu")
        ear.hears("wrong-number", timeout_s=20)
        step.saw("wrong-number")


def statement(story: cast.Story) -> None:
    """Number of calls, what they cost, the last ones and the credit, by keys."""
    phone, ear, voice = story.telephones[cast.ANA], story.ears[cast.ANA], story.voice
    with voice.step("statement", "Le relevé au téléphone.", "The statement by phone.") as step:
        charged = [one for one in story.records(cast.ANA) if one.disposition == "answered" and one.via != "access-leg"]
        spent = sum(one.charge_micros for one in charged)
        for keys, expected in (
            ("*1#", ("you-have-made", *speech.say("calls", len(charged), language="fr"))),
            ("*2#", ("your-calls-cost", *speech.say("amount", spent, language="fr"))),
            ("*3#", ("your-last-calls",)),
            ("*0#", ("your-credit-is", "valid-until")),
        ):
            phone.do("digits", digits=keys, call="menu")
            ear.hears(*expected, timeout_s=25)
        step.saw(
            voice.pick(f"{len(charged)} appels, {decimal_text(spent)}", f"{len(charged)} calls, {decimal_text(spent)}")
        )
    phone.do("hangup", call="menu")
    phone.wait("ended", call="menu")
    time.sleep(0.5)


def refused(story: cast.Story) -> None:
    """Somebody unknown, and somebody who hides its number."""
    for user, number, prompt, fr, en in (
        (cast.STRANGER, f"+{cast.STRANGER}", "refused-unknown", "Un inconnu appelle.", "A stranger calls."),
        ("hidden", "anonymous", "refused-withheld", "Un numéro masqué appelle.", "A masked number calls."),
    ):
        with story.voice.step(prompt, fr, en) as step:
            options = ("--domain", "anonymous.invalid") if number == "anonymous" else ()
            phone = story.telephone(user, number, *options)
            phone.call(f"{cast.ACCESS}@{story.server}" if options else cast.ACCESS, "stranger")
            phone.wait("ended", call="stranger", timeout=25)  # it is told why as early media, and is never answered
            heard = [name for _at, name in hearing.found(story.recording(user), (prompt, "goodbye"))]
            step.expect(heard == [prompt, "goodbye"], f"heard was {heard}")
            step.saw(prompt)


def _way(story: cast.Story, to: str, ending: str) -> httpx.Response:
    """Ana opens EasyDialer for that number and chooses a way: the form that is sent to an address that holds `ending`."""
    web = story[cast.ANA].web
    page = web.open(f"/easydialer/?to={to.replace('+', '%2B')}")
    return web.send(page, web.form(page, having="to", to=ending))


def call_through(story: cast.Story) -> None:
    """EasyDialer prepares a call; the next call from that number goes straight there."""
    phone, ear = story.telephones[cast.ANA], story.ears[cast.ANA]
    with story.voice.step(
        "call-through",
        "EasyDialer prépare un appel, qui part seul.",
        "EasyDialer prepares a call, which goes out by itself.",
    ) as step:
        known = len(story.records(cast.ANA))
        page = _way(story, THROUGH, "/prepare/")
        step.expect("/ready/" in str(page.url), f"the call was not prepared: {page.url}")
        phone.call(cast.ACCESS, "through")
        phone.wait("answered", call="through")
        ear.hears("you-have", "for-this-call", "connecting", timeout_s=20)
        ear.never("welcome", "dial-number-hash")
        _talks(phone, "through")
        time.sleep(2)
        phone.do("hangup", call="through")
        phone.wait("ended", call="through")
        _settled(story, cast.ANA, known + 1)
        step.saw(THROUGH)


def callback(story: cast.Story) -> None:
    """Ana has both called by EasyDialer: her telephone rings, then the correspondent's; both legs are charged."""
    from cadran.journeys import callbacks
    from cadran.numbering.access import queries as access

    phone, ear, voice = story.telephones[cast.ANA], story.ears[cast.ANA], story.voice
    with voice.step(
        "callback",
        "EasyDialer la rappelle : son téléphone, puis l'autre.",
        "EasyDialer calls back: her phone, then the other.",
    ) as step:
        account = story[cast.ANA].account
        phone.do("auto_answer", on=True)
        page = _way(story, CALLED_BACK, "/callback/")
        step.expect("/callback/" in str(page.url), f"nothing was ordered: {page.url}")
        key = str(page.url).rstrip("/").rpartition("/")[2]
        rung = phone.wait("incoming", timeout=15)
        step.expect(access.is_access_number(rung["caller"]), f"her phone shows {rung['caller']}")
        ear.hears("callback-connecting", timeout_s=20)
        _talks(phone, "")
        time.sleep(2)
        live = callbacks.state(account=account, key=key)
        step.expect(live.state.stage == "talking", f"the page shows {live.state.stage}")
        phone.do("hangup")
        phone.wait("ended")
        told = people.until("both legs", lambda: (t := callbacks.state(account=account, key=key)).settled and t)
        step.expect(told.state.first and told.state.second, "a leg has no record")
        step.expect(told.state.why == "hung-up", f"it ended by {told.state.why}")
        step.saw(
            f"{voice.pick('affiché', 'shown')} {rung['caller']}; {decimal_text(told.charge_micros)} {told.currency}"
        )
        phone.do("auto_answer", on=False)


def used_up(story: cast.Story) -> None:
    """Ben's credit runs out: warned a minute before, cut, recharged by voucher on the phone."""
    from cadran import settings

    phone, voice, ben = story.telephones[cast.BEN], story.voice, story[cast.BEN]
    ear: hearing.Ear = story.ears[cast.BEN]
    price = arithmetic.line(settings.BRANDS, cast.BRAND, LANDLINE_DIGITS)
    micros = price.charge_micros(CUT_S)
    with voice.step(
        "credit-ends", "Le crédit de Ben s'épuise : averti, coupé.", "Ben's credit runs out: warned, cut."
    ) as step:
        people.grant(ben, decimal_text(micros), "a minute and a little")
        story.bought[cast.BEN] = micros
        phone.do("auto_answer", on=False)
        phone.call(cast.ACCESS, "last")
        phone.wait("answered", call="last")
        ear.hears("dial-number-hash", timeout_s=20)
        phone.do("digits", digits=f"{LANDLINE}#", call="last")
        _talks(phone, "last")
        began = time.monotonic()
        ear.hears("connecting", "you-have-left", timeout_s=25)
        warned = time.monotonic() - began
        ear.hears("you-have-left", "credit-used-up", "voucher-offer", timeout_s=80)
        record = story.records(cast.BEN)[-1]
        step.expect(record.ended_by == "credit", f"the call ended by {record.ended_by}")
        step.expect(record.charge_micros == micros, f"it cost {record.charge_micros}, by hand {micros}")
        step.saw(
            voice.pick(
                f"averti après {warned:.0f} s, coupé à {record.charged_s} s",
                f"warned after {warned:.0f} s, cut at {record.charged_s} s",
            )
        )
    with voice.step(
        "recharge", "Il recharge par ticket, au téléphone.", "He recharges by voucher, on the phone."
    ) as step:
        phone.do("digits", digits="*8#", call="last")
        ear.hears("dial-voucher-hash", timeout_s=20)
        phone.do("digits", digits=f"{story.vouchers.pop()}#", call="last")
        ear.hears("recharged-with", "your-credit-is", timeout_s=25)
        found = people.balance(ben)
        story.bought[cast.BEN] += found.micros
        step.expect(found.micros == 10_000_000, f"the credit is {found.micros}")
        phone.do("hangup", call="last")
        phone.wait("ended", call="last")
        step.saw(decimal_text(found.micros))
