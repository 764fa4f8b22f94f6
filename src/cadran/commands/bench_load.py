"""Load for `cadran bench sip`: sipp (Debian's sip-tester) as callers and as the called side, a fixed number of calls at a time."""

from __future__ import annotations

import contextlib
import csv
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cadran.commands.bench_plane import HOST, NUMBER, PASSWORD, USER, BenchCannotRun, free_port

SOUND_FROM = 47_000  # callers name 10,000 ports from here: above what any installation gives its relay
_SDP = """v=0
      o=load 1 1 IN IP4 [local_ip]
      s=-
      c=IN IP4 [local_ip]
      t=0 0
      m=audio {rtp} RTP/AVP 8
      a=rtpmap:8 PCMA/8000"""

_HEAD = """Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport
      From: <sip:{user}@{host}>;tag=[call_number]
      To: <sip:{number}@{host}>{tag}
      Call-ID: [call_id]
      CSeq: {cseq}
      Contact: <sip:{user}@[local_ip]:[local_port]>
      Max-Forwards: 70{more}"""

_ANSWERED = """[last_Via:]
      [last_From:]
      [last_To:];tag=[call_number]
      [last_Call-ID:]
      [last_CSeq:]
      Contact: <sip:load@[local_ip]:[local_port]>"""

CALLED = f"""<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="called">
  <recv request="INVITE" crlf="true"/>
  <send><![CDATA[
      SIP/2.0 180 Ringing
      {_ANSWERED}
      Content-Length: 0

  ]]></send>
  <send retrans="500"><![CDATA[
      SIP/2.0 200 OK
      {_ANSWERED}
      Content-Type: application/sdp
      Content-Length: [len]

      {_SDP.format(rtp=6000)}
  ]]></send>
  <recv request="ACK"/>
  <recv request="BYE"/>
  <send><![CDATA[
      SIP/2.0 200 OK
      [last_Via:]
      [last_From:]
      [last_To:]
      [last_Call-ID:]
      [last_CSeq:]
      Content-Length: 0

  ]]></send>
  <timewait milliseconds="500"/>
</scenario>
"""


def calling(digest: bool) -> str:
    """The scenario of the callers: invite, be challenged where `digest`, talk not at all, hang up."""

    def head(cseq: str, tag: str = "", more: str = "") -> str:
        return _HEAD.format(user=USER, host=HOST, number=NUMBER, cseq=cseq, tag=tag, more=more)

    def invite(cseq: int, more: str = "") -> str:
        return f"""<send retrans="500"><![CDATA[
      INVITE sip:{NUMBER}@[remote_ip]:[remote_port] SIP/2.0
      {head(f"{cseq} INVITE", more=more)}
      Content-Type: application/sdp
      Content-Length: [len]

      {_SDP.format(rtp="[auto_media_port]")}
  ]]></send>"""

    challenged = f"""{invite(1)}
  <recv response="401" auth="true"/>
  <send><![CDATA[
      ACK sip:{NUMBER}@[remote_ip]:[remote_port] SIP/2.0
      {head("1 ACK", "[peer_tag_param]")}
      Content-Length: 0

  ]]></send>
  """
    answer = f"\n      [authentication username={USER} password={PASSWORD}]"
    return f"""<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="calling">
  {challenged if digest else ""}{invite(2, answer if digest else "")}
  <recv response="100" optional="true"/>
  <recv response="180" optional="true"/>
  <recv response="183" optional="true"/>
  <recv response="200" rrs="true"/>
  <send><![CDATA[
      ACK sip:{NUMBER}@[remote_ip]:[remote_port] SIP/2.0
      {head("2 ACK", "[peer_tag_param]")}
      Content-Length: 0

  ]]></send>
  <send retrans="500"><![CDATA[
      BYE sip:{NUMBER}@[remote_ip]:[remote_port] SIP/2.0
      {head("3 BYE", "[peer_tag_param]")}
      Content-Length: 0

  ]]></send>
  <recv response="200"/>
  <timewait milliseconds="100"/>
</scenario>
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What came of it: successful and failed calls, and how many were completed in a second."""

    calls: int
    failed: int
    per_s: float


@contextlib.contextmanager
def called_side(port: int) -> Iterator[None]:
    """Somebody who answers every call at that port."""
    with _scenario(CALLED) as path:
        process = subprocess.Popen(
            [_sipp(), "-sf", str(path), "-i", HOST, "-p", str(port), "-mi", HOST, "-nostdin", "-l", "5000"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=path.parent,
        )
        try:
            yield
        finally:
            process.kill()
            process.wait()


def call(port: int, *, digest: bool, calls: int, at_once: int, limit_s: float = 600, rate: float = 2000) -> Load:
    """Make calls to a SIP port, `rate` new ones a second, or as fast as `at_once` of them go at a time."""
    with _scenario(calling(digest)) as path:
        statistics = path.parent / "statistics.csv"
        command = [_sipp(), f"{HOST}:{port}", "-sf", str(path), "-i", HOST, "-p", str(free_port()), "-mi", HOST]
        command += ["-mp", str(SOUND_FROM)]  # the relay refuses to send to a port of its own
        command += ["-m", str(calls), "-l", str(at_once), "-r", f"{rate:.0f}", "-nostdin", "-trace_stat", "-fd", "1"]
        command += [
            "-stf",
            str(statistics),
            "-recv_timeout",
            "8000",
            "-auth_uri",
            f"{NUMBER}@{HOST}:{port}",
            "-timeout",
            f"{limit_s:.0f}s",
            "-timeout_error",
        ]
        began = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit_s + 15, cwd=path.parent)
        took_s = time.monotonic() - began
        if not statistics.exists():
            raise BenchCannotRun(f"sipp did not call: {done.stderr[-400:]}")
        rows = list(csv.reader(statistics.read_text().splitlines(), delimiter=";"))
    named = dict(zip(rows[0], rows[-1], strict=False))
    good, bad = int(named["SuccessfulCall(C)"]), int(named["FailedCall(C)"])
    return Load(good, bad, good / took_s)


def _sipp() -> str:
    found = shutil.which("sipp")
    if found is None:
        raise BenchCannotRun("sipp makes the load: apt-get install sip-tester")
    return found


@contextlib.contextmanager
def _scenario(text: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cadran-sipp-") as folder:
        path = Path(folder) / "scenario.xml"
        path.write_text(text)
        yield path
