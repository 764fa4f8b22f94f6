"""The phone and the carrier beside programs that others wrote: sipp and baresip, from Debian."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import time
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

from cadran.voice.phone import sound
from phone.sip_rig import Carrier, free_port, open_phone

pytestmark = [
    pytest.mark.peers,
    pytest.mark.skipif(
        not shutil.which("sipp") or not shutil.which("baresip"), reason="needs Debian's sipp and baresip"
    ),
]
HERE = Path(__file__).parent


def sipp(folder: Path, *options: str) -> subprocess.Popen[bytes]:
    command = ["sipp", "-i", "127.0.0.1", "-nostdin", "-timeout", "25s", "-timeout_error", *options]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_sipp_calls_the_carrier(carrier: Carrier, tmp_path: Path) -> None:
    options = ["-sn", "uac", "-s", "33123456789", "-m", "10", "-r", "10", "-d", "400", "-p", str(free_port())]
    assert sipp(tmp_path, *options, f"127.0.0.1:{carrier.port}").wait(30) == 0
    assert [call["state"] for call in carrier.get()[-10:]] == ["ended"] * 10


def test_the_carrier_calls_sipp(carrier: Carrier, tmp_path: Path) -> None:
    port = free_port()
    peer = sipp(tmp_path, "-sn", "uas", "-m", "1", "-p", str(port))
    time.sleep(0.5)
    carrier.post("/call", {"to": "bob", "from": "+33612345678", "via": f"127.0.0.1:{port}", "seconds": 0.5})
    assert peer.wait(20) == 0
    assert (carrier.last()["state"], carrier.last()["ended_by"]) == ("ended", "carrier")


def test_sipp_calls_the_phone_several_times_over(tmp_path: Path) -> None:
    async def story() -> list[str]:
        phone = await open_phone(("127.0.0.1", free_port()))
        phone.handset.auto_answer_s = 0.05
        host, port = phone.handset.engine.local
        peer = sipp(tmp_path, "-sn", "uac", "-s", "alice", "-m", "10", "-r", "10", "-d", "300", f"{host}:{port}")
        assert await asyncio.to_thread(peer.wait, 30) == 0
        await phone.handset.close()
        return phone.names()

    names = asyncio.run(story())
    assert names.count("incoming") == names.count("answered") == names.count("ended") == 10


def test_the_phone_calls_sipp_and_hangs_up(tmp_path: Path) -> None:
    async def story() -> list[str]:
        port = free_port()
        peer = sipp(tmp_path, "-sn", "uas", "-m", "1", "-p", str(port))
        await asyncio.sleep(0.5)
        phone = await open_phone(("127.0.0.1", port))
        await phone.handset.dial("bob")
        await phone.until("answered")
        await asyncio.sleep(0.2)
        phone.handset.hang_up()
        assert await asyncio.to_thread(peer.wait, 20) == 0
        await phone.handset.close()
        return phone.names()

    assert asyncio.run(story()) == ["calling", "ringing", "answered", "ended"]


@pytest.mark.parametrize(
    ("password", "outcome", "code"), [("secret", "registered", 200), ("wrong", "register_failed", 403)]
)
def test_sipp_checks_the_digest_of_a_registration(tmp_path: Path, password: str, outcome: str, code: int) -> None:
    async def story() -> tuple[str, object]:
        port = free_port()
        peer = sipp(tmp_path, "-sf", str(HERE / "sipp_registrar.xml"), "-m", "1", "-p", str(port))
        await asyncio.sleep(0.5)
        phone = await open_phone(("127.0.0.1", port), password=password)
        phone.handset.register()
        event = await phone.until(outcome)
        phone.handset.engine.registration.registered = False
        await phone.handset.close()
        peer.kill()
        peer.wait()
        return event.name, event.detail["code"]

    assert asyncio.run(story()) == (outcome, code)


BARESIP = """poll_method epoll
sip_listen 127.0.0.1:{sip}
net_interface 127.0.0.1
audio_source aufile,{folder}/mic.wav
audio_player aubridge,sink
audio_alert aubridge,alert
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
audio_telev_pt 101
rtp_ports {rtp}-{rtp_end}
module_path /usr/lib/baresip/modules
module g711.so
module aufile.so
module aubridge.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
ringback_disabled yes
"""


def free_pair() -> int:
    """A port that is free for UDP and TCP, and the next one too, which baresip takes for TLS."""
    while True:
        port = free_port()
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                for place in (port, port + 1):
                    stack.enter_context(socket.socket(socket.AF_INET, kind)).bind(("127.0.0.1", place))
            return port


class Baresip:
    """A headless baresip that answers by itself and speaks a tone of 700 Hz."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sip, self.control = free_pair(), free_port(socket.SOCK_STREAM)
        rtp = 18_200 + os.getpid() % 10 * 20  # no port that the system gives to another by itself
        self.address = ("127.0.0.1", self.sip)
        text = BARESIP.format(sip=self.sip, folder=folder, rtp=rtp, rtp_end=rtp + 18, control=self.control)
        (folder / "config").write_text(text)
        account = (
            f"<sip:bare@127.0.0.1:{self.sip}>;regint=0;audio_codecs=PCMA/8000/1;dtmfmode=rtpevent;answermode=auto\n"
        )
        (folder / "accounts").write_text(account)
        (folder / "contacts").write_text("")
        with wave.open(str(folder / "mic.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(sound.tone(700).tobytes() * 40)
        with (folder / "log").open("w") as log:
            self.process = subprocess.Popen(
                ["baresip", "-f", str(folder)], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )

    async def tell(self, command: str) -> None:
        for _ in range(50):
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", self.control)
                data = command.encode()
                writer.write(b"%d:%s," % (len(data), data))
                await writer.drain()
                return
            await asyncio.sleep(0.1)
        raise AssertionError((self.folder / "log").read_text())

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(3)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def baresip(tmp_path: Path) -> Iterator[Baresip]:
    peer = Baresip(tmp_path)
    yield peer
    peer.stop()


def test_the_phone_calls_baresip_and_both_hear(baresip: Baresip) -> None:
    async def story() -> list[str]:
        await baresip.tell('{"command": "uastat", "params": "", "token": "1"}')
        phone = await open_phone(baresip.address)
        await phone.handset.dial("bare")
        await phone.until("answered")
        await phone.until_tone(700)
        phone.handset.digits("42")
        await asyncio.sleep(0.6)
        phone.handset.hang_up()
        await phone.until("ended")
        await asyncio.sleep(0.2)
        await phone.handset.close()
        return phone.names()

    assert asyncio.run(story())[-1] == "ended"


def test_baresip_calls_the_phone_sends_a_digit_and_hangs_up(baresip: Baresip) -> None:
    async def story() -> list[object]:
        phone = await open_phone(("127.0.0.1", free_port()))
        phone.handset.auto_answer_s = 0.1
        port = phone.handset.engine.local[1]
        await baresip.tell(f'{{"command": "dial", "params": "sip:alice@127.0.0.1:{port}", "token": "1"}}')
        await phone.until("answered")
        await phone.until_tone(700)
        await baresip.tell('{"command": "sndcode", "params": "5", "token": "2"}')
        await phone.until("digit")
        await baresip.tell('{"command": "hangup", "params": "", "token": "3"}')
        ended = await phone.until("ended")
        await phone.handset.close()
        return [ended.detail["by"], ended.detail["digits_heard"]]

    assert asyncio.run(story()) == ["them", "5"]


def test_baresip_calls_the_carrier_and_is_cut_by_it(baresip: Baresip, carrier: Carrier) -> None:
    async def story() -> dict[str, object]:
        target = f"sip:+33123450802@127.0.0.1:{carrier.port}"
        await baresip.tell(f'{{"command": "dial", "params": "{target}", "token": "1"}}')
        for _ in range(80):
            await asyncio.sleep(0.1)
            calls = carrier.get()
            if calls and calls[-1]["caller"] == "bare" and calls[-1]["state"] == "ended":
                break
        return carrier.last()

    seen = asyncio.run(story())
    assert (seen["behaviour"], seen["ended_by"], seen["code"]) == ("hang-up", "carrier", 200)
    assert abs(int(str(seen["heard_hz"])) - 700) <= 5
    assert float(str(seen["seconds"])) >= 2
