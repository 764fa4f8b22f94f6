"""The two processes of `cadran bench menu` that are measured: the media process, and one that answers each digit by a prompt.

Each prompt is a level of its own, so that each of its packets tells which digit it answers.
"""

from __future__ import annotations

import threading
import wave
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import structlog

from cadran.voice.media import g711, relay, sdp

HOST = "127.0.0.1"
DIGITS = "0123456789*#"
GREETING = "greeting"
_NAMES = {digit: f"digit-{number}" for number, digit in enumerate(DIGITS)}
_LEVELS = {name: 500 * (number + 1) for number, name in enumerate((GREETING, *_NAMES.values()))}
SHOWN = {g711.to_alaw(np.array([_LEVELS[name]], np.int16))[0]: digit for digit, name in _NAMES.items()}
"""The A-law octet of a prompt, to the digit that it answers."""


def write_prompts(brands: Path) -> None:
    """The recordings, as a brand's own."""
    folder = brands / "bench" / "prompts" / "fr"
    folder.mkdir(parents=True)
    for name, level in _LEVELS.items():
        with wave.open(str(folder / f"{name}.wav"), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(np.full(8000 * 5, level, "<i2").tobytes())


def relay_options(folder: Path, low: int, high: int) -> relay.RelayOptions:
    return relay.RelayOptions(door=folder / "media.sock", host=HOST, port_min=low, port_max=high)


def relay_process(folder: Path, low: int, high: int) -> None:
    """Be the media process."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    relay.run(relay_options(folder, low, high))


def serve(folder: Path, low: int, high: int, wire: Connection) -> None:
    """Be the process that commands it: takes (kind, offers) from the wire, and answers."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    from sippy.Core.EventDispatcher import ED2

    from cadran.voice.media.client import MediaClient

    client = MediaClient(folder / "media.sock", HOST, brands=folder / "brands", ports=(low, high))
    host = _Host(client, wire.send)
    client.on_online = lambda: wire.send([])

    def listen() -> None:
        while True:
            kind, offers = wire.recv()
            ED2.callFromThread(host.asked, kind, offers)

    threading.Thread(target=listen, daemon=True).start()
    ED2.loop()


class _Host:
    """On sippy's thread."""

    def __init__(self, client: Any, answer: Callable[[list[Any]], None]) -> None:
        self._client, self._answer = client, answer
        self._lines: list[Any] = []
        self._digits: list[str] = []
        self._ports: list[int | None] = []
        self._left = 0

    def asked(self, kind: str, offers: list[str]) -> None:
        if kind == "digits":
            self._answer(list(self._digits))
        elif kind == "close":
            for line in self._lines:
                line.close()
            self._client.clear_all()
            self._lines, self._digits = [], []
            self._answer([])
        else:
            self._digits, self._ports, self._left = [""] * len(offers), [None] * len(offers), len(offers)
            opened = self._bare if kind == "bare" else self._caller
            for number, offer in enumerate(offers):
                opened(number, offer)

    def _caller(self, number: int, offer: str) -> None:
        def opened(line: Any) -> None:
            self._lines.append(line)
            line.on_digit = dialled
            line.answer(offer, answered)

        def answered(text: str | None) -> None:
            self._play(self._lines[number], GREETING)
            self._placed(number, sdp.parse(text).port if text else None)

        def dialled(digit: str) -> None:
            self._digits[number] += digit
            self._play(self._lines[number], _NAMES[digit])

        self._client.open_line(f"bench-{number}", opened)

    def _bare(self, number: int, offer: str) -> None:
        """A session of rtp-io that plays, and sends on what it is sent."""
        said, tag = sdp.parse(offer), f"bare-{number}"
        sink_host, sink_port = self._client.greeting.sink
        playlist = self._client.shelf.playlist((f"bench/fr/{GREETING}",), sdp.PCMA)
        self._client.command(f"Uc8 {tag} {said.address} {said.port} a")
        self._client.command(
            f"Uaz20 {tag} {sink_host} {sink_port} b a",
            lambda answer: self._placed(number, int(answer.split()[0]) if answer else None),
        )
        self._client.command(f"P-1 {tag} {playlist.name} session a b")

    def _play(self, line: Any, name: str) -> None:
        line.play((f"bench/fr/{name}",), lambda: None, times=-1)

    def _placed(self, number: int, port: int | None) -> None:
        self._ports[number] = port
        self._left -= 1
        if not self._left:
            self._answer(list(self._ports))
