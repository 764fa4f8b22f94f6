"""The lines of rtp-io: the contract, and what is its own, loss and leaks."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from line_contract import LineContract
from line_rig import Person, calling, drive_for, write_prompts
from media_rig import HIGH, HOST, LOW, Box, RelayProcess, ask, drive

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


class Haste:
    """Whoever uses a line without waiting for anything: chance decides what comes next."""

    def __init__(self, client: media_client.MediaClient, line: port.Line, chance: random.Random) -> None:
        self.client, self.line, self.chance = client, line, chance
        self.person, self.others = Person("p"), [Person("x"), Person("y")]
        self.asked: list[Box] = []
        self.closed_with: list[list[object]] = []
        line.on_digit = line.on_ended = self._box()

    def _box(self) -> Box:
        self.asked.append(Box())
        return self.asked[-1]

    def act(self) -> None:
        line, other = self.line, self.chance.choice(self.others)
        hold = self.chance.choice(("sendrecv", "sendonly", "inactive"))
        deeds: tuple[Callable[[], object], ...] = (
            lambda: line.answer(self.person.sdp(), self._box()),
            lambda: line.invite(self._box()),
            lambda: line.accepted(self.person.sdp(self.chance.choice(("8", "0 101"))), self._box()),
            lambda: line.second(self._box()),
            lambda: line.second(self._box()),
            lambda: line.bridge(other.sdp(self.chance.choice(("8 101", "0"))), self._box()),
            lambda: line.bridge(other.sdp(), self._box()),
            line.unbridge,
            lambda: line.play(("fr/no-credit",), self._box(), times=self.chance.choice((1, 2, -1))),
            line.stop,
            lambda: line.renew(
                second=self.chance.random() < 0.5, offer=other.sdp(extra=f"a={hold}\r\n"), done=self._box()
            ),
            lambda: drive_for(0.01),
        )
        self.chance.choice(deeds)()

    def close(self) -> None:
        self.line.close()
        self.closed_with = [list(one.values) for one in self.asked]


def test_lines_used_in_any_order_and_haste_answer_at_most_once_nothing_after_close_and_leave_nothing(
    own_relay: RelayProcess, own_client, capsys: pytest.CaptureFixture[str]
) -> None:
    hasty = []
    for seed in range(25):
        chance = random.Random(seed)
        one = Haste(own_client, ask(own_client.open_line, f"hasty-{seed}"), chance)
        hasty.append(one)
        one.line.answer(one.person.sdp(chance.choice(("8 101", "0", "8 0"))), one._box())
        for _ in range(chance.randrange(2, 30)):
            one.act()
        if chance.random() < 0.3:
            drive_for(0.03)
        one.close()
    drive_for(0.2)
    for one in hasty:
        assert [list(box.values) for box in one.asked] == one.closed_with, "nothing after close"
        assert all(len(box.values) <= 1 for box in one.asked)
    made, ended = ask(own_client.command, "G nsess_created nsess_destroyed").split()
    assert int(float(made)) - int(float(ended)) <= 1, "only the door's own"
    assert own_client._lines == {}
    assert own_client._asked == {}
    assert "media_callback_failed" not in capsys.readouterr().out
    with calling(own_client, Person()) as call:
        assert call.second(Person())
