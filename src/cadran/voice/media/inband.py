"""Digits as tones in the sound itself (ITU-T Q.23, Q.24), found by spandsp, for callers whose carrier sends no telephone-event.

spandsp (LGPL) is loaded when the first such caller comes, if it is there: Debian's package libspandsp2. Without it menus work by
RFC 4733 and SIP INFO alone.
"""

from __future__ import annotations

import ctypes
import functools
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import structlog

from cadran.units import errors
from cadran.voice.media import g711, sdp

LIBRARIES = ("libspandsp.so.2", "libspandsp.so.3")
PACKAGE = "libspandsp2"
CONCEALED_SAMPLES = 320  # a loss of up to two packets does not end a tone, a longer one is silence
SILENCE_SAMPLES = 1600
_DECODED: dict[int, Callable[[bytes], g711.Samples]] = {sdp.PCMA: g711.from_alaw, sdp.PCMU: g711.from_ulaw}
_ROOM = 64
log = structlog.get_logger()


class NoDetector(errors.CadranError):
    """The library that finds tones is not there, or has no memory left."""

    error_id = "voice-inband-unavailable"


@functools.cache
def library() -> Any:
    """spandsp's functions, or None where it is not installed, which is logged once."""
    for name in LIBRARIES:
        try:
            found = ctypes.CDLL(name)
            found.dtmf_rx_init.restype = ctypes.c_void_p
            found.dtmf_rx_init.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
            found.dtmf_rx.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
            found.dtmf_rx_fillin.argtypes = (ctypes.c_void_p, ctypes.c_int)
            found.dtmf_rx_get.restype = ctypes.c_size_t
            found.dtmf_rx_get.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int)
            found.dtmf_rx_free.argtypes = (ctypes.c_void_p,)
        except (OSError, AttributeError) as why:
            log.debug("spandsp_not_loaded", library=name, reason=str(why))
        else:
            return found
    log.warning(
        "inband_digits_unavailable",
        package=PACKAGE,
        effect="callers without telephone-event can dial by SIP INFO alone",
        mend=f"install {PACKAGE}",
    )
    return None


class Detector:
    """One person's tones. `heard(packet)` takes RTP packets in the order in which they come, and returns the digits that began."""

    def __init__(self, law: int) -> None:
        """Raises NoDetector."""
        self.law = law
        self._spandsp = library()
        self._state = self._spandsp.dtmf_rx_init(None, None, None) if self._spandsp else None
        if not self._state:
            raise NoDetector(f"in-band digits need spandsp: install {PACKAGE}")
        weakref.finalize(self, self._spandsp.dtmf_rx_free, self._state)
        self._found = ctypes.create_string_buffer(_ROOM)
        self._source = b""
        self._next = 0

    def heard(self, packet: bytes) -> str:
        """The digits that this packet completes; nothing for one that is late, foreign or no sound."""
        sound = payload(packet, self.law)
        if not sound:
            return ""
        samples = _DECODED[self.law](sound)
        stamp = int.from_bytes(packet[4:8], "big")
        gap = (stamp - self._next) & 0xFFFFFFFF if packet[8:12] == self._source else 0
        if gap >= 1 << 31:
            return ""  # late, or twice
        self._source, self._next = packet[8:12], (stamp + len(samples)) & 0xFFFFFFFF
        if 0 < gap <= CONCEALED_SAMPLES:
            self._spandsp.dtmf_rx_fillin(self._state, gap)
        elif gap:
            self._take(np.zeros(min(gap, SILENCE_SAMPLES), np.int16))
        self._take(samples)
        count = self._spandsp.dtmf_rx_get(self._state, self._found, _ROOM - 1)
        return self._found.raw[:count].decode("ascii", "replace") if count else ""

    def _take(self, samples: g711.Samples) -> None:
        self._spandsp.dtmf_rx(self._state, samples.ctypes.data, len(samples))


def payload(packet: bytes, law: int) -> bytes:
    """The sound in an RTP packet (RFC 3550) of this payload type; empty for any other packet."""
    if len(packet) <= 12 or packet[0] >> 6 != 2 or packet[1] & 0x7F != law:
        return b""
    start, end = 12 + 4 * (packet[0] & 15), len(packet)
    if packet[0] & 0x10 and end >= start + 4:
        start += 4 + 4 * int.from_bytes(packet[start + 2 : start + 4], "big")
    if packet[0] & 0x20:
        end -= packet[-1]
    return packet[start:end]
