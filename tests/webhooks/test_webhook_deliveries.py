"""Webhooks from the fact to the receiver, over real sockets."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

import pytest
from webhook_receiver import Receiver, receiver

from cadran.charging import queries as charging
from cadran.journeys import carry, webhooks
from cadran.messaging.webhooks import deliveries, kinds, models, operations, queries, rules
from cadran.messaging.webhooks.adapters.http import HttpSender
from cadran.messaging.webhooks.ports import Parcel
from cadran.policy import operations as policy_operations

pytestmark = pytest.mark.django_db(databases="__all__")
AT = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
WALL_S = int(AT.timestamp())
MINE = queries.Owner("ippi", "A000001")
STAFF = queries.Owner("ippi")
BODY = {"order": "pay_1", "account": "A000001", "amount_micros": 10_000_000, "currency": "EUR", "means": "card"}
SENDER = HttpSender(lax=True, timeout_s=0.5)
ROOMS = Path(__file__).parents[2] / "src/cadran"
SOURCES = [one.read_text() for one in ROOMS.rglob("*.py") if one.name != "kinds.py" and "web" not in one.parts]


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


def add(hook: Receiver, owner: queries.Owner = MINE, *kinds: str) -> operations.Made:
    return operations.add_endpoint(owner=owner, url=hook.url, kinds=kinds or ["payment.received"], by="claire", at=AT)


def tell(source: str = "payment.received:pay_1", account: str = "A000001") -> int:
    return operations.announce(
        kind="payment.received", source=source, brand="ippi", account=account, body={**BODY, "account": account}, at=AT
    )


def deliver(at: datetime = AT) -> int:
    return deliveries.deliver_due(at=at, wall_s=int(at.timestamp()), sender=SENDER)


def only(endpoint: queries.Endpoint, owner: queries.Owner = MINE) -> queries.Delivery:
    ((_, found),) = queries.deliveries(endpoint.endpoint_id, owner)
    return found


def test_a_fact_reaches_the_receiver_signed_and_is_logged_with_the_answer(hook: Receiver) -> None:
    made = add(hook)
    assert tell() == 1
    assert deliver() == 1
    (got,) = hook.received
    assert rules.verify(made.secret, got.headers, got.body, now_s=WALL_S) == got.headers["webhook-id"]
    told = json.loads(got.body)
    assert (told["type"], told["account"], told["data"]["order"]) == ("payment.received", "A000001", "pay_1")
    found = only(made.endpoint)
    assert (found.state, found.attempts, found.log[0].status, found.log[0].answer) == ("delivered", 1, 200, "thank you")
    assert "thank you" not in models.Attempt.objects.values_list("sealed", flat=True)[0]
    assert deliver() == 0


def test_the_same_fact_is_told_once_and_only_to_those_whom_it_concerns(hook: Receiver) -> None:
    mine, staff = add(hook), add(hook, STAFF)
    others = add(hook, queries.Owner("ippi", "A000002"))
    elsewhere = add(hook, queries.Owner("kavkom"))
    uninterested = add(hook, MINE, "call.ended")
    assert (tell(), tell()) == (2, 0)
    deliver()
    assert len(hook.received) == 2
    assert only(mine.endpoint).state == only(staff.endpoint, STAFF).state == "delivered"
    for made, owner in (
        (others, queries.Owner("ippi", "A000002")),
        (elsewhere, queries.Owner("kavkom")),
        (uninterested, MINE),
    ):
        assert queries.deliveries(made.endpoint.endpoint_id, owner) == ()


def test_a_receiver_that_fails_and_then_answers_gets_it_later_with_the_same_id(hook: Receiver) -> None:
    made = add(hook)
    hook.answers = [500, 200]
    tell()
    deliver()
    found = only(made.endpoint)
    assert (found.state, found.next_at) == ("waiting", AT + timedelta(seconds=5))
    assert deliver(AT + timedelta(seconds=4)) == 0
    assert deliver(AT + timedelta(seconds=5)) == 1
    first, second = hook.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]
    assert [one.status for one in only(made.endpoint).log] == [500, 200]


@pytest.mark.parametrize("silence", [2.0, "drip"])
def test_a_receiver_that_says_nothing_or_drips_is_left_when_its_time_is_over(
    hook: Receiver, silence: float | str
) -> None:
    made = add(hook)
    hook.answers = [silence]
    tell()
    deliver()
    found = only(made.endpoint)
    assert (found.state, found.log[0].status, found.log[0].error) == ("waiting", 0, "timeout")


def test_a_silent_receiver_does_not_keep_the_others_waiting(hook: Receiver) -> None:
    slow = add(hook)
    hook.answers = [2.0]
    with receiver() as quick:
        other = add(quick)
        tell()
        assert deliver() == 2
        assert (only(slow.endpoint).state, only(other.endpoint).state) == ("waiting", "delivered")


def test_redirects_are_not_followed(hook: Receiver) -> None:
    made = add(hook)
    with receiver() as elsewhere:
        hook.answers, hook.location = [302], elsewhere.url
        tell()
        deliver()
        assert elsewhere.received == []
    assert only(made.endpoint).log[0].status == 302


def test_an_endless_answer_is_cut(hook: Receiver) -> None:
    made = add(hook)
    hook.text = b"\x00\x1b[31m" + b"a" * 1_000_000
    tell()
    deliver()
    answer = only(made.endpoint).log[0].answer
    assert len(answer) == 300
    assert "\x1b" not in answer


def test_after_ten_attempts_it_is_given_up_and_can_be_replayed(hook: Receiver) -> None:
    made = add(hook)
    hook.answers = [503]
    tell()
    at = AT
    for _ in range(10):
        assert deliver(at) == 1
        at += timedelta(days=1)
    found = only(made.endpoint)
    assert (found.state, found.attempts) == ("given-up", 10)
    assert deliver(at) == 0
    hook.answers = [200]
    again = operations.replay(owner=MINE, delivery_id=found.delivery_id, by="claire", at=at)
    assert again.state == "waiting"
    assert deliver(at) == 1
    assert only(made.endpoint).state == "delivered"
    assert hook.received[-1].headers["webhook-id"] == hook.received[0].headers["webhook-id"]


def test_an_endpoint_that_never_answers_is_suspended_until_its_owner_enables_it(hook: Receiver) -> None:
    made = add(hook)
    models.Endpoint.objects.update(given_up=rules.GIVEN_UP_BEFORE_SUSPENSION - 1)
    hook.answers = [500]
    tell()
    models.Delivery.objects.update(attempts=9)
    deliver()
    assert queries.endpoint(made.endpoint.endpoint_id, MINE).state == "suspended"
    assert tell("another") == 0
    operations.change_endpoint(owner=MINE, endpoint_id=made.endpoint.endpoint_id, enabled=True, by="claire", at=AT)
    assert tell("a third") == 1


def test_after_a_rotation_both_secrets_sign_for_a_day_and_then_the_new_one_alone(hook: Receiver) -> None:
    made = add(hook)
    fresh = operations.rotate_secret(owner=MINE, endpoint_id=made.endpoint.endpoint_id, by="claire", at=AT)
    assert fresh.secret != made.secret
    for source, at in (("one", AT + timedelta(hours=23, minutes=59)), ("two", AT + timedelta(hours=24))):
        tell(source)
        deliver(at)
    during, after = hook.received
    now_s = int((AT + timedelta(hours=24)).timestamp())
    for secret in (made.secret, fresh.secret):
        rules.verify(secret, during.headers, during.body, now_s=now_s)
    rules.verify(fresh.secret, after.headers, after.body, now_s=now_s)
    with pytest.raises(rules.ForgedWebhook):
        rules.verify(made.secret, after.headers, after.body, now_s=now_s)


def test_a_name_that_leads_inside_is_not_called_even_if_another_address_of_it_is_public(hook: Receiver) -> None:
    strict, port = HttpSender(lax=False, timeout_s=1), int(hook.url.rpartition(":")[2].partition("/")[0])

    def resolved(*addresses: str) -> object:
        return mock.patch.object(
            socket, "getaddrinfo", return_value=[(2, 1, 6, "", (address, port)) for address in addresses]
        )

    parcel = Parcel(url=f"https://hooks.example.com:{port}/", headers={}, body=b"{}")
    for addresses in (("127.0.0.1",), ("93.184.216.34", "10.0.0.1"), ("169.254.169.254",), ("::1",)):
        with resolved(*addresses):
            (reply,) = strict.send([parcel])
        assert (reply.status, reply.error) == (0, "refused-address")
    assert hook.received == []


def test_the_connection_goes_to_the_address_that_was_checked_though_the_name_changes(hook: Receiver) -> None:
    """DNS rebinding: the name is looked up once; a second look-up, which would lead elsewhere, is not made."""
    port, asked = int(hook.url.rpartition(":")[2].partition("/")[0]), []
    real = socket.getaddrinfo

    def changing(host: str, *rest: object, **more: object) -> object:
        if host == "hooks.example.com":
            asked.append(host)
            return [(2, 1, 6, "", ("127.0.0.1" if len(asked) == 1 else "127.0.0.2", port))]
        return real(host, *rest, **more)  # type: ignore[arg-type]

    with mock.patch.object(socket, "getaddrinfo", changing):
        (reply,) = SENDER.send([Parcel(url=f"http://hooks.example.com:{port}/x", headers={}, body=b"{}")])
    assert (reply.status, asked) == (200, ["hooks.example.com"])
    assert hook.received[0].headers["host"] == f"hooks.example.com:{port}"


def test_a_certificate_of_nobody_and_a_closed_port_are_told_apart_from_an_answer(hook: Receiver) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    plain = hook.url.replace("http://", "https://")
    found = SENDER.send(
        [
            Parcel(url=f"http://127.0.0.1:{port}/", headers={}, body=b"{}"),
            Parcel(url=plain, headers={}, body=b"{}"),
        ]
    )
    assert [(one.status, one.error) for one in found] == [(0, "connection"), (0, "tls")]


def test_an_event_of_a_room_is_told_when_it_is_carried(hook: Receiver) -> None:
    made = add(hook, STAFF, "key.made")
    body = {
        "prefix": "abc",
        "account": "",
        "brand": "ippi",
        "scopes": [],
        "test": False,
        "by": "agent",
        "staff": "agent",
    }
    policy_operations.record_event(kind="party.api-key-made", key="abc", body=body, at=AT)
    carry.pending(charging=mock.Mock(), now=AT)
    found = only(made.endpoint, STAFF)
    assert json.loads(found.body)["data"] == {"prefix": "abc", "account": "", "scopes": [], "test": False}


def test_what_is_for_everybody_reaches_every_account_and_what_is_for_staff_none(hook: Receiver) -> None:
    mine = add(hook, MINE, "terms.published", "prices.activated")
    theirs = add(hook, STAFF, "terms.published", "proposal.waiting")
    published = {
        "brand": "ippi",
        "terms": "ippi/2099-01",
        "effective_from": "2099-01-01",
        "sha256": "0",
        "proposal": "p",
    }
    policy_operations.record_event(kind="policy.terms-published", key="ippi/2099-01", body=published, at=AT)
    proposed = {
        "brand": "ippi",
        "account": MINE.account,
        "proposal": "prop_1",
        "kind": "give-credit",
        "reason": "private",
    }
    policy_operations.record_event(kind="journeys.proposal-proposed", key="prop_1", body=proposed, at=AT)
    carry.pending(charging=mock.Mock(), now=AT)
    told = json.loads(only(mine.endpoint).body)["data"]
    assert told == {"terms": "ippi/2099-01", "effective_from": "2099-01-01", "sha256": "0"}
    found = [one.kind for _, one in queries.deliveries(theirs.endpoint.endpoint_id, STAFF)]
    assert sorted(found) == ["proposal.waiting", "terms.published"]
    assert not any("private" in one.body for _, one in queries.deliveries(theirs.endpoint.endpoint_id, STAFF))


@pytest.mark.parametrize("kind", sorted(kinds.BY_EVENT))
def test_every_kind_comes_of_an_event_that_some_room_records(kind: str) -> None:
    """The event's name stands in the code of a room, whole or as the end that a state gives it."""
    stem = kind.rpartition("-")[0]
    assert any(f'"{kind}"' in text or f"{stem}-{{" in text for text in SOURCES), kind


