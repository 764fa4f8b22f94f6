"""What is suspicious in a deck is found, and what is in order is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cadran.catalog.inspection import Kind, inspect
from cadran.catalog.rules import Rate, Tariff
from cadran.numbering import plan

AT = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)


def rate(prefix: str, nanos: int = 10_000_000, destination: str = "Somewhere", **more: object) -> Rate:
    fields: dict[str, object] = {"prefix": prefix, "destination": destination, "currency": "EUR", "price_nanos": nanos}
    return Rate(**{**fields, **more})  # type: ignore[arg-type]


def found(*rates: Rate, samples: tuple[tuple[str, str, str], ...] = ()) -> list[tuple[Kind, str, str]]:
    return [(one.kind, one.prefix, one.instead) for one in inspect(rates, samples, at=AT).findings]


def test_a_deck_in_order_gives_nothing() -> None:
    assert found(rate("33"), rate("331"), samples=(("FR", "fixed", "33142000001"),)) == []


def test_a_country_without_a_price_is_named_with_a_number_of_it() -> None:
    samples = (("FR", "fixed", "33142000001"), ("DE", "mobile", "4915123456789"), ("XX", "fixed", "3"))
    inspected = inspect([rate("33"), rate("49", valid_to=AT)], samples, at=AT)
    assert [(one.country, one.what, one.prefix) for one in inspected.of(Kind.NO_PRICE)] == [
        ("DE", "mobile", "4915123456789"),
        ("XX", "fixed", "3"),
    ]


@pytest.mark.parametrize(
    ("ends", "kind"), [(AT - DAY, Kind.ENDED), (AT, Kind.ENDED), (AT + timedelta(seconds=1), Kind.ENDING)]
)
def test_a_price_that_ends_with_nothing_after_tells_what_holds_instead(ends: datetime, kind: Kind) -> None:
    assert found(rate("33"), rate("336", valid_to=ends)) == [(kind, "336", "33")]
    assert found(rate("336", valid_to=ends)) == [(kind, "336", "")]


def test_a_price_that_another_of_the_same_prefix_follows_is_in_order() -> None:
    assert found(rate("336", valid_to=AT + DAY), rate("336", valid_from=AT + DAY)) == []
    paused = found(rate("336", valid_to=AT + DAY), rate("336", valid_from=AT + 2 * DAY))
    assert paused == [(Kind.PAUSE, "336", "")]
    assert found(rate("336", valid_to=AT + 2 * DAY), rate("336", valid_from=AT + DAY)) == [(Kind.OVERLAP, "336", "")]


def test_a_price_is_never_reached_when_each_next_digit_has_its_own() -> None:
    children = [rate(f"33{digit}") for digit in range(10)]
    assert found(rate("33"), *children) == [(Kind.SHADOWED, "33", "")]
    assert found(rate("33"), *children[:9]) == []
    deeper = [rate(f"339{digit}") for digit in range(10)]
    assert found(rate("33"), *children[:9], *deeper) == [(Kind.SHADOWED, "33", "")]
    ending = rate("339", valid_to=AT + DAY)
    assert (Kind.SHADOWED, "33", "") not in found(rate("33"), *children[:9], ending)


@pytest.mark.parametrize(
    ("nanos", "kinds"),
    [
        (100_000_000, []),
        (100_000_001, [Kind.HIGH]),
        (1_000_000, []),
        (999_999, [Kind.LOW]),
        (0, [Kind.LOW]),
    ],
)
def test_a_price_ten_times_from_its_siblings_is_suspicious(nanos: int, kinds: list[Kind]) -> None:
    usual = [rate(f"44{digit}", destination=f"Town {digit}") for digit in range(4)]
    assert [kind for kind, _, _ in found(*usual, rate("449", nanos, "Other"))] == kinds


@pytest.mark.parametrize(("nanos", "kinds"), [(40_000_000, []), (40_000_001, [Kind.HIGH])])
def test_a_price_four_times_that_of_its_namesakes_is_suspicious(nanos: int, kinds: list[Kind]) -> None:
    usual = [rate(prefix) for prefix in ("211", "312", "413", "514")]
    assert [kind for kind, _, _ in found(*usual, rate("615", nanos))] == kinds


def test_prices_of_other_units_are_compared_by_the_minute() -> None:
    usual = [rate(prefix) for prefix in ("211", "312", "413", "514")]
    second = rate("615", 166_666, tariff=Tariff(unit_s=1))
    assert found(*usual, second) == []


def test_the_numbering_plan_gives_a_number_of_each_kind_for_every_country() -> None:
    samples = {(one.country, one.kind): one.digits for one in plan.samples()}
    assert samples["FR", "fixed"].startswith("33")
    assert samples["FR", "mobile"][:3] in ("336", "337")
    assert samples["US", "fixed"].startswith("1")
    assert len({country for country, _ in samples}) > 230
