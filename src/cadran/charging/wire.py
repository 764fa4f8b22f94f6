"""What travels over the charging socket: one JSON object a line, each answered by one that carries the same id.

Request: `{"id": 7, "op": "authorise", "args": {...}}`. Answer: `{"id": 7, "result": ...}` or
`{"id": 7, "error": {"error_id": ..., "message": ..., "reason": ...}}`. The arguments are the fields of the dataclasses of
`ports`, instants in RFC 3339.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import msgspec

from cadran.charging.ports import (
    AuthoriseCall,
    Bought,
    BuyCredit,
    Charged,
    ChargeEvent,
    ChargingRefused,
    ChargingUnavailable,
    CorrectCharge,
    Corrected,
    CreditLine,
    GiveCredit,
    Grant,
    Line,
    MovedVouchers,
    MoveVouchers,
    SettleCall,
    Settled,
    WithdrawCredit,
    Withdrawn,
)
from cadran.units.errors import CadranError

MAX_LINE = 1 << 20
MAX_NUMBER = 2**53 - 1  # what every reader of JSON keeps exact
BUSY = "busy"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenWallet:
    account: str
    brand: str
    currency: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Extend:
    session: str
    seq: int
    used_s: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    used_s: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpireCredit:
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseEvidence:
    holder: int
    shard: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadDecks:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    pass


Args = (
    OpenWallet
    | AuthoriseCall
    | Extend
    | Heartbeat
    | SettleCall
    | BuyCredit
    | CorrectCharge
    | WithdrawCredit
    | CreditLine
    | GiveCredit
    | MoveVouchers
    | ChargeEvent
    | ExpireCredit
    | EraseEvidence
    | ReloadDecks
    | Ping
)

# op -> what its arguments and its result are
OPERATIONS: dict[str, tuple[type, object]] = {
    "open_wallet": (OpenWallet, None),
    "authorise": (AuthoriseCall, Grant),
    "extend": (Extend, Grant),
    "heartbeat": (Heartbeat, tuple[str, ...]),
    "settle": (SettleCall, Settled),
    "buy_credit": (BuyCredit, Bought),
    "correct": (CorrectCharge, Corrected),
    "give_credit": (GiveCredit, Bought),
    "move_vouchers": (MoveVouchers, MovedVouchers),
    "withdraw": (WithdrawCredit, Withdrawn),
    "credit_line": (CreditLine, Line),
    "charge_event": (ChargeEvent, Charged),
    "expire_credit": (ExpireCredit, int),
    "erase_evidence": (EraseEvidence, int),
    "reload_decks": (ReloadDecks, int),
    "ping": (Ping, None),
}


class Request(msgspec.Struct):
    """The envelope of a request; its arguments are read once the operation is known."""

    id: int
    op: str
    args: msgspec.Raw = msgspec.Raw(b"{}")


class Failure(msgspec.Struct, omit_defaults=True):
    error_id: str
    message: str
    reason: str = ""


class Answer(msgspec.Struct, omit_defaults=True):
    """The envelope of an answer."""

    id: int
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: Failure | None = None


class _Sent(msgspec.Struct):
    id: int
    op: str
    args: object


class _Result(msgspec.Struct):
    id: int
    result: object


_encode = msgspec.json.Encoder().encode
_decode_request = msgspec.json.Decoder(Request).decode
_decode_answer = msgspec.json.Decoder(Answer).decode
_decode_args: dict[str, Callable[[msgspec.Raw], Args]] = {
    op: msgspec.json.Decoder(args).decode for op, (args, _) in OPERATIONS.items()
}
_decode_result: dict[str, Callable[[msgspec.Raw], object]] = {
    op: msgspec.json.Decoder(result).decode for op, (_, result) in OPERATIONS.items()
}


def request_line(number: int, op: str, args: Args) -> bytes:
    """A request as it is sent."""
    return _encode(_Sent(number, op, args)) + b"\n"


def read_request(line: bytes | bytearray) -> tuple[int, str, Args]:
    """Number, operation and arguments. Raises ChargingRefused (`invalid`), with the number in its details where it could be read."""
    number = 0
    try:
        request = _decode_request(line)
        number = request.id
        if not 0 <= number <= MAX_NUMBER:
            raise ChargingRefused(f"a request's number lies between 0 and {MAX_NUMBER}", reason="invalid")
        if request.op not in _decode_args:
            raise ChargingRefused(f"no operation {request.op[:40]!r}", reason="invalid", number=number)
        args: Args = _decode_args[request.op](request.args)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ChargingRefused(
            f"a request must be one line of JSON as documented: {error}", reason="invalid", number=number
        ) from error
    return number, request.op, args


def result_line(number: int, result: object) -> bytes:
    """A result as it is sent."""
    return _encode(_Result(number, result)) + b"\n"


def error_line(number: int, error: CadranError) -> bytes:
    """An expected failure as it is sent."""
    failure = Failure(error.error_id, error.message, str(error.details.get("reason", "")))
    return _encode(Answer(number, error=failure)) + b"\n"


def read_answer(line: bytes) -> Answer:
    """Raises ChargingUnavailable for what is no answer."""
    try:
        return _decode_answer(line)
    except msgspec.MsgspecError as error:
        raise ChargingUnavailable(f"the charging service answered something else: {error}") from error


def result(op: str, answer: Answer) -> object:
    """The result of an operation. Raises what the service answered as an error: ChargingUnavailable or ChargingRefused."""
    failure = answer.error
    if failure is None:
        return _decode_result[op](answer.result)
    if failure.error_id == ChargingUnavailable.error_id:
        raise ChargingUnavailable(failure.message, reason=failure.reason)
    raise ChargingRefused(failure.message, reason=failure.reason or failure.error_id)
