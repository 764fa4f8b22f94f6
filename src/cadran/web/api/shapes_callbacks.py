"""The JSON of callbacks: what one would cost, the order, and where it stands."""

from __future__ import annotations

from typing import Literal

from cadran.web.api.shapes import Asked, Instant, Price, Shape
from cadran.web.api.shapes_calling import Typed

Stage = Literal["asked", "ringing-you", "ringing-them", "talking", "over"]


class CallbackLegPrice(Shape):
    """One leg before it is called: `number` in E.164, and its price; null where the leg is free."""

    number: str
    price: Price | None


class CallbackOffer(Shape):
    """A callback before it is ordered. `seconds`: how long both may talk on the credit; 0 where it does not suffice to begin."""

    first: CallbackLegPrice
    second: CallbackLegPrice
    name: str
    seconds: int
    credit_micros: int
    currency: str


class CallbackAsked(Asked):
    """Whom to reach, and which of the calling numbers rings first; the first registered one where `first` is left out."""

    second: Typed
    first: Typed | None = None


class CallbackLeg(Shape):
    """What one leg came to. `call` is its record, to be read at `/calls/{id}`."""

    call: str
    disposition: str
    seconds: int
    charge_micros: int


class Callback(Shape):
    """A callback. `why` says how it ended; `first_leg` and `second_leg` are null until they are settled."""

    id: str
    first: str
    second: str
    name: str
    stage: Stage
    why: str | None
    ordered_at: Instant
    first_leg: CallbackLeg | None
    second_leg: CallbackLeg | None
    charge_micros: int
    currency: str
    settled: bool


class Callbacks(Shape):
    """Callbacks, newest first."""

    callbacks: list[Callback]
