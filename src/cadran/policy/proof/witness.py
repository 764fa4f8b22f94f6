"""Asking the witness outside, a time-stamp authority over HTTP, for a token over the newest seal: what it covers, by the chain."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx
import structlog
from cryptography import x509

from cadran.policy.proof import files, operations, rules, timestamps
from cadran.policy.proof.timestamps import MAX_REPLY, Stamp

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 300.0
log = structlog.get_logger()


class WitnessUnreachable(rules.EvidenceError):
    """The witness did not answer, or answered with an error; the seals are kept, and witnessed later."""

    error_id = "evidence-witness-unreachable"


def ask(url: str, digest: bytes, *, timeout_s: float) -> bytes:
    """A token over a SHA-256 from the authority at `url`, not yet checked. Raises WitnessUnreachable, timestamps.TokenRefused."""
    query, nonce = timestamps.request(digest)
    reply = bytearray()
    headers = {"content-type": "application/timestamp-query", "accept": "application/timestamp-reply"}
    try:
        with httpx.stream("POST", url, content=query, headers=headers, timeout=timeout_s, trust_env=False) as answer:
            if not answer.is_success:
                raise WitnessUnreachable(f"the witness answered {answer.status_code}: the seals wait for it")
            for part in answer.iter_bytes():
                reply += part
                if len(reply) > MAX_REPLY:
                    raise timestamps.TokenRefused("the witness answered too much")
    except httpx.HTTPError as error:
        raise WitnessUnreachable(
            f"the witness does not answer ({type(error).__name__}): the seals wait for it"
        ) from error
    return timestamps.token_of(bytes(reply), digest=digest, nonce=nonce)


def trusted(path: Path) -> tuple[x509.Certificate, ...]:
    """The certificates that stand behind the witness; none when the file is not there."""
    with contextlib.suppress(OSError):
        return timestamps.read_certificates(path.read_bytes())
    return ()


@dataclass(slots=True)
class Witnessing:
    """Has the newest seal witnessed, at most every `every_s` seconds; after a failure it waits, twice as long each time, 5 minutes at
    most. Seals are never dropped: the next token covers them all. `clock`: monotonic seconds."""

    url: str
    certificates: Path
    every_s: float
    timeout_s: float
    clock: Callable[[], float]
    heads: str = ""
    failures: int = 0
    _not_before_s: float = 0.0

    def step(self) -> Stamp | None:
        """One round; the stamp when one was kept. Never raises for what the witness does."""
        now_s = self.clock()
        if not self.url or now_s < self._not_before_s:
            return None
        run = files.execute(files.HOUSE)
        newest = files.last_seal(run)
        if newest is None or run("SELECT 1 FROM evidence_token WHERE seal >= ?", (newest[0],)).fetchone():
            return None
        try:
            token = ask(self.url, newest[2], timeout_s=self.timeout_s)
            stamp = timestamps.check(token, digest=newest[2], trusted=trusted(self.certificates))
        except (WitnessUnreachable, timestamps.TokenRefused) as error:
            self.failures += 1
            pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(self.failures - 1, 20))
            self._not_before_s = now_s + pause
            log.warning(
                "evidence_not_witnessed", seal=newest[0], error=str(error), failures=self.failures, again_in_s=pause
            )
            return None
        self.failures, self._not_before_s = 0, now_s + self.every_s
        operations.keep_token(seal=newest[0], token=token, stamped_at=stamp.at, authority=stamp.authority)
        log.info("evidence_witnessed", seal=newest[0], hash=newest[2].hex(), at=stamp.at.isoformat())
        self._copy_out(newest[0], newest[2], stamp.at)
        return stamp

    def _copy_out(self, number: int, digest: bytes, at: datetime) -> None:
        """A line `number hash instant` to the file outside, where one is set."""
        if not self.heads:
            return
        try:
            with Path(self.heads).open("a", encoding="ascii") as file:
                file.write(f"{number} {digest.hex()} {at.isoformat()}\n")
        except OSError as error:
            log.error("evidence_head_not_copied", file=self.heads, error=str(error))
