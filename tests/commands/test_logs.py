"""No secret and no personal data in clear reaches a log, wherever in an event it stands."""

from __future__ import annotations

import io
import json
import logging

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from cadran.commands import logs


def logged(event: str, **values: object) -> str:
    out = io.StringIO()
    logs.configure("test", stream=out, level="INFO")
    structlog.get_logger("room").info(event, **values)
    return out.getvalue()


@pytest.fixture(autouse=True)
def _leave_logging_as_it_was() -> object:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize(
    "values",
    [
        {"password": "s3cret-words"},
        {"sip_password": "s3cret-words"},
        {"ha1": "s3cret-words"},
        {"card_token": "s3cret-words"},
        {"body": {"deep": {"client_secret": "s3cret-words"}}},
        {"headers": [{"Authorization": "s3cret-words"}]},
        {"line": 'Digest username="ana", response="s3cret-words", uri="sip:x"'},
        {"line": "password=s3cret-words&next=/"},
        {"line": '{"password": "s3cret-words"}'},
    ],
)
def test_secrets_are_never_written(values: dict[str, object]) -> None:
    assert "s3cret-words" not in logged("something", **values)


@pytest.mark.parametrize(
    ("values", "hidden", "left"),
    [
        ({"email": "ana.martin@example.org"}, "martin", "example.org"),
        ({"line": "mail to ana.martin@example.org failed"}, "martin", "mail to a***@example.org failed"),
        ({"destination": "33142000001"}, "33142000001", "3314*****01"),
        ({"caller": "+33612345678"}, "+33612345678", "+3361*****78"),
        ({"line": "INVITE sip:+33612345678@host"}, "33612345678", "+3361***78"),
        ({"name": "Martin"}, "Martin", "M***"),
    ],
)
def test_personal_data_is_shortened(values: dict[str, object], hidden: str, left: str) -> None:
    text = logged("something", **values)
    assert hidden not in text
    assert left in text


@pytest.mark.parametrize(
    "values",
    [{"destination": "112"}, {"call": "call_01jd5m00000000"}, {"micros": 10000000}, {"at": "2026-11-22T16:20:00Z"}],
)
def test_what_is_needed_to_follow_a_call_stays(values: dict[str, object]) -> None:
    written = json.loads(logged("something", **values))
    assert written.items() >= values.items()


def test_an_event_is_one_line_of_json_with_level_time_and_process() -> None:
    line = logged("call_answered", call="c1")
    assert line.count("\n") == 1
    event = json.loads(line)
    assert (event["event"], event["level"], event["process"], event["call"]) == ("call_answered", "info", "test", "c1")
    assert event["timestamp"].endswith("Z")


def test_other_peoples_log_records_pass_the_same_way() -> None:
    out = io.StringIO()
    logs.configure("test", stream=out, level="INFO")
    logging.getLogger("other.library").warning("Refused: password=%s", "s3cret-words")
    assert "s3cret-words" not in out.getvalue()
    assert json.loads(out.getvalue())["process"] == "test"


def test_an_exception_is_written_without_the_secrets_of_its_message() -> None:
    out = io.StringIO()
    logs.configure("test", stream=out, level="INFO")
    try:
        raise ValueError("bad login password=s3cret-words for ana.martin@example.org")
    except ValueError:
        structlog.get_logger().exception("failed")
    assert "s3cret-words" not in out.getvalue()
    assert "martin" not in out.getvalue()
    assert "ValueError" in out.getvalue()


@given(st.recursive(st.text() | st.integers() | st.none(), lambda one: st.lists(one) | st.dictionaries(st.text(), one)))
def test_redaction_never_fails(value: object) -> None:
    logs.redact(None, "info", {"event": "x", "value": value})


def test_an_event_names_the_logger_or_the_module_that_asked_for_it() -> None:
    out = io.StringIO()
    logs.configure("test", stream=out, level="INFO")
    structlog.get_logger("voice.call").info("one of %d", 2)
    structlog.get_logger().info("two")
    structlog.get_logger().debug("not shown")
    first, second = (json.loads(line) for line in out.getvalue().splitlines())
    assert (first["logger"], first["event"]) == ("voice.call", "one of 2")
    assert second["logger"] == __name__


def test_a_line_that_cannot_be_written_stops_nothing() -> None:
    out = io.StringIO()
    logs.configure("test", stream=out, level="INFO")
    out.close()
    structlog.get_logger("room").info("lost")
