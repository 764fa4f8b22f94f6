"""Outside switches ask charging over HTTP: exact answers, remembered; and what attackers and broken switches send."""

from __future__ import annotations

import json
from typing import Any

from charging_rig import AT, Books
from switch_rig import LANDLINE, NUMBERS, Switchboard, make_key

from cadran.party import operations as party
from cadran.voice.switches import operations, queries, rules

CALL = {"session": "c1", "caller": "alice", "to": LANDLINE}
SMS = {
    "event": "e1",
    "caller": "alice",
    "service": "sms",
    "amount_micros": 50_000,
    "currency": "EUR",
    "to": "+33612345678",
}


NO_REQUESTS = (
    (400, b""),
    (400, b"{"),
    (422, b"[]"),
    (422, b"null"),
    (422, b"7"),
    (400, b'{"session":"c1","to":"112"}{"session":"c2"}'),
    (400, b'{"session":"c1","to":"112","wanted_s":NaN}'),
    (400, b'{"session":"c1","to":"112","wanted_s":Infinity}'),
    (422, b'{"session":"c1","to":"112","wanted_s":1e400}'),
    (422, b'{"session":"c1","to":"112","wanted_s":' + b"9" * 4000 + b"}"),
    (422, b'{"session":"c1","to":"112","wanted_s":1.5}'),
    (422, b'{"session":"c1","to":"112","wanted_s":"60"}'),
    (422, b'{"session":"c1","to":"112","wanted_s":-1}'),
    (422, b'{"session":"c1","to":"112","wanted_s":true}'),
    (422, b'{"session":"c1","to":"112","caler":"alice"}'),
    (422, b'{"session":"","to":"112"}'),
    (422, b'{"session":null,"to":"112"}'),
    (422, b'{"session":"' + b"a" * 257 + b'","to":"112"}'),
    (422, b'{"session":' + b"[" * 8000 + b"]" * 8000 + b',"to":"112"}'),
    (422, b'{"x":' + b'{"x":' * 2000 + b"1" + b"}" * 2000 + b"}"),
    (400, b'{"session":"\\ud800","to":"112"}'),
    (400, b'{"session":"\xff\xfe","to":"112"}'),
    (400, b"\xef\xbb\xbf{}"),
    (413, b'{"session":"c1","to":"' + b"1" * 17_000 + b'"}'),
)


def settled(session: str, measured_ms: int, **more: Any) -> dict[str, Any]:
    return {"session": session, "answered": True, "measured_ms": measured_ms, **more}


def test_a_call_is_granted_extended_and_settled_to_the_micro(board: Switchboard, books: Books) -> None:
    granted = board.ask("authorise", CALL)
    assert granted["allowed"]
    assert (granted["granted_s"], granted["limit_s"], granted["limit_clause"]) == (10, 3600, "IPP-5.5-one-hour")
    assert granted["why"]["code"] == "call-charged"
    assert granted["route"] == {
        "kind": "carriers",
        "username": "",
        "dial": "33142000001",
        "uri": "",
        "shown": NUMBERS["alice"],
    }
    assert board.ask("extend", {"session": "c1", "seq": 1, "used_s": 5})["granted_s"] == 40
    done = board.ask("settle", settled("c1", 12_001))
    assert (done["charged_s"], done["charge_micros"], done["currency"], done["cut"]) == (13, 2_600, "EUR", False)
    assert books.balance(board.house.accounts["alice"]) == (997_400, 0)
    books.check()


def test_every_replay_and_reordering_has_its_remembered_answer(board: Switchboard, books: Books) -> None:
    assert board.refused("settle", settled("c1", 5_000)) == (404, "charging-session-unknown")
    assert board.refused("extend", {"session": "c1", "seq": 1, "used_s": 0}) == (404, "charging-session-unknown")
    granted = board.ask("authorise", CALL)
    third = board.ask("extend", {"session": "c1", "seq": 3, "used_s": 4})
    assert board.refused("extend", {"session": "c1", "seq": 2, "used_s": 4}) == (409, "charging-seq-passed")
    assert board.ask("extend", {"session": "c1", "seq": 3, "used_s": 400}) == third
    done = board.ask("settle", settled("c1", 20_000))
    for again in (settled("c1", 20_000), settled("c1", 1), {"session": "c1", "answered": False, "sip_code": 486}):
        assert board.ask("settle", again) == done
    assert board.ask("authorise", CALL) == granted
    assert board.ask("extend", {"session": "c1", "seq": 3, "used_s": 4}) == third
    assert board.refused("extend", {"session": "c1", "seq": 4, "used_s": 20}) == (409, "charging-session-settled")
    assert books.balance(board.house.accounts["alice"]) == (996_000, 0)
    books.check()


