"""What this room needs from outside: a server that takes mails."""

from __future__ import annotations

from typing import Protocol

from cadran.units.errors import CadranError


class NotTakenNow(CadranError):
    """The server answered 4xx to this mail, or refused its sender: try again later. The message is its answer."""

    error_id = "messaging-mail-not-taken-now"


class NeverTaken(CadranError):
    """The server answered 5xx to this mail's recipient or content: trying again is of no use. The message is its answer."""

    error_id = "messaging-mail-never-taken"


class ServerAway(CadranError):
    """The server cannot be used now, whatever the mail: no connection, no TLS, a login that failed, or silence after the
    mail was handed over (then it may have been accepted: see docs/decisions/mails-at-least-once.md)."""

    error_id = "messaging-server-away"


class Transport(Protocol):
    """Hands mails to a server, one at a time."""

    def deliver(self, *, sender: str, recipient: str, raw: bytes) -> str:
        """Return the server's words once it accepted the message of these bytes. Raises NotTakenNow, NeverTaken, ServerAway."""
        ...

    def close(self) -> None:
        """End the connection, if one is open. Never raises."""
        ...
