from __future__ import annotations

import pytest

from cadran_sandbox.carrier import behaviours


@pytest.mark.parametrize(
    ("number", "name"),
    [
        ("+33123456789", "normal"),
        ("+33123450486", "busy"),
        ("0123450480", "no-answer"),
        ("33123450603", "decline"),
        ("+33123450183", "early-media"),
        ("+33123450404", "unknown"),
        ("+33123450180", "slow"),
        ("+33123450204", "silent"),
        ("+33123450481", "deaf"),
        ("+883510000000091", "normal"),
        ("echo", "normal"),
        ("0486", "normal"),
        ("", "normal"),
        ("+33123450800", "normal"),
    ],
)
def test_the_last_four_digits_choose(number: str, name: str) -> None:
    assert behaviours.choose(number, {}, first_choice=True).name == name


@pytest.mark.parametrize(("number", "seconds"), [("+33123450801", 1.0), ("+33123450810", 10.0), ("+33123450899", 99.0)])
def test_numbers_ending_in_08_and_seconds_hang_up_after_them(number: str, seconds: float) -> None:
    chosen = behaviours.choose(number, {}, first_choice=True)
    assert (chosen.name, chosen.hang_up_s) == ("hang-up", seconds)


def test_only_the_first_carrier_is_unavailable() -> None:
    assert behaviours.choose("+33123450503", {}, first_choice=True).refuse == 503
    assert behaviours.choose("+33123450503", {}, first_choice=False).name == "normal"


def test_what_was_told_wins_and_the_longest_prefix_first() -> None:
    told = {"33": behaviours.BEHAVIOURS["busy"], "331": behaviours.NORMAL, "33123450603": behaviours.BEHAVIOURS["slow"]}
    assert behaviours.choose("+33612345678", told, first_choice=True).name == "busy"
    assert behaviours.choose("+33112345486", told, first_choice=True).name == "normal"
    assert behaviours.choose("+33123450603", told, first_choice=True).name == "slow"
    assert behaviours.choose("+44123450603", told, first_choice=True).name == "decline"


def test_the_help_names_every_ending() -> None:
    for ending, name in behaviours.BY_ENDING.items():
        assert f"{ending}  {name}" in behaviours.TABLE
