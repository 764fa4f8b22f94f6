"""The phone as a machine without I/O: datagrams and commands with the time in, datagrams and events out.

One registration and a bounded number of calls. Times are seconds of the monotonic clock. The shell carries `out` to the
socket, tells `events` to its user, and calls run() at due()."""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from cadran.units.errors import CadranError
from cadran.voice.phone import digest, message, sdp
from cadran.voice.phone import transactions as layer
from cadran.voice.phone.call import Call
from cadran.voice.phone.message import Address, Message
from cadran.voice.phone.registration import Registration

MOST_TRANSACTIONS = 2_000
ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO"


class UnableToCall(CadranError):
    """The call was not started."""

    error_id = "phone-unable-to-call"


class NoSuchCall(CadranError):
    """The command names a call that this phone does not have (or no longer)."""

    error_id = "phone-no-such-call"


@dataclass(frozen=True, slots=True)
class Line:
    """Whose phone this is and how it presents itself."""

    user: str
    password: str
    server: Address
    domain: str = ""
    display: str = ""
    contact_suffix: str = ""
    codecs: tuple[int, ...] = (sdp.PCMA, sdp.PCMU)
    expires_s: int = 300
    ring_limit_s: float = 180.0
    most_calls: int = 64
    agent: str = "cadran-phone"

    @property
    def realm_host(self) -> str:
        return self.domain or self.server[0]

    @property
    def address_of_record(self) -> str:
        return f"sip:{self.user}@{self.realm_host}"


@dataclass(frozen=True, slots=True)
class Event:
    """Something to tell: `registered`, `ringing`, `answered`, `media`, `ended`...; `call` is "" outside calls."""

    name: str
    call: str = ""
    detail: dict[str, object] = field(default_factory=dict)


