"""baresip 1.0 as a telephone for tests: registered, without a sound card, a tone as its voice, WAV files of what it heard.

A peer that is not ours. It needs Debian's packages baresip-core and baresip. Its own traps: the network interface must be an
address; SIP ports are spaced by ten, as it takes the next ones too; the file that is its microphone must outlast the call, which
it would else end; it waits for its BYE before it dies.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

MODULES = Path("/usr/lib/baresip/modules")
RATE = 8000
WINDOW = 1600
LEVEL = 4000

_CONFIG = """poll_method epoll
sip_listen {ip}:{sip}
net_interface {ip}
audio_source aufile,{folder}/mic.wav
audio_player aubridge,sink{sip}
audio_alert aubridge,alert{sip}
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
audio_telev_pt 101
rtp_ports {rtp}-{rtp_last}
jitter_buffer_delay 1-5
module_path {modules}
module g711.so
module aufile.so
module aubridge.so
module sndfile.so
snd_path {folder}
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
ringback_disabled yes
"""


def available() -> bool:
    return shutil.which("baresip") is not None and MODULES.is_dir()


class BaresipPhone:
    """One user on one device. `events` grows with what baresip reports (REGISTER_OK, CALL_INCOMING, CALL_ESTABLISHED...)."""

    def __init__(
        self,
        user: str,
        password: str,
        server: tuple[str, int],
        *,
        tone_hz: int,
        sip_port: int,
        rtp_ports: tuple[int, int],
        register_s: int = 60,
        auto_answer: bool = False,
        codecs: str = "PCMA/8000/1",
        ip: str = "127.0.0.1",
        mic_s: int = 90,
    ) -> None:
        self.user, self.server, self.tone_hz, self.sip_port = user, server, tone_hz, sip_port
        self.folder = Path(tempfile.mkdtemp(prefix=f"baresip-{user}-"))
        self.control = free_tcp_port()
        self.events: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._token = 0
        config = _CONFIG.format(
            ip=ip,
            sip=sip_port,
            rtp=rtp_ports[0],
            rtp_last=rtp_ports[1],
            control=self.control,
            folder=self.folder,
            modules=MODULES,
        )
        (self.folder / "config").write_text(config)
        mode = "auto" if auto_answer else "manual"
        (self.folder / "accounts").write_text(
            f"<sip:{user}@{server[0]}:{server[1]}>;auth_user={user};auth_pass={password};regint={register_s};"
            f"audio_codecs={codecs};dtmfmode=rtpevent;answermode={mode}\n"
        )
        (self.folder / "contacts").write_text("")
        write_tone(self.folder / "mic.wav", tone_hz, mic_s)

    def start(self) -> BaresipPhone:
        with open(self.folder / "log", "wb") as log:
            self._process = subprocess.Popen(
                ["baresip", "-4", "-f", str(self.folder)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        end = time.monotonic() + 10
        while True:
            try:
                self._socket = socket.create_connection(("127.0.0.1", self.control), 1)
                break
            except OSError:
                assert time.monotonic() < end, f"baresip does not start: {self.log()}"
                time.sleep(0.05)
        self._socket.settimeout(None)
        threading.Thread(target=self._read, daemon=True).start()
        return self

    def command(self, name: str, parameters: str = "") -> None:
        assert self._socket is not None
        self._token += 1
        text = json.dumps({"command": name, "params": parameters, "token": str(self._token)}).encode()
        self._socket.sendall(b"%d:%s," % (len(text), text))

    def dial(self, number: str) -> None:
        self.command("dial", f"sip:{number}@{self.server[0]}:{self.server[1]}")

    def accept(self) -> None:
        self.command("accept")

    def hang_up(self) -> None:
        self.command("hangup")

    def hold(self) -> None:
        self.command("hold")

    def resume(self) -> None:
        self.command("resume")

    def digits(self, text: str, gap_s: float = 0.3) -> None:
        """RFC 4733 events, one after the other."""
        for digit in text:
            self.command("sndcode", digit)
            time.sleep(gap_s)

    def wait_registered(self, timeout_s: float = 10) -> None:
        """Its log says so; the event can come before anybody listens."""
        end = time.monotonic() + timeout_s
        while "200 OK" not in self.log():
            assert time.monotonic() < end, f"{self.user} is not registered: {self.log()}"
            time.sleep(0.05)

    def wait(self, kind: str, timeout_s: float = 10, since: int = 0) -> dict[str, Any]:
        """The first event of a kind from the index `since` on."""

        def hit() -> dict[str, Any] | None:
            return next((event for event in self.events[since:] if event.get("type") == kind), None)

        with self._changed:
            assert self._changed.wait_for(hit, timeout_s), f"{self.user}: no {kind} in {self.kinds()}\n{self.log()}"
        found = hit()
        assert found is not None
        return found

    def kinds(self) -> list[str]:
        return [str(event["type"]) for event in self.events if event.get("event")]

    def digits_heard(self) -> str:
        """The digits that the other side pressed, as far as they have come."""
        return "".join(str(event.get("param", "")) for event in self.events if event.get("type") == "CALL_DTMF_START")

    def rates(self) -> tuple[int, int]:
        """Bits a second of audio sent and received, as it shows them on its screen."""
        found = re.findall(r"audio=(\d+)/(\d+)", self.log())
        return (int(found[-1][0]), int(found[-1][1])) if found else (0, 0)

    def wait_talking(self, talking: bool, timeout_s: float = 8) -> None:
        """Wait until audio goes both ways, or neither."""
        end = time.monotonic() + timeout_s
        while (min(self.rates()) > 10_000) is not talking or (not talking and max(self.rates()) > 0):
            assert time.monotonic() < end, f"{self.user} sends and receives {self.rates()} bit/s"
            time.sleep(0.1)

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")[-3000:]

    def heard(self, which: str = "dec") -> npt.NDArray[np.int16]:
        """The samples of all calls that have ended (8 kHz): what was heard ("dec") or said ("enc"). What comes
        after a hold is not recorded."""
        end = time.monotonic() + 3
        while not (files := sorted(self.folder.glob(f"dump-*-{which}.wav"))) and time.monotonic() < end:
            time.sleep(0.05)
        assert files, f"{self.user} recorded nothing"
        raws = [file.read_bytes()[44:] for file in files]
        return np.concatenate([np.frombuffer(raw[: len(raw) // 2 * 2], "<i2") for raw in raws])

    def recordings(self) -> int:
        return len(list(self.folder.glob("dump-*-dec.wav")))

    def kill(self) -> None:
        """Without a word to anybody, like a phone whose power fails."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1)
            self.kill()
        if self._socket is not None:
            self._socket.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _read(self) -> None:
        unread = b""
        assert self._socket is not None
        with contextlib.suppress(OSError, ValueError):
            while data := self._socket.recv(65536):
                unread += data
                for event in self._netstrings(unread):
                    unread = unread[event[1] :]
                    with self._changed:
                        self.events.append(event[0])
                        self._changed.notify_all()

    @staticmethod
    def _netstrings(data: bytes) -> Iterator[tuple[dict[str, Any], int]]:
        """The whole messages at the start of `data`, each with its length there."""
        while b":" in data:
            size, rest = data.split(b":", 1)
            end = int(size)
            if len(rest) < end + 1:
                return
            yield json.loads(rest[:end]), len(size) + 1 + end + 1
            data = rest[end + 1 :]


