"""`python -m cadran_sandbox.carrier`: see --help."""

from __future__ import annotations

import argparse
import os
import signal
import sys


def options() -> argparse.Namespace:
    from cadran_sandbox.carrier import behaviours

    parser = argparse.ArgumentParser(
        prog="python -m cadran_sandbox.carrier",
        description="A sandbox carrier: the public telephone network in one SIP program (UDP, G.711).",
        epilog=behaviours.TABLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address of SIP, RTP and the control page")
    parser.add_argument("--port", type=int, default=5080, help="SIP port")
    parser.add_argument("--control-port", type=int, default=0, help="HTTP control page, on loopback; 0 for none")
    parser.add_argument("--rtp-min", type=int, default=24000)
    parser.add_argument("--rtp-max", type=int, default=24999)
    parser.add_argument("--name", default="one", help='"one" refuses numbers ending 0503; any other name takes them')
    parser.add_argument("--tone", type=int, default=800, help="hertz of the tone after the answer")
    parser.add_argument("--most-calls", type=int, default=200, help="calls at a time; more get 503")
    given = parser.parse_args()
    ports = (given.port, given.control_port or 1, given.rtp_min, given.rtp_max)
    if not all(0 < port < 65536 for port in ports) or given.rtp_max <= given.rtp_min:
        parser.error("ports lie between 1 and 65535, --rtp-max above --rtp-min")
    if not 50 <= given.tone <= 3800 or given.most_calls < 1:
        parser.error("--tone lies between 50 and 3800, --most-calls above 0")
    return given


def main() -> int:
    given = options()
    from sippy.Core.EventDispatcher import ED2

    from cadran_sandbox.carrier import control, exchange, media

    lines = media.Media(given.host, given.rtp_min, given.rtp_max)
    try:
        network = exchange.Exchange(
            name=given.name,
            host=given.host,
            port=given.port,
            most_calls=given.most_calls,
            tone_hz=given.tone,
            lines=lines,
        )
        if given.control_port:
            control.serve(network, "127.0.0.1", given.control_port)
    except OSError as error:
        print(f"carrier {given.name}: a port is taken or forbidden: {error}", file=sys.stderr)
        return 1
    lines.start()
    for number in (signal.SIGTERM, signal.SIGINT):
        ED2.regSignal(number, network.leave)
    print(
        f"carrier {given.name} ready: sip:{given.host}:{given.port}, control {given.control_port or 'none'}", flush=True
    )
    ED2.loop()
    lines.stop()
    sys.stdout.flush()
    os._exit(0)  # sippy's sender threads would hold the process


if __name__ == "__main__":
    sys.exit(main())
