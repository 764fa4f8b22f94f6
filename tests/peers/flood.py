"""A bounded flood of bad SIP for tests: mutated, oversized and senseless messages from one UDP socket at a steady rate.

usage: flood.py HOST PORT MESSAGES_PER_S SECONDS [SEED]      prints how many were sent
"""

from __future__ import annotations

import random
import socket
import sys
import time

REQUEST = (
    "{method} sip:{to}@{host} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{branch};rport\r\n"
    "From: <sip:alice@{host}>;tag={tag}\r\nTo: <sip:{to}@{host}>{to_tag}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n"
    "Contact: <sip:alice@{own}>\r\nMax-Forwards: 70\r\n{more}Content-Length: {length}\r\n\r\n{body}"
)
SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\n"
)
METHODS = ("INVITE", "REGISTER", "BYE", "CANCEL", "ACK", "OPTIONS", "INFO", "UPDATE", "SUBSCRIBE", "X" * 40, "")
HOSTILE = (
    "Via: SIP/2.0/TCP [::1;branch=\r\n",
    "Contact: *\r\nContact: <sip:x@x;transport=UDP>;expires=-1\r\n",
    'Authorization: Digest username="a,b",realm="r",nonce=",",uri="sip:x",response="0",qop=auth,nc=zzzzzzzz\r\n',
    'Authorization: Digest username="alice", realm="cadran.local", nonce="'
    + "f" * 900
    + '", uri="sip:x", response="x"\r\n',
    "Expires: 99999999999999999999\r\n",
    "Content-Type: multipart/mixed;boundary=\r\n",
    "Record-Route: <sip:127.0.0.1:1;lr>\r\n" * 30,
    "Route: <sip:%s%n@127.0.0.1:9>\r\n",
    "Require: 100rel, everything\r\n",
    "Max-Forwards: -1\r\n",
    "P-Asserted-Identity: <sip:+33142000000@x>\r\n",
    "X-Long: " + "y" * 6000 + "\r\n",
    "Content-Length: -5\r\n",
    "CSeq: 4294967296 INVITE\r\n",
    "From: \x00\xff\r\n",
    " folded\r\n\tline\r\n",
)


class Flooder:
    """Makes messages from a seed, so that a failure can be repeated."""

    def __init__(self, target: tuple[str, int], seed: int = 1) -> None:
        self.target = target
        self.random = random.Random(seed)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # what comes back is not read
        self.own = "{}:{}".format(*self.socket.getsockname())

    def message(self) -> bytes:
        kind = self.random.random()
        if kind < 0.05:
            return self.random.randbytes(self.random.choice((0, 1, 31, 500, 65_000)))
        if kind < 0.10:
            return f"SIP/2.0 {self.random.choice(('200 OK', '999', 'x', '100 '))}\r\n".encode() + self._request()[60:]
        made = self._request()
        if kind < 0.15:
            return made + b"A" * self.random.choice((9_000, 60_000))
        return self._damaged(made) if kind < 0.8 else made

    def send_for(self, per_s: int, seconds: float) -> int:
        """Send at that rate for so long; returns how many went out."""
        began, sent = time.monotonic(), 0
        while (passed := time.monotonic() - began) < seconds:
            while sent < per_s * passed:
                try:
                    self.socket.sendto(self.message()[:65_000], self.target)
                except OSError:
                    time.sleep(0.001)
                sent += 1
            time.sleep(0.002)
        return sent

    def _request(self) -> bytes:
        pick, number = self.random.choice, self.random.randrange
        body = pick(("", SDP, SDP * 20, "\x00" * 200, SDP.replace("127.0.0.1", "::1"), SDP.replace("40000", "-1")))
        return REQUEST.format(
            method=pick(METHODS),
            to=pick(("bob", "0142000001", "112", "0" * 300, "%00", "b;ob", "+33900000000000000000", "")),
            host=pick(("127.0.0.1", "[::1]", "h" * 300, "cadran.local")),
            own=self.own,
            branch=number(1 << 30),
            tag=pick((number(1 << 30), "", "t" * 500)),
            to_tag=pick(("", f";tag={number(1 << 20)}")),
            call_id=pick((str(number(1 << 40)), "same", "c" * 600)),
            cseq=pick((1, 2, 0, -1, "x", 1 << 40)),
            more="".join(self.random.sample(HOSTILE, number(3))),
            length=pick((len(body), 0, 99_999, "x")),
            body=body,
        ).encode("latin-1", "replace")

    def _damaged(self, made: bytes) -> bytes:
        data = bytearray(made)
        for _ in range(self.random.randrange(1, 8)):
            at = self.random.randrange(len(data) or 1)
            how = self.random.random()
            if how < 0.4:
                data[at : at + 1] = self.random.randbytes(1)
            elif how < 0.7:
                del data[at : at + self.random.randrange(40)]
            else:
                data[at:at] = bytes(data[at : at + 30]) * self.random.randrange(4)
        return bytes(data)


if __name__ == "__main__":
    host, port, rate, seconds, *seed = sys.argv[1:]
    print(Flooder((host, int(port)), int(seed[0]) if seed else 1).send_for(int(rate), float(seconds)))
