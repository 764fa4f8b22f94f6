"""What came and what was answered to it, so that the same message gets the same answer when it comes again (RFC 3261, 17).

sippy keeps this for 32 to 64 s in a dictionary without limit, an object with a dictionary of its own for each message. Here it is
32 to 36 s, most messages share one object, and there is a limit, so that memory is level half a minute after the first call.
"""

from __future__ import annotations

from collections import deque

KEPT_S = 32
TURN_S = 4
MOST = 16_000  # sixty calls a second; beyond that what is older is forgotten sooner


class Answer:
    """What was sent, and where to. Without data: the message asked for nothing, and is dropped when it comes again."""

    __slots__ = ("address", "call_id", "data", "lossemul", "userv")

    def __init__(self, userv: object, data: object, address: object, call_id: object, lossemul: object) -> None:
        self.userv, self.data, self.address, self.call_id, self.lossemul = userv, data, address, call_id, lossemul


_NOTHING = Answer(None, None, None, None, 0)


def answer(
    userv: object = None, data: object = None, address: object = None, call_id: object = None, lossemul: object = 0
) -> Answer:
    """Stands in for sippy's SipTMRetransmitO, whose arguments these are."""
    return _NOTHING if data is None else Answer(userv, data, address, call_id, lossemul)


class Answers:
    """Answers by the digest of the message, forgotten a slice at a time. The part of a dictionary that sippy uses."""

    def __init__(self, most: int = MOST) -> None:
        slices = KEPT_S // TURN_S + 1
        self._most = max(1, most // slices)
        self._newest: dict[bytes, Answer] = {}
        self._slices: deque[dict[bytes, Answer]] = deque([self._newest], slices)

    def get(self, digest: bytes, default: None = None) -> Answer | None:
        for one in self._slices:
            if (found := one.get(digest)) is not None:
                return found
        return default

    def __setitem__(self, digest: bytes, sent: Answer) -> None:
        if len(self._newest) >= self._most:
            self.turn()
        self._newest[digest] = sent

    def __len__(self) -> int:
        return sum(map(len, self._slices))

    def turn(self) -> None:
        """Begin a new slice; the oldest is forgotten. Every TURN_S seconds."""
        self._newest = {}
        self._slices.appendleft(self._newest)
