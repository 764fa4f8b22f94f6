"""What a rate says, in words."""

from __future__ import annotations

from cadran.catalog.rules import AtMaximum, Pricing, Rate, RateGroup, Rounding, Tariff, TimeBand
from cadran.rating import words


class Amounts:
    def price(self, nanos: int) -> str:
        return f"{nanos} n"

    def money(self, micros: int) -> str:
        return f"{micros} m"


NIGHT = TimeBand(
    name="nuit",
    zone="Europe/Paris",
    price_nanos=5,
    weekdays=frozenset({6}),
    windows=((0, 360),),
    months=frozenset({12}),
    pricing=Pricing(price_nanos=5, unit_s=1, first_s=10, next_s=10, connection_micros=7),
)
RATE = Rate(
    prefix="33",
    destination="France",
    currency="EUR",
    price_nanos=1,
    connection_micros=2,
    bands=(NIGHT,),
    tariff=Tariff(
        free_s=30,
        groups=(RateGroup(from_s=60, price_nanos=3, unit_s=30),),
        maximum_micros=9,
        at_maximum=AtMaximum.FREE,
        rounding=Rounding.UP,
        decimals=2,
    ),
)


def test_a_plain_rate_has_nothing_more_to_say() -> None:
    assert words.conditions(Rate(prefix="33", destination="F", currency="EUR", price_nanos=1), "fr", Amounts()) == ()


def test_every_part_of_the_language_is_told_in_both_languages() -> None:
    assert words.conditions(RATE, "fr", Amounts()) == (
        "Les 30 premières secondes sont gratuites.",
        "Mise en relation : 2 m par appel.",
        "À partir de 60 s : 3 n les 30 secondes, par pas de 1 s.",
        "nuit (dimanche; déc.; 00:00-06:00; Europe/Paris) : 5 n la seconde, par pas de 10 s, Mise en relation : 7 m par appel.",
        "Vaut pour tout l'appel la tranche de son début.",
        "Un appel coûte 9 m au plus, le reste est gratuit.",
        "Arrondi une seule fois, vers le haut, à 2 décimales.",
    )
    assert words.conditions(RATE, "en", Amounts()) == (
        "The first 30 seconds are free.",
        "Connection: 2 m a call.",
        "From 60 s on: 3 n for 30 seconds, in steps of 1 s.",
        "nuit (Sunday; Dec; 00:00-06:00; Europe/Paris): 5 n a second, in steps of 10 s, Connection: 7 m a call.",
        "The band of its start holds for the whole call.",
        "A call costs 9 m at most, the rest is free.",
        "Rounded once, upwards, to 2 decimals.",
    )


def test_the_rounding_of_a_charge_is_told() -> None:
    assert (
        words.rounding("half-up to 0.000001", 0) == "une seule fois, au plus proche, la moitié vers le haut, à 0,000001"
    )
    assert words.rounding("down to 0.01", 1) == "once, downwards, to 0.01"
    assert words.rounding("otherwise", 1) == "otherwise"
