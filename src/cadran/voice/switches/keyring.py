"""Which switch a key is of, remembered for a few seconds; and how often it may still ask."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable

from cadran.units.clock import CivilClock, MonotonicClock
from cadran.voice.switches import figures, problems, queries, rules

Reader = Callable[[Callable[[], rules.Switch]], Awaitable[rules.Switch]]


class Keyring:
    """Keys by the SHA-256 of what was sent, right ones and wrong ones, for `ttl_s` seconds: the table is asked seldom, a revoked key
    ends within that time, and how long an answer takes says nothing of a key. Looked-up keys have an allowance of their own, so that
    guessing keeps no switch from its work."""

    def __init__(
        self,
        read: Reader,
        *,
        clock: MonotonicClock,
        civil: CivilClock,
        ttl_s: float = 5.0,
        bound: int = 10_000,
        guesses: int = 50,
    ) -> None:
        self._read, self._clock, self._civil = read, clock, civil
        self._ttl_s, self._bound = ttl_s, bound
        self._kept: dict[bytes, tuple[float, rules.Switch | None]] = {}
        self._allowances: dict[str, rules.Allowance] = {}
        self._guesses = rules.Allowance(guesses)

    async def switch(self, authorization: bytes) -> rules.Switch:
        """The switch of an Authorization header. Raises KeyMissing, KeyUnknown, RateLimited."""
        scheme, _, token = authorization.partition(b" ")
        if not token or scheme.lower() != b"bearer":
            raise problems.KeyMissing("send the key as Authorization: Bearer sk_…")
        digest = hashlib.sha256(token).digest()
        until, found = self._kept.get(digest, (0.0, None))
        if until <= self._clock.seconds():
            found = await self._looked_up(token, digest)
        if found is None:
            raise queries.KeyUnknown("this key is not known, or its time is over")
        self._take(self._allowances[found.prefix], "rate")
        return found

    async def _looked_up(self, token: bytes, digest: bytes) -> rules.Switch | None:
        text = token.decode("latin-1").strip()
        if not rules.prefix(text):
            return None
        known = self._kept.get(digest, (0.0, None))[1]
        if known is None:
            self._take(self._guesses, "guesses")
        found: rules.Switch | None
        try:
            found = await self._read(lambda: queries.switch(text, at=self._civil.now()))
        except queries.KeyUnknown:
            found = None
        if len(self._kept) >= self._bound:
            self._kept.clear()
        self._kept[digest] = (self._clock.seconds() + self._ttl_s, found)
        if found is not None:
            allowance = self._allowances.setdefault(found.prefix, rules.Allowance(found.rate))
            allowance.rate = found.rate
        return found

    def _take(self, allowance: rules.Allowance, why: str) -> None:
        if wait := allowance.take(self._clock.seconds()):
            figures.TURNED.labels(why).inc()
            raise problems.RateLimited(
                f"more than {allowance.rate} requests a second", retry_s=max(1, round(wait + 0.5))
            )
