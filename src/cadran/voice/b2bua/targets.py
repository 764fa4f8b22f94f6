"""From an INVITE to what was dialled, and from a plan to the legs that ring. SIP thread; `Dialling.plan` may run elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from sippy.SipURL import SipURL

from cadran.voice.b2bua import plans, transactions
from cadran.voice.b2bua.legs import Outgoing
from cadran.voice.carriers.book import Carrier
from cadran.voice.directory.cache import SipUser
from cadran.voice.directory.lookups import Look
from cadran.voice.rules.bindings import Binding
from cadran.voice.rules.events import Branch

if TYPE_CHECKING:
    from cadran.voice.b2bua.server import Place, Server

_MAX_TEXT = 320


@dataclass(frozen=True, slots=True)
class Dialling:
    """What the caller asked for; `plan` finds out where it goes."""

    text: str
    plan: Callable[[Look], plans.Plan]


class Seeker(Protocol):
    """Whoever looks for a callee: its id begins the Call-IDs of its legs, `targets` keeps where each branch goes. source: an address
    that is not rung, the caller's own device."""

    @property
    def id(self) -> str: ...
    @property
    def source(self) -> tuple[str, int]: ...
    @property
    def max_forwards(self) -> int: ...
    @property
    def targets(self) -> dict[str, Outgoing]: ...


def read(request: Any, place: Place, *, user: SipUser | None, carrier: Carrier | None) -> Dialling:
    """The request URI as dialled text: the user part for our own domains, user@host[:port] for others."""
    target = request.getRURI()
    text = str(target.username or "")[:_MAX_TEXT]
    host, port = str(target.host).lower(), target.port
    ours = host in (place.realm.lower(), "localhost") or (host == place.local[0] and port in (None, place.local[1]))
    if user is not None:
        if not ours:
            text = f"{text}@{host}" + (f":{port}" if port is not None else "")
        withhold = _wants_privacy(request)
        return Dialling(
            text,
            lambda look: plans.outbound(
                user, text, look, withhold=withhold, private_targets=place.private_targets, own=place.local
            ),
        )
    assert carrier is not None
    sender = request.getHFBody("from").getUri()
    from_user, from_name = str(sender.url.username or ""), str(sender.name or "")
    if _wants_privacy(request):
        from_user, from_name = "", ""
    return Dialling(text, lambda look: plans.inbound(carrier, text, from_user, from_name, look, country=place.country))


def _wants_privacy(request: Any) -> bool:
    asked = ",".join(transactions.raw_headers(request, "privacy")).lower()
    sender = request.getHFBody("from").getUrl()
    named = str(sender.username or "").lower() == "anonymous" or str(sender.host).lower() == "anonymous.invalid"
    return named or bool(re.search(r"\b(id|user|header)\b", asked))


def stages(session: Seeker, plan: plans.Plan, server: Server) -> tuple[tuple[Branch, ...], ...]:
    """The branches of each stage; notes in the session where each goes."""
    if plan.ring == "user":
        now = server.clock.seconds()
        devices = [one for one in server.registrar.table.live(plan.username, now) if reach(one) != session.source]
        made = tuple(_to_device(session, plan, one, number, server) for number, one in enumerate(devices, 1))
        return (made,) if made else ()
    if plan.ring == "uri":
        out = _outgoing(session, plan, server, plan.uri, plan.next_hop, "1", pin="names")
        session.targets["1"] = out
        return ((Branch("1", "open-sip"),),)
    carriers = server.place.books.of(plan.brand).outbound(plan.dial)
    return tuple((_to_carrier(session, plan, one, number, server),) for number, one in enumerate(carriers, 1))


def _to_device(session: Seeker, plan: plans.Plan, device: Binding, number: int, server: Server) -> Branch:
    key = str(number)
    session.targets[key] = _outgoing(
        session, plan, server, device.contact, reach(device), key, pin="hidden", path=device.path
    )
    return Branch(key)


def reach(device: Binding) -> tuple[str, int]:
    """Where requests for a device are sent: its nearest proxy (Path), the registered address, or, where that cannot be reached, the
    address that the REGISTER came from."""
    url = SipURL(re.sub(r"^.*<|>.*$", "", device.path[0]) if device.path else device.contact)
    transactions.pin_url(url, "hidden", device.source)
    hop, _ = url.getTAddr()
    return str(hop[0]), int(hop[1])


def _to_carrier(session: Seeker, plan: plans.Plan, carrier: Carrier, number: int, server: Server) -> Branch:
    key = str(number)
    dialled = f"+{plan.dial}" if plan.international and carrier.number_form == "plus" else plan.dial
    host, port = carrier.address
    uri = f"sip:{dialled}@{host}:{port};user=phone"
    headers = [("P-Asserted-Identity", f"<sip:{plan.asserted}@{server.place.realm}>")]
    if plan.withheld:
        headers.append(("Privacy", "id"))
    session.targets[key] = _outgoing(
        session,
        plan,
        server,
        uri,
        carrier.address,
        key,
        pin="names",
        headers=tuple(headers),
        login=(carrier.user, carrier.password),
    )
    return Branch(key, carrier.name)


def _outgoing(
    session: Seeker,
    plan: plans.Plan,
    server: Server,
    uri: str,
    next_hop: tuple[str, int],
    key: str,
    *,
    pin: str,
    headers: tuple[tuple[str, str], ...] = (),
    path: tuple[str, ...] = (),
    login: tuple[str, str] = ("", ""),
) -> Outgoing:
    user, host, name = (plan.from_user, server.place.realm, plan.from_name)
    if plan.withheld:
        user, host, name = plans.ANONYMOUS
        if plan.ring != "carriers":
            headers = (*headers, ("Privacy", "id"))
    return Outgoing(
        uri=uri,
        next_hop=next_hop,
        pin=pin,
        from_user=user,
        from_host=host,
        from_name=name,
        call_id=f"{session.id}-{key}",
        headers=headers,
        path=path,
        login=login,
        max_forwards=max(0, session.max_forwards - 1),
    )
