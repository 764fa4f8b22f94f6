"""Whole calls at access numbers, through real processes, heard packet by packet."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from access.access_rig import AccessPlane, Callee, Caller

pytestmark = pytest.mark.stack
Calling = Callable[..., Caller]


def test_a_recognised_caller_hears_its_credit_dials_is_connected_and_charged(
    plane: AccessPlane, call: Calling, callee: Callee
) -> None:
    ada = call("33612000001")
    ada.connect()
    print(ada.wait_heard("fr/dial-number-hash"))
    ada.dial("0142000001#")
    ada.wait_heard("fr/connecting")
    plane.wait_event("call-answered")
    ada.hang_up()
    plane.wait_event("call-settled", count=2)
    print(plane.cdrs("ada"))
    print(ada.heard)