def test_a_session_names_one_call_alone_whoever_asks(board: Switchboard) -> None:
    board.ask("authorise", CALL)
    assert board.refused("authorise", CALL | {"to": "+33142000002"}) == (409, "charging-key-reused")
    assert board.refused("authorise", CALL | {"caller": "bob"}) == (409, "charging-key-reused")
    other = make_key("other")
    assert board.refused("settle", settled("c1", 5_000), key=other) == (404, "charging-session-unknown")
    assert board.ask("authorise", CALL | {"caller": "bob"}, key=other)["why"]["code"] == "call-no-credit"
    assert board.ask("heartbeat", {"used_s": {"c1": 5}}) == {"closed": []}
    assert board.ask("heartbeat", {"used_s": {"c1": 5}}, key=make_key("third")) == {"closed": ["c1"]}
    assert board.ask("settle", settled("c1", 5_000))["charged_s"] == 5


def test_two_keys_of_one_switch_share_its_sessions(board: Switchboard) -> None:
    board.ask("authorise", CALL)
    assert board.ask("settle", settled("c1", 1_000), key=make_key())["charged_s"] == 1


def test_any_text_names_a_session_and_two_texts_never_the_same(board: Switchboard) -> None:
    odd = [
        "a'; DROP TABLE charging_session;--",
        "1 OR 1=1",
        "é\u2028",
        "/../../x",
        "a" * 256,
        "@pbx/c1",
        "{{7*7}}",
        "%00",
        "a\tb",
    ]
    assert len({rules.session("pbx", one) for one in odd}) == len(odd)
    for one in odd:
        assert board.ask("authorise", CALL | {"session": one})["session"] == one
        assert board.ask("settle", {"session": one, "answered": False})["charge_micros"] == 0


def test_refusals_say_clause_sip_code_and_sentence(board: Switchboard) -> None:
    poor = board.ask("authorise", CALL | {"session": "c2", "caller": "+" + NUMBERS["bob"]})
    assert (poor["allowed"], poor["sip_code"], poor["why"]["clause"]) == (False, 402, "IPP-9.2-cut-at-zero")
    emergency = board.ask("authorise", CALL | {"session": "c3", "to": "112"})
    assert (emergency["allowed"], emergency["sip_code"], emergency["why"]["code"]) == (
        False,
        403,
        "call-refused-emergency",
    )
    nowhere = board.ask("authorise", CALL | {"session": "c4", "to": "nobody-here"})
    assert (nowhere["allowed"], nowhere["sip_code"], nowhere["route"]) == (False, 404, None)
    on_net = board.ask("authorise", CALL | {"session": "c5", "to": "+" + NUMBERS["bob"]})
    assert (on_net["why"]["code"], on_net["granted_s"]) == ("call-free-on-net", None)
    assert on_net["route"]["username"] == "bob"


def test_thirty_calls_at_once_get_what_one_euro_pays_for(board: Switchboard, books: Books) -> None:
    allowed = [board.ask("authorise", CALL | {"session": f"c{n}", "wanted_s": 300})["granted_s"] for n in range(30)]
    assert sum(seconds or 0 for seconds in allowed) == 5_000  # one euro at 200 micros a second
    assert books.balance(board.house.accounts["alice"]) == (1_000_000, 1_000_000)


def test_a_call_received_is_free_and_on_record(board: Switchboard, books: Books) -> None:
    got = board.ask(
        "authorise", {"session": "in1", "direction": "inbound", "caller": "+33612345678", "to": "+" + NUMBERS["bob"]}
    )
    assert (got["allowed"], got["why"]["code"], got["route"]["username"]) == (True, "call-inbound", "bob")
    assert board.ask("settle", settled("in1", 60_000))["charge_micros"] == 0
    assert books.rows("SELECT direction FROM charging_cdr") == [("inbound",)]


def test_callers_of_nobody_are_unknown(board: Switchboard) -> None:
    for caller in ("mallory", "+33999999999", "alice@elsewhere.example", "", "alice' OR 1=1--", "sip:", "ALICE\x00"):
        assert board.refused("authorise", CALL | {"caller": caller}) == (404, "switch-caller-unknown")


