"""What other processes ask of the SIP process, by its door: staff cut a call, customers have calls placed."""

from __future__ import annotations

import json
import socket
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cadran.units.errors import CadranError
from cadran.units.ids import checked_key
from cadran.voice.callback import queries
from cadran.voice.callback.orders import CallbackOrder as CallbackOrder
from cadran.voice.callback.orders import CallbackRefused as CallbackRefused
from cadran.voice.callback.orders import CallbackState as CallbackState
from cadran.voice.callback.orders import CallbackUnknown as CallbackUnknown
from cadran.voice.callback.orders import LegCost as LegCost
from cadran.voice.callback.orders import SpokenCode as SpokenCode

TIMEOUT_S = 4.0
_REFUSED = {
    "too-many": "as many calls as are possible at once are under way: wait until one is over",
    "too-often": "too many calls were asked for within a minute: wait a little",
    "full": "too many calls are under way here: try again in a few minutes",
    "key-reused": "this key was used for another order: use a new one",
    "unreadable": "the order cannot be read: see CallbackOrder and SpokenCode",
}


class CallsUnreachable(CadranError):
    """The SIP process does not answer at its door; nothing is known of the request: look whether the call goes on."""

    error_id = "voice-calls-unreachable"


class CallOver(CadranError):
    """The call is not in progress any more: nothing was cut."""

    error_id = "voice-call-over"


def cut(session: str, *, door: Path) -> None:
    """End a call in progress: its media stop and both legs get a BYE; its record says that the operator ended it. A call that was not
    answered yet is refused. Again raises CallOver, as for one that is over. Raises CallsUnreachable."""
    result = _asked("cut", checked_key(session), door).get("result")
    if result == "over":
        raise CallOver("this call is over: nothing was cut")
    if result != "cut":
        raise CallsUnreachable("the SIP process could not do it: try again")


def callback(order: CallbackOrder, *, door: Path) -> CallbackState:
    """Ring a customer, then whom it wants to reach. Idempotent by the order's key: the same order again is where the first one is.

    Returns as soon as it rings, or is over with the reason (charging refused, number not verified). Raises CallbackRefused for one
    that is not taken, CallsUnreachable.
    """
    return _ordered("callback", order, door)


def speak(order: SpokenCode, *, door: Path) -> CallbackState:
    """Ring a number and speak a code, twice. Idempotent by the order's key. How many attempts a number and a day are allowed is the
    caller's duty; here one at a time and a few a minute. Raises CallbackRefused, CallsUnreachable."""
    return _ordered("speak", order, door)


def callback_state(key: str) -> CallbackState:
    """What became of an order, of a spoken code too. Reads the SIP process's file and charging's. Raises CallbackUnknown."""
    found = queries.state(checked_key(key))
    if found is None:
        raise CallbackUnknown("no call was ordered under this key")
    return found


def end_callback(key: str, *, door: Path) -> None:
    """Who ordered it wants it to end, ringing or answered. Raises CallOver where there is nothing to end, CallsUnreachable."""
    answer = _asked("end-callback", checked_key(key), door)
    if answer.get("refused") == "over":
        raise CallOver("this call is over")
    if "id" not in answer:
        raise CallsUnreachable("the SIP process could not do it: try again")


def _ordered(deed: str, order: CallbackOrder | SpokenCode, door: Path) -> CallbackState:
    checked_key(order.key)
    answer = _asked(deed, asdict(order), door)
    reason = str(answer.get("refused", ""))
    if reason in _REFUSED:
        raise CallbackRefused(_REFUSED[reason], reason=reason)
    if "id" not in answer:
        raise CallsUnreachable("the SIP process could not do it: try again")
    return CallbackState(key=order.key, id=answer["id"], stage=answer["stage"], why=answer["why"])


def _asked(deed: str, about: Any, door: Path) -> dict[str, str]:
    """One request at the door. Raises CallsUnreachable."""
    request = json.dumps({deed: about}).encode() + b"\n"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as one:
            one.settimeout(TIMEOUT_S)
            one.connect(str(door))
            one.sendall(request)
            answer = json.loads(one.makefile("rb").readline(4096))
    except (OSError, ValueError) as error:
        raise CallsUnreachable("the SIP process does not answer: see `cadran doctor`, then try again") from error
    return answer if isinstance(answer, dict) else {}
