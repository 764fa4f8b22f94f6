"""Registered phones go with the codes that they registered with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from cadran.policy import operations
from cadran.voice.registrar.dismissals import KINDS, Dismissals
from cadran.voice.rules.bindings import Binding, Bindings

AT = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass
class Dropped:
    names: list[str] = field(default_factory=list)

    def drop(self, username: str) -> None:
        self.names.append(username)


class AtOnce:
    """Reads at once, as a test's database does."""

    def read(self, work: Callable[[], object], done: Callable[[object], None]) -> None:
        done(work())


def tell(kind: str, name: str, key: str) -> None:
    operations.record_event(kind=kind, key=key, body={"sip_user": name, "account": "A1"}, at=AT)


@pytest.mark.django_db
@pytest.mark.clause("IPP-5.3-codes")
@pytest.mark.parametrize("kind", KINDS)
def test_each_event_that_ends_codes_drops_the_phones_once_and_those_of_before_the_start_do_not(kind: str) -> None:
    tell(kind, "before", "1")
    dropped = Dropped()
    dismissals = Dismissals(dropped, AtOnce())
    dismissals.look()
    tell(kind, "claire", "2")
    tell("party.call-duration-chosen", "zoe", "3")
    for _ in range(3):
        dismissals.look()
    assert dropped.names == ["claire"]


@pytest.mark.django_db
def test_a_database_that_does_not_answer_is_asked_again() -> None:
    class Fails:
        def read(self, work: Callable[[], object], done: Callable[[object], None]) -> None:
            done(None)

    dropped = Dropped()
    dismissals = Dismissals(dropped, Fails())
    dismissals.look()
    dismissals.look()
    dismissals.reader = AtOnce()
    dismissals.look()
    tell(KINDS[0], "claire", "1")
    dismissals.look()
    assert dropped.names == ["claire"]


@pytest.mark.clause("IPP-5.3-codes")
def test_a_forgotten_user_has_no_device_and_others_keep_theirs() -> None:
    table = Bindings()
    for user in ("claire", "zoe"):
        contact = f"sip:{user}@192.0.2.1"
        table.restore(
            Binding(user=user, contact=contact, source=("192.0.2.1", 5060), call_id="c", cseq=1, expires_at=60)
        )
    assert table.forget("claire").removed == ("sip:claire@192.0.2.1",)
    assert table.live("claire", 0) == ()
    assert len(table.live("zoe", 0)) == 1
    assert table.forget("nobody").removed == ()