class Engine:
    def __init__(self, line: Line, local: Address, *, seed: int | None = None) -> None:
        self.line, self.local = line, local
        self.out: list[tuple[bytes, Address]] = []
        self.events: list[Event] = []
        self.calls: dict[str, Call] = {}
        self.timers = layer.Timers()
        self.ignore_bye = False
        self._random = random.Random(seed) if seed is not None else random.SystemRandom()  # noqa: S311
        self._clients: OrderedDict[tuple[str, str], layer.ClientTransaction] = OrderedDict()
        self._servers: OrderedDict[tuple[str, str, str], layer.ServerTransaction] = OrderedDict()
        self.registration = Registration(self)
        self._count = 0

    # what the shell asks for

    def register(self, now: float) -> None:
        self.registration.start(now, self.line.expires_s)

    def unregister(self, now: float) -> None:
        self.registration.start(now, 0)

    def dial(self, now: float, to: str, media_port: int, key: str = "") -> Call:
        """Calls a number, a user of the operator or a sip: address. Raises UnableToCall."""
        if len(self.calls) >= self.line.most_calls:
            raise UnableToCall(f"this phone holds {self.line.most_calls} calls at most: end one first")
        uri = self.uri_for(to)
        key = key or self.new_key()
        if key in self.calls:
            raise UnableToCall(f"there is a call {key} already")
        call = Call(self, key, uri, media_port)
        self.calls[key] = call
        call.invite(now)
        return call

    def call(self, key: str = "") -> Call:
        """A call by its key, or the only one (the newest, if there are several)."""
        if not key and self.calls:
            return next(reversed(self.calls.values()))
        if key not in self.calls:
            raise NoSuchCall(f"there is no call {key}" if key else "there is no call")
        return self.calls[key]

    def uri_for(self, to: str) -> str:
        text = to.strip()
        if text.lower().startswith(("sip:", "sips:")):
            if not message.host_port(text):
                raise UnableToCall(f"{text!r} is not a SIP address")
            return text
        bare = text if "@" in text else "".join(letter for letter in text if letter not in " .-()/")
        if not bare or len(bare) > 128 or any(letter <= " " or letter in '<>"' for letter in bare):
            raise UnableToCall(f"{to!r} is neither a number nor a SIP address")
        return f"sip:{bare}" if "@" in bare else f"sip:{bare}@{self.line.realm_host}"

    def run(self, now: float) -> None:
        """Does what is due: retransmissions, time-outs, the next registration."""
        self.timers.run(now)

    def due(self) -> float | None:
        return self.timers.due()

    @property
    def waiting(self) -> bool:
        """Whether a request of ours is not answered yet."""
        return any(not client.final for client in self._clients.values())

    def receive(self, now: float, data: bytes, source: Address) -> None:
        """One datagram. What cannot be read is dropped without a word."""
        try:
            incoming = message.read(data)
        except message.UnreadableMessage:
            return
        if incoming.code:
            try:
                method = incoming.sequence[1]
                client = self._clients.get((incoming.branch, method))
            except IndexError:
                return
            if client:
                client.receive(now, incoming)
        else:
            self._request(now, incoming, source)

    # what registration and calls ask for

    def tell(self, event: str, call: str = "", /, **detail: object) -> None:
        self.events.append(Event(event, call, detail))

    def token(self, bits: int = 64) -> str:
        return f"{self._random.getrandbits(bits):0{bits // 4}x}"

    def new_key(self) -> str:
        self._count += 1
        return f"c{self._count}"

    @property
    def contact(self) -> str:
        host, port = self.local
        return f"<sip:{self.line.user}@{host}:{port}{self.line.contact_suffix}>"

    def send(self, data: bytes, address: Address) -> None:
        self.out.append((data, address))

    def request(
        self,
        now: float,
        request: Message,
        on_response: Callable[[float, Message | None], None],
        *,
        address: Address | None = None,
    ) -> layer.ClientTransaction:
        """Starts a client transaction with a new branch; on_response as in transactions.ClientTransaction."""
        host, port = self.local
        request.put("via", f"SIP/2.0/UDP {host}:{port};rport;branch=z9hG4bK{self.token()}")
        request.headers.insert(0, request.headers.pop())
        return self.start(now, request, on_response, address or self.line.server)

    def start(
        self, now: float, request: Message, on_response: Callable[[float, Message | None], None], to: Address
    ) -> layer.ClientTransaction:
        """Starts a client transaction for a request that has its Via (CANCEL takes that of its INVITE)."""
        branch = request.branch
        client = layer.ClientTransaction(now, request, to, self.send, self.timers, on_response)
        self._clients[branch, request.method] = client
        while len(self._clients) > MOST_TRANSACTIONS:
            self._clients.popitem(last=False)[1].stop()
        self.timers.at(now + 4 * layer.LIFE_S, lambda _: self._forget(branch, request.method))
        return client

    def _forget(self, branch: str, method: str) -> None:
        client = self._clients.get((branch, method))
        if client and client.final:
            del self._clients[branch, method]

    def authorise(self, request: Message, response: Message) -> bool:
        """Puts the answer to a 401 or 407 into the request (its CSeq goes up by one); False if that cannot help."""
        proxy = response.code == 407
        asked, given = ("proxy-authenticate", "proxy-authorization") if proxy else ("www-authenticate", "authorization")
        values = [value for name, value in response.headers if name == asked]
        challenges = [found for value in values if (found := digest.read(value, proxy=proxy))]
        if not challenges or (request.first(given) and not challenges[0].stale):
            return False
        line = self.line
        value = digest.answer(
            challenges[0],
            user=line.user,
            password=line.password,
            method=request.method,
            uri=request.uri,
            cnonce=self.token(),
        )
        request.put(given, value)
        number, method = request.sequence
        request.put("cseq", f"{number + 1} {method}")
        return True

    def _forget_server(self, key: tuple[str, str, str]) -> None:
        self._servers.pop(key, None)

    # requests from outside

    def _request(self, now: float, request: Message, source: Address) -> None:
        via = request.every("via")[0].partition(";")[0]
        method = "INVITE" if request.method == "ACK" else request.method
        server = self._servers.get((request.branch, via, method))
        call = self._call_of(request)
        if request.method == "ACK":
            if server and server.code >= 300:
                server.acknowledged()
            elif call:
                call.acknowledged(now, request)
            return
        if server:
            server.again()
            return
        if self.ignore_bye and request.method == "BYE":
            if call:
                self.tell("bye_ignored", call.key)
            return
        server = layer.ServerTransaction(request, source, self.send, self.timers)
        self._servers[request.branch, via, method] = server
        while len(self._servers) > MOST_TRANSACTIONS:
            self._servers.popitem(last=False)[1].acknowledged()
        key = (request.branch, via, method)
        self.timers.at(now + layer.LIFE_S, lambda _: self._forget_server(key))
        self._dispatch(now, request, server, call, via)

    def _dispatch(
        self, now: float, request: Message, server: layer.ServerTransaction, call: Call | None, via: str
    ) -> None:
        if request.method == "CANCEL":
            invite = self._servers.get((request.branch, via, "INVITE"))
            self.reply(now, server, 200 if invite else 481, "OK" if invite else "No such transaction")
            if invite and call:
                call.cancelled(now)
        elif call:
            call.request(now, request, server)
        elif message.parameter(request.first("to"), "tag"):
            self.reply(now, server, 481, "Call Does Not Exist")
        elif request.method == "INVITE":
            self._incoming(now, request, server)
        elif request.method == "OPTIONS":
            self.reply(now, server, 200, "OK")
        else:
            self.reply(now, server, 405, "Method Not Allowed")

    def _incoming(self, now: float, request: Message, server: layer.ServerTransaction) -> None:
        media = sdp.read(request.body) if request.body else None
        contacts = request.every("contact")
        if not contacts or not message.host_port(message.uri_of(contacts[0])):
            self.reply(now, server, 400, "No Contact")
        elif media is None:
            self.reply(now, server, 488, "Not Acceptable Here")
        elif len(self.calls) >= self.line.most_calls:
            self.reply(now, server, 486, "Busy Here")
        else:
            call = Call.from_invite(self, self.new_key(), request, server, media)
            self.calls[call.key] = call
            call.ring(now)

    def _call_of(self, request: Message) -> Call | None:
        identity = request.first("call-id")
        theirs = message.parameter(request.first("from"), "tag")
        ours = message.parameter(request.first("to"), "tag")
        for call in self.calls.values():
            if call.matches(identity, ours, theirs, request.method):
                return call
        return None

    def reply(
        self,
        now: float,
        server: layer.ServerTransaction,
        code: int,
        reason: str,
        *,
        tag: str = "",
        body: bytes = b"",
    ) -> None:
        response = layer.response_to(server.request, code, reason, tag=tag or self.token(32))
        if code < 300:
            response.add("contact", self.contact)
            response.add("allow", ALLOW)
        response.add("user-agent", self.line.agent)
        if body:
            response.add("content-type", "application/sdp")
            response.body = body
        server.respond(now, response)
