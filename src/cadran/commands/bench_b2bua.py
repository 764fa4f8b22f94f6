"""The yardstick of `cadran bench sip`: sippy's two user agents back to back, without digest, charging or media.

Run as a process of its own: `python -m cadran.commands.bench_b2bua PORT NEXT_HOP_PORT`. sippy as it comes, its log switched off.
"""

from __future__ import annotations

import os
import sys
from typing import Any

os.environ.setdefault("SIPLOG_BEND", "none")

from sippy.CCEvents import CCEventTry
from sippy.Core.EventDispatcher import ED2
from sippy.SipConf import SipConf
from sippy.SipLogger import SipLogger
from sippy.SipTransactionManager import SipTransactionManager
from sippy.UA import UA
from sippy.Udp_server import Udp_server_opts

HOST = "127.0.0.1"


class BareCall:
    """What one leg reports goes to the other."""

    def __init__(self, config: dict[str, Any], next_hop: tuple[str, int]) -> None:
        self._config, self._next_hop = config, next_hop
        self.caller = UA(config, self._event)
        self._callee: Any = None

    def _event(self, event: Any, leg: Any) -> None:
        if leg is self.caller and self._callee is None:
            if not isinstance(event, CCEventTry):
                return
            call_id, calling, called, body, auth, name = event.getData()
            self._callee = UA(self._config, self._event, nh_address=self._next_hop)
            event = CCEventTry((call_id + "-b", calling, called, body, auth, name))
        (self._callee if leg is self.caller else self.caller).recvEvent(event)


def main(port: int, next_port: int) -> None:
    """Serve for ever."""
    SipConf.my_uaname = "bare"
    Udp_server_opts.nworkers = 1  # its three senders let a 200 overtake a 180, which callers refuse
    config: dict[str, Any] = {"_sip_address": HOST, "_sip_port": port, "_sip_logger": SipLogger("bare")}

    def request(message: Any, transaction: Any) -> Any:
        if message.getHFBody("to").getTag() is not None:
            return message.genResponse(481, "Call Leg/Transaction Does Not Exist"), None, None
        if message.getMethod() != "INVITE":
            return message.genResponse(200, "OK"), None, None
        return BareCall(config, (HOST, next_port)).caller.recvRequest(message, transaction)

    config["_sip_tm"] = SipTransactionManager(config, request)
    ED2.loop()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