def test_callers_are_named_by_user_number_address_or_account(board: Switchboard) -> None:
    account = board.house.accounts["alice"]
    for n, who in enumerate(
        (
            {"caller": "Alice"},
            {"caller": "sip:alice@cadran.local"},
            {"caller": "+" + NUMBERS["alice"]},
            {"account": account},
        )
    ):
        assert board.ask("authorise", {"session": f"n{n}", "to": LANDLINE, **who})["account"] == account
    assert board.refused("authorise", {"session": "n9", "to": LANDLINE, "account": account, "caller": "bob"}) == (
        404,
        "switch-caller-unknown",
    )


def test_another_brands_customers_are_as_unknown_as_nobody(board: Switchboard) -> None:
    foreign = make_key("foreign", brands=["kavkom"])
    account = board.house.accounts["alice"]
    for who in ({"caller": "alice"}, {"account": account}, {"caller": NUMBERS["alice"]}):
        assert board.refused("authorise", {"session": "x", "to": LANDLINE, **who}, key=foreign) == (
            404,
            "switch-caller-unknown",
        )
        assert board.refused("event", {**SMS, "caller": "", **who}, key=foreign) == (404, "switch-caller-unknown")
    assert (
        board.refused("authorise", CALL | {"direction": "inbound", "to": "+" + NUMBERS["bob"]}, key=foreign)[0] == 404
    )


def test_a_blocked_user_may_not_be_charged(board: Switchboard) -> None:
    party.block_sip_user(username="alice", at=AT)
    assert board.refused("authorise", CALL) == (403, "switch-caller-not-active")


def test_events_share_the_wallet_once_and_in_steps(board: Switchboard, books: Books) -> None:
    first = board.ask("event", SMS)
    assert (first["state"], first["amount_micros"], first["account"]) == (
        "taken",
        50_000,
        board.house.accounts["alice"],
    )
    assert board.ask("event", SMS) == first
    assert board.refused("event", SMS | {"amount_micros": 60_000}) == (409, "charging-key-reused")
    order = SMS | {"event": "o1", "service": "airtime", "step": "hold", "amount_micros": 900_000}
    held = board.ask("event", order)
    assert held["state"] == "held"
    later = {"event": "o1", "account": held["account"]}
    assert board.refused("event", later | {"step": "take", "amount_micros": 900_001}) == (
        409,
        "charging-event-exceeds-hold",
    )
    assert board.ask("event", later | {"step": "take", "amount_micros": 400_000})["amount_micros"] == 400_000
    assert board.refused("event", later | {"step": "release"}) == (409, "charging-event-taken")
    assert board.ask("event", SMS | {"event": "e2", "amount_micros": 550_001})["state"] == "refused"
    assert books.balance(held["account"]) == (550_000, 0)
    books.check()


def test_what_an_event_costs_has_a_limit_and_a_known_clause(board: Switchboard) -> None:
    assert board.refused("event", SMS | {"amount_micros": 5_000_001}) == (403, "switch-scope-missing")
    assert board.refused("event", SMS | {"clause": "IPP-0-invented"})[1] == "policy-clause-unknown"
    assert board.refused("event", SMS | {"currency": "USD"}) == (409, "charging-currency-differs")
    assert board.refused("event", {"event": "o9", "step": "take", "account": "A999999"}) == (
        404,
        "charging-event-unknown",
    )
    assert board.refused("event", {"event": "o9", "step": "take"}) == (422, "switch-input-invalid")
    assert board.refused("event", SMS, key=make_key("calls-only", scopes=["calls"])) == (403, "switch-scope-missing")
    assert board.refused("authorise", CALL, key=make_key("events-only", scopes=["events"])) == (
        403,
        "switch-scope-missing",
    )


def test_what_is_no_request_is_refused_with_its_kind(board: Switchboard, books: Books) -> None:
    for status, body in NO_REQUESTS:
        answer = board.post("authorise", body)
        assert answer.status_code == status, (body[:80], answer.text)
        told = answer.json()
        assert told["type"] == f"urn:cadran:problem:{told['error_id']}"
        assert answer.headers["request-id"] == told["request_id"]
    assert not books.rows("SELECT * FROM charging_session")


def test_negative_and_huge_durations_are_refused_and_change_nothing(board: Switchboard) -> None:
    board.ask("authorise", CALL)
    for measured_ms in (-1, 10 * 86_400 * 1000 + 1, 2**63, 10**30):
        assert board.refused("settle", settled("c1", measured_ms)) == (422, "switch-input-invalid")
    assert (
        board.ask("settle", settled("c1", 10 * 86_400 * 1000))["charged_s"] == 10
    )  # what was granted, and not one second more


def test_zero_milliseconds_answered_are_one_second_and_unanswered_cost_nothing(board: Switchboard) -> None:
    board.ask("authorise", CALL)
    board.ask("authorise", CALL | {"session": "c2"})
    assert board.ask("settle", settled("c1", 0))["charge_micros"] == 200
    assert board.ask("settle", {"session": "c2", "answered": False, "measured_ms": 50_000})["charge_micros"] == 0


