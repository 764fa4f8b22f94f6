"""The lines of rtp-io: the contract, and what is its own, loss and leaks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from line_contract import LineContract
from line_rig import Person, calling, drive_for, write_prompts
from media_rig import HIGH, HOST, LOW, RelayProcess, ask, drive

from cadran.voice.media import client as media_client
from cadran.voice.media import port


@pytest.fixture(scope="module")
def prompt_client(shared_relay: RelayProcess, shared_folder: Path) -> Iterator[media_client.MediaClient]:
    write_prompts(shared_folder / "brands")
    one = media_client.MediaClient(shared_relay.door, HOST, brands=shared_folder / "brands", ports=(LOW, HIGH))
    drive(lambda: one.online)
    yield one
    one.close()


@pytest.fixture
def lines(prompt_client: media_client.MediaClient) -> Iterator[port.Lines]:
    yield prompt_client
    prompt_client.clear_all()


class TestRtpIoLines(LineContract):
    """See line_contract.py."""


def test_the_loss_of_the_relay_ends_every_line_once(own_relay: RelayProcess, own_client) -> None:
    with calling(own_client, Person()) as call, calling(own_client, Person()) as closed:
        assert call.second(Person())
        closed.line.close()
        own_relay.kill()
        call.ended.get()
        assert call.line.closed
        assert ask(own_client.open_line, "next") is None
        own_relay.start()
        drive(lambda: own_client.online)
        assert (call.ended.values, closed.ended.values) == ([None], [])
    with calling(own_client, Person()) as call:
        assert call.second(Person())


def test_closed_lines_leave_no_session_no_port_and_no_entry(own_relay: RelayProcess, own_client) -> None:
    for turn in range(12):
        with calling(own_client, Person(), "8 0 101" if turn % 2 else "8 0") as call:
            if turn % 3:
                assert call.second(Person())
            if turn % 3 == 2:
                call.line.unbridge()
    assert own_client._lines == {}
    assert own_client._asked == {}
    made, ended = ask(own_client.command, "G nsess_created nsess_destroyed").split()
    assert int(float(made)) - int(float(ended)) <= 1, "only the door's own"


def test_a_line_without_packets_ends_and_its_owner_is_told(own_folder: Path) -> None:
    relay = RelayProcess(own_folder, silence_s=5, idle_s=1).start()
    client = media_client.MediaClient(relay.door, HOST)
    drive(lambda: client.online)
    with calling(client, Person()) as call:
        assert call.second(Person())
        call.ended.get(10)
        assert call.line.closed
        drive_for(0.1)
        assert call.ended.values == [None]
    client.close()
    relay.stop()
