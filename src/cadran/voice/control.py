"""What other processes ask of the SIP process, by its door."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from cadran.units.errors import CadranError
from cadran.units.ids import checked_key

TIMEOUT_S = 4.0


class CallsUnreachable(CadranError):
    """The SIP process does not answer at its door; nothing is known of the request: look whether the call goes on."""

    error_id = "voice-calls-unreachable"


class CallOver(CadranError):
    """The call is not in progress any more: nothing was cut."""

    error_id = "voice-call-over"


def cut(session: str, *, door: Path) -> None:
    """End a call in progress: its media stop and both legs get a BYE; its record says that the operator ended it. A call that was not
    answered yet is refused. Again raises CallOver, as for one that is over. Raises CallsUnreachable."""
    request = json.dumps({"cut": checked_key(session)}).encode() + b"\n"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as one:
            one.settimeout(TIMEOUT_S)
            one.connect(str(door))
            one.sendall(request)
            answer = json.loads(one.makefile("rb").readline(4096))
    except (OSError, ValueError) as error:
        raise CallsUnreachable("the SIP process does not answer: see `cadran doctor`, then try again") from error
    result = answer.get("result") if isinstance(answer, dict) else None
    if result == "over":
        raise CallOver("this call is over: nothing was cut")
    if result != "cut":
        raise CallsUnreachable("the SIP process could not do it: try again")