def test_a_call_ended_in_the_future_is_refused_and_in_the_past_is_not(board: Switchboard) -> None:
    board.ask("authorise", CALL)
    assert board.refused("settle", settled("c1", 0, ended_at="2026-03-02T09:02:00Z")) == (422, "switch-input-invalid")
    assert board.refused("settle", settled("c1", 0, ended_at="2026-03-02T09:00:00")) == (422, "switch-input-invalid")
    assert board.ask("settle", settled("c1", 0, ended_at="2026-03-02T09:00:30Z"))["charged_s"] == 1


def test_keys_open_nothing_unless_whole_and_in_force(board: Switchboard) -> None:
    wrong = board.key[:-1] + ("A" if board.key[-1] != "A" else "B")
    for key, error in (
        ("", "switch-key-missing"),
        (wrong, "switch-key-unknown"),
        ("sk_" + "0" * 12 + "_" + "a" * 43, "switch-key-unknown"),
        ("ck_live_" + "0" * 12 + "_" + "a" * 43, "switch-key-unknown"),
        (board.key + "x" * 10_000, "switch-key-unknown"),
        ("' OR '1'='1", "switch-key-unknown"),
    ):
        assert board.refused("authorise", CALL, key=key) == (401, error)
    operations.revoke_key(prefix=board.key.split("_")[1], at=AT)
    assert board.refused("authorise", CALL) == (401, "switch-key-unknown")
    assert board.refused("authorise", CALL, key=make_key("late", days=1, at=AT.replace(year=2025))) == (
        401,
        "switch-key-unknown",
    )
    assert [one.state(AT) for one in queries.all_keys()] == ["expired", "revoked"]


def test_a_key_asks_so_often_and_no_more(board: Switchboard) -> None:
    slow = make_key("slow", rate=1)
    assert board.post("authorise", CALL, key=slow).status_code == 200
    answers = (board.post("authorise", CALL, key=slow) for _ in range(50))
    late = next(one for one in answers if one.status_code == 429)
    assert late.json()["error_id"] == "switch-rate-limited"
    assert 1 <= int(late.headers["retry-after"]) <= 2
    assert board.post("authorise", CALL).status_code == 200  # another key is not held up


def test_guessing_keys_is_slowed_and_holds_up_nobody(board: Switchboard) -> None:
    board.keyring._ttl_s = 60
    assert board.post("authorise", CALL).status_code == 200
    board.keyring._guesses.rate = 1
    guesses = (board.post("authorise", CALL, key=f"sk_{n:012d}_{'a' * 43}").status_code for n in range(50))
    assert 429 in guesses
    assert board.post("authorise", CALL).status_code == 200


def test_other_addresses_methods_and_types(board: Switchboard) -> None:
    assert board.get("/v1/health").json() == {"status": "ok"}
    assert board.get("/v1/authorise").status_code == 405
    assert board.get("/v1/authorise").headers["allow"] == "POST"
    assert board.get("/").json()["error_id"] == "switch-not-found"
    assert board.get("/v1/authorise/../health").status_code in (200, 404)
    assert board.refused("authorise", CALL, **{"Content-Type": "text/plain"}) == (
        415,
        "switch-content-type-unsupported",
    )


def test_without_charging_a_switch_is_told_to_come_again(board: Switchboard) -> None:
    board.charging._pipes[0]._path = "/nonexistent"
    board.charging._pipes[0]._timeout_s = 0.1
    answer = board.post("authorise", CALL)
    assert (answer.status_code, answer.json()["error_id"]) == (503, "charging-unavailable")
    assert answer.headers["retry-after"] == "1"
    assert board.get("/v1/health").status_code == 503


def test_a_switch_that_goes_away_before_its_answer_breaks_nothing(board: Switchboard, books: Books) -> None:
    body = json.dumps(CALL).encode()
    headers = [(b"authorization", f"Bearer {board.key}".encode()), (b"content-type", b"application/json")]
    scope = {"type": "http", "path": "/v1/authorise", "method": "POST", "headers": headers, "client": ("127.0.0.1", 1)}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def closed(_message: object) -> None:
        raise RuntimeError("the handler is closed")

    async def left() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    board.runner.run(board.application(scope, receive, closed))
    board.runner.run(board.application(scope, left, closed))
    assert len(books.rows("SELECT * FROM charging_session")) == 1
    assert board.ask("authorise", CALL)["granted_s"] == 10
