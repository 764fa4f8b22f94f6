"""Who sends a request: digest against the directory, with failed attempts counted. SIP thread."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import structlog

from cadran.units.clock import MonotonicClock
from cadran.voice.b2bua import figures, transactions
from cadran.voice.directory.cache import Directory, Known, SipUser
from cadran.voice.rules import admission, digest, responses

log = structlog.get_logger("voice.identity")
Verified = Callable[[SipUser | None, Any], None]


class Identity:
    """Verifies requests. `check` hands `done` the user, or None and the response to send."""

    def __init__(
        self, *, realm: str, directory: Directory, clock: MonotonicClock, gate: admission.FailureGate, lifetime_s: float
    ) -> None:
        self.realm, self.directory, self.clock, self.gate = realm, directory, clock, gate
        self.nonces = digest.Nonces(key=secrets.token_bytes(32), lifetime_s=lifetime_s)

    def check(self, request: Any, done: Verified) -> None:
        """Judge a REGISTER or INVITE; `done` is called once, now or when the directory has answered."""
        values = transactions.raw_headers(request, "authorization")
        if not values:
            done(None, self._challenge(request, digest.Verdict.ABSENT))
            return
        try:
            given = self._ours(values)
        except digest.MalformedCredentials as error:
            figures.DIGEST.labels(verdict=digest.Verdict.MALFORMED.value).inc()
            done(None, self._refusal(request, 400, error.message))
            return
        if given is None:
            done(None, self._challenge(request, digest.Verdict.ABSENT))
            return
        source = request.getSource()[0]
        if self.gate.closed(source, given.username, self.clock.seconds()):
            figures.DIGEST.labels(verdict="waiting").inc()
            answer = self._refusal(request, 403, "")
            answer.appendHeader(transactions.header("Retry-After", str(int(self.gate.window_s))))
            done(None, answer)
            return
        self.directory.find(given.username, lambda known: self._judge(request, given, known, done))

    def _ours(self, values: list[str]) -> digest.Credentials | None:
        """The credentials for our realm. Raises MalformedCredentials when they cannot be read."""
        read = [digest.parse(value) for value in values[:4]]
        return next((one for one in read if one.realm == self.realm), None)

    def _judge(self, request: Any, given: digest.Credentials, known: Known, done: Verified) -> None:
        if not known.ok:
            answer = self._refusal(request, 503, "")
            answer.appendHeader(transactions.header("Retry-After", "5"))
            done(None, answer)
            return
        now, source = self.clock.seconds(), request.getSource()[0]
        user = known.user if known.user is not None and known.user.active else None
        verdict = digest.verify(
            given,
            method=request.getMethod(),
            request_uri=str(request.getRURI()),
            realm=self.realm,
            ha1_by_algorithm=user.ha1 if user is not None else None,
            nonces=self.nonces,
            now=now,
        )
        figures.DIGEST.labels(verdict=verdict.value).inc()
        if verdict is digest.Verdict.ACCEPTED:
            self.gate.succeeded(source, given.username)
            done(user, None)
            return
        if verdict is not digest.Verdict.STALE:
            self.gate.failed(source, given.username, now)
            log.info("digest-refused", verdict=verdict.value, username=given.username[:64], source=source)
        done(None, self._challenge(request, verdict))

    def _challenge(self, request: Any, verdict: digest.Verdict) -> Any:
        """401 with a challenge for each algorithm that the phone can bear. A replayed count gets a new nonce, as a stale one does."""
        answer = request.genResponse(401, responses.reason(401))
        stale = verdict in (digest.Verdict.STALE, digest.Verdict.REPLAYED)
        agent = (transactions.raw_headers(request, "user-agent") or [""])[0]
        for name, value in self.challenges(agent, stale=stale):
            answer.appendHeader(transactions.header(name, value))
        return answer

    def challenges(self, agent: str, *, stale: bool = False) -> list[tuple[str, str]]:
        """Headers with a fresh nonce, one for each algorithm that a phone of this User-Agent can bear."""
        nonce = self.nonces.issue(now=self.clock.seconds(), random_hex=secrets.token_hex(8))
        return [
            (
                "WWW-Authenticate",
                digest.challenge(realm=self.realm, nonce=nonce, algorithm=algorithm, stale=stale),
            )
            for algorithm in digest.offered(agent)
        ]

    def _refusal(self, request: Any, code: int, why: str) -> Any:
        answer = request.genResponse(code, responses.reason(code))
        if why:
            answer.appendHeader(transactions.header("Warning", f'399 cadran "{why[:120]}"'))
        return answer