def test_calls_are_told_from_the_moment_that_somebody_wants_them(
    hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = mock.Mock(
        cdr_id="cdr_1",
        brand="ippi",
        account="A000001",
        direction="outbound",
        disposition="answered",
        charged_s=61,
        charge_micros=122_000,
        currency="EUR",
        corrects="",
        destination="447911123456",
    )
    written = [(7, record)]
    monkeypatch.setattr(charging, "last_position", lambda: 6)
    monkeypatch.setattr(
        charging, "cdrs_after", lambda position, limit: tuple(one for one in written if one[0] > position)
    )
    assert webhooks.follow_calls(at=AT) == 0
    made = add(hook, MINE, "call.ended")
    assert webhooks.follow_calls(at=AT) == 1
    assert webhooks.follow_calls(at=AT) == 0
    told = json.loads(only(made.endpoint).body)["data"]
    assert (told["call"], told["charge_micros"]) == ("cdr_1", 122_000)
    assert "447911123456" not in only(made.endpoint).body


def test_what_is_a_month_old_is_forgotten(hook: Receiver) -> None:
    made = add(hook)
    tell()
    assert deliveries.sweep(at=AT + timedelta(days=30)) == 0
    assert deliveries.sweep(at=AT + timedelta(days=30, seconds=1)) == 1
    assert queries.deliveries(made.endpoint.endpoint_id, MINE) == ()
    assert models.Attempt.objects.count() == models.Delivery.objects.count() == 0


def test_an_endpoint_is_its_owners_alone(hook: Receiver) -> None:
    made, stranger = add(hook), queries.Owner("ippi", "A000002")
    tell()
    delivery = only(made.endpoint)
    for attempt in (
        lambda: queries.endpoint(made.endpoint.endpoint_id, stranger),
        lambda: queries.deliveries(made.endpoint.endpoint_id, stranger),
        lambda: queries.delivery(delivery.delivery_id, stranger),
        lambda: queries.delivery(delivery.delivery_id, STAFF),
        lambda: operations.replay(owner=stranger, delivery_id=delivery.delivery_id, by="x", at=AT),
        lambda: operations.rotate_secret(owner=stranger, endpoint_id=made.endpoint.endpoint_id, by="x", at=AT),
        lambda: operations.remove_endpoint(owner=stranger, endpoint_id=made.endpoint.endpoint_id, by="x", at=AT),
        lambda: operations.ping(owner=stranger, endpoint_id=made.endpoint.endpoint_id, at=AT),
    ):
        with pytest.raises(queries.NotFound):
            attempt()


def test_no_more_than_ten_endpoints_are_kept(hook: Receiver) -> None:
    for _ in range(10):
        add(hook)
    with pytest.raises(operations.TooManyEndpoints):
        add(hook)


def test_outside_a_sandbox_an_address_of_this_machine_is_refused(hook: Receiver, settings: object) -> None:
    settings.SANDBOX = False  # type: ignore[attr-defined]
    with pytest.raises(rules.AddressRefused):
        add(hook)


def test_a_removed_endpoint_is_sent_nothing_more(hook: Receiver) -> None:
    made = add(hook)
    tell()
    operations.remove_endpoint(owner=MINE, endpoint_id=made.endpoint.endpoint_id, by="claire", at=AT)
    assert deliver() == 0
    assert hook.received == []