def write_tone(path: Path, hz: int, seconds: int) -> None:
    """A WAV of one steady tone; 0 Hz is silence."""
    once = np.round(LEVEL * np.sin(2 * np.pi * hz * np.arange(RATE) / RATE)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(once.tobytes() * seconds)


def tone_seconds(samples: npt.NDArray[np.int16], hz: int) -> float:
    """For how long a tone was heard: the 0.2 s windows in which it has at least a tenth of the energy."""
    heard = 0
    for start in range(0, len(samples) - WINDOW + 1, WINDOW):
        window = samples[start : start + WINDOW].astype(float)
        energy = float(np.sum(window**2))
        wave_ = np.exp(-2j * np.pi * hz * np.arange(WINDOW) / RATE)
        strength = 2 * abs(np.sum(window * wave_)) ** 2 / WINDOW
        heard += energy / WINDOW > 1000 and strength / energy > 0.1
    return heard * WINDOW / RATE


def loud_seconds(samples: npt.NDArray[np.int16]) -> float:
    """For how long anything was heard."""
    whole = samples[: len(samples) // WINDOW * WINDOW].astype(float).reshape(-1, WINDOW)
    return float(np.sum(np.sqrt(np.mean(whole**2, axis=1)) > 300)) * WINDOW / RATE


def free_tcp_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
