"""Contracts and prices as the installation has them: the brands' files through policy, the activated decks through rating."""

from __future__ import annotations

import threading
from datetime import date, datetime

from django.db import connections

from cadran.policy import queries as policy
from cadran.policy.law import LawValue, UnknownLaw
from cadran.policy.terms import Terms
from cadran.rating import decks
from cadran.rating.rules import Rate
from cadran.units.period import civil_day

MAX_LAWS = 1000  # values by day kept at once


class BrandContracts:
    """`needs.Contracts` from the brands' files; a version is read once until `refresh`."""

    def __init__(self) -> None:
        self._known: dict[str, Terms] = {}
        self._laws: dict[tuple[str, date], LawValue | None] = {}

    def terms(self, ref: str) -> Terms:
        known = self._known.get(ref)
        if known is None:
            known = self._known[ref] = policy.terms(ref)
        return known

    def law(self, name: str, at: datetime) -> LawValue | None:
        key = name, civil_day(at, policy.LAW_ZONE)
        if key not in self._laws:
            if len(self._laws) >= MAX_LAWS:
                self._laws.clear()
            try:
                self._laws[key] = policy.law(name, at)
            except UnknownLaw:
                self._laws[key] = None
        return self._laws[key]

    def refresh(self) -> None:
        self._known.clear()
        self._laws.clear()


class BrandPrices:
    """`needs.Prices` from the activated decks; a brand's is loaded when first asked for, and again by `reload`."""

    def __init__(self) -> None:
        self._decks: dict[str, decks.Deck] = {}

    def preload(self) -> None:
        """Load the decks of all brands now, so that no call waits for it."""
        for brand in policy.brands():
            self._decks[brand.key] = decks.load(brand.key)

    def find(self, brand: str, digits: str, at: datetime) -> Rate | None:
        deck = self._decks.get(brand)
        if deck is None:
            deck = self._decks[brand] = decks.load(brand)
        return deck.find(digits, at)

    def reload(self) -> int:
        try:
            for brand, deck in list(self._decks.items()):
                if decks.generation(brand) != deck.generation:
                    self._decks[brand] = decks.load(brand, previous=deck)
            return max((decks.generation(brand.key) for brand in policy.brands()), default=0)
        finally:
            if threading.current_thread() is not threading.main_thread():
                connections.close_all()
