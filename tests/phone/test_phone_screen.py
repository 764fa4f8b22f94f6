"""The phone's screen: what is drawn from a view, and what keys and events do."""

from __future__ import annotations

import asyncio
import io
import string
from collections.abc import Callable

import pytest
from rich.console import Console

from cadran.voice.phone import engine, rtp, screen, sound, words
from cadran.voice.phone.handset import Handset
from phone.sip_rig import Carrier, free_port, open_phone


def drawn(view: screen.View, width: int = 110) -> str:
    output = io.StringIO()
    Console(file=output, width=width).print(screen.panel(view))
    return output.getvalue()


def view(**changes: object) -> screen.View:
    made = screen.View("alice", "+33 9 87 65 43 21", "127.0.0.1:5060", "fr", registration="registered")
    for name, value in changes.items():
        setattr(made, name, value)
    return made


FIGURES = rtp.Figures(
    packets_in=512,
    packets_out=520,
    lost=3,
    late=0,
    jitter_ms=1.25,
    level_dbfs=-15.0,
    level_out_dbfs=-99.0,
    tone_hz=440,
    quiet_s=0.01,
)


def test_an_idle_phone_shows_who_it_is_and_what_to_press() -> None:
    text = drawn(view())
    assert "alice" in text
    assert "+33 9 87 65 43 21" in text
    assert "enregistré" in text
    assert "Tapez un numéro" in text
    assert "Ready" in drawn(view(language="en"))


def test_a_call_shows_packets_losses_jitter_level_and_pitch_of_both_directions() -> None:
    text = drawn(view(state="answered", peer="0123456789", seconds=3723.9, figures=FIGURES, sent="12#", muted=True))
    for part in (
        "1:02:03",
        "512 paquets",
        "3 perdus",
        "1.2 ms",
        "-15.0 dBFS",
        "440 Hz",
        "520 paquets",
        "12#",
        "micro coupé",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("quiet_s", "remark"), [(None, "rien n'arrive"), (7.2, "plus rien depuis 7 s"), (0.1, "440 Hz")]
)
def test_silence_on_the_line_is_told(quiet_s: float | None, remark: str) -> None:
    figures = rtp.Figures(**{**{name: getattr(FIGURES, name) for name in FIGURES.__slots__}, "quiet_s": quiet_s})
    assert remark in drawn(view(state="answered", figures=figures))


@pytest.mark.parametrize(("level", "lit"), [(-99.0, 0), (-60.0, 0), (-30.0, 16), (0.0, 32), (6.0, 32)])
def test_the_bar_spans_sixty_decibels(level: float, lit: int) -> None:
    assert screen.bar(level).plain.count("█") == lit


def test_both_languages_say_the_same_things() -> None:
    def fields(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    assert words.FRENCH.keys() == words.ENGLISH.keys()
    for key, text in words.FRENCH.items():
        assert fields(text) == fields(words.ENGLISH[key]), key


@pytest.mark.parametrize(
    ("code", "reason", "by", "french", "english"),
    [
        (200, "hung up", "us", "vous avez raccroché", "you hung up"),
        (200, "hung up", "them", "l'autre côté a raccroché", "the other side hung up"),
        (200, 'SIP;cause=402;text="Crédit épuisé"', "them", "Crédit épuisé", "Crédit épuisé"),
        (486, "Busy Here", "them", "occupé (486)", "busy (486)"),
        (402, "", "them", "crédit insuffisant (402)", "not enough credit (402)"),
        (499, "Odd", "them", "Odd (499)", "Odd (499)"),
    ],
)
def test_the_end_of_a_call_is_told_in_plain_words(code: int, reason: str, by: str, french: str, english: str) -> None:
    assert words.why_ended(code, reason, by, "fr") == french
    assert words.why_ended(code, reason, by, "en") == english


@pytest.mark.parametrize(
    ("lang", "chosen"),
    [("fr_FR.UTF-8", "fr"), ("", "fr"), ("C.UTF-8", "fr"), ("C", "fr"), ("en_GB.UTF-8", "en"), ("de_DE", "en")],
)
def test_french_comes_first(lang: str, chosen: str) -> None:
    assert words.from_environment(lang) == chosen


def made_screen(server: tuple[str, int]) -> screen.Screen:
    def handset_for(listener: Callable[[engine.Event], None]) -> Handset:
        line = engine.Line(user="alice", password="x", server=server)
        return Handset(line, listener=listener, microphone=sound.tone(440))

    return screen.Screen(handset_for, number="", language="en", clock=lambda: "12:00:00")


async def until(check: Callable[[], bool]) -> None:
    async with asyncio.timeout(8):
        while not check():
            await asyncio.sleep(0.02)


def test_a_person_types_a_number_hears_sends_digits_and_hangs_up(carrier: Carrier) -> None:
    async def story() -> screen.Screen:
        shown = made_screen(carrier.address)
        await shown.handset.open()
        for key in "012\x7f23456789":
            await shown.press(key)
        assert shown.view.entry == "0123456789"
        await shown.press("\r")
        await until(lambda: shown.view.state == "answered")
        await until(lambda: "pure tone of 8" in drawn_now(shown))
        for key in "7*m":
            await shown.press(key)
        assert shown.view.muted
        assert "Digits sent: 7*" in drawn_now(shown)
        await shown.press("h")
        await until(lambda: shown.view.state == "idle")
        await shown.press("q")
        assert shown.leaving.is_set()
        await shown.handset.close()
        return shown

    def drawn_now(shown: screen.Screen) -> str:
        shown.refresh()
        return drawn(shown.view)

    log = list(asyncio.run(story()).view.log)
    assert log[0] == "12:00:00  0123456789  answered"
    assert log[1].startswith("12:00:00  0123456789  ended after 00:0")
    assert log[1].endswith(": you hung up")


def test_a_mistyped_address_is_told_and_nothing_is_called() -> None:
    async def story() -> screen.Screen:
        shown = made_screen(("127.0.0.1", free_port()))
        await shown.handset.open()
        for key in "csip:\r":
            await shown.press(key)
        await shown.press("5")
        await shown.press("\x1b")
        await shown.handset.close()
        return shown

    shown = asyncio.run(story())
    assert shown.view.state == "idle"
    assert shown.view.entry == ""
    assert "is not a SIP address" in shown.view.log[0]


def test_an_incoming_call_is_shown_and_answered_and_a_second_one_finds_it_busy() -> None:
    async def story() -> tuple[screen.Screen, list[object]]:
        shown = made_screen(("127.0.0.1", free_port()))
        await shown.handset.open()
        caller = await open_phone(shown.handset.engine.local, user="bob", display="Bob B.")
        second = await open_phone(shown.handset.engine.local, user="carol")
        await caller.handset.dial("alice")
        await until(lambda: shown.view.state == "incoming")
        assert "Bob B. (bob) is calling you" in drawn(shown.view)
        await shown.press("a")
        await caller.until("answered")
        await second.handset.dial("alice")
        refused = await second.until("ended")
        caller.handset.digits("5")
        await until(lambda: shown.view.received == "5")
        caller.handset.hang_up()
        await until(lambda: shown.view.state == "idle")
        for side in (caller.handset, second.handset, shown.handset):
            await side.close()
        return shown, [refused.detail["code"]]

    shown, codes = asyncio.run(story())
    assert codes == [486]
    assert "the other side hung up" in shown.view.log[-1]
