"""What moves money beside calls: purchases, gifts, withdrawals, corrections, expiry; now and then twice, or changed."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from cadran.charging.ports import (
    BuyCredit,
    Charged,
    ChargeEvent,
    ChargingRefused,
    CorrectCharge,
    GiveCredit,
    WithdrawCredit,
)
from cadran.commands.chaos import plan
from cadran.commands.chaos.clients import Patient
from cadran.commands.chaos.traffic import World
from cadran.policy.rules import Decision

OPENED_AT_ONCE = 50
FUNDED = 0.85  # of the accounts have credit at the start
TWICE = 0.1
EVENT_ALLOWED = Decision(
    allowed=True,
    clause="IPP-0-calls",
    terms=plan.TERMS,
    code="event-allowed",
    fr="Service permis.",
    en="Service allowed.",
)


@dataclass(slots=True)
class Desk:
    """Staff, web and jobs in one. world is set before `work`."""

    choices: plan.Choices
    patient: Patient
    world: World = field(init=False)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)
    _buying: set[str] = field(default_factory=set)

    async def open_accounts(self) -> None:
        """Wallets for all, credit for most."""
        for start in range(0, len(self.choices.accounts), OPENED_AT_ONCE):
            part = self.choices.accounts[start : start + OPENED_AT_ONCE]
            await asyncio.gather(*(self._open(account) for account in part))

    async def buy(self, account: plan.Account, rng: random.Random) -> None:
        """A purchase; the others who wait for credit of the same account take what it brings."""
        if account.name in self._buying:
            return
        self._buying.add(account.name)
        try:
            await self._bought(account, rng)
        finally:
            self._buying.discard(account.name)

    async def work(self, worker: int) -> None:
        """One thing after the other until the run closes."""
        rng = self.choices.rng("desk", worker)
        tasks: tuple[Callable[[random.Random], Awaitable[None]], ...] = (
            self._buy,
            self._give,
            self._withdraw,
            self._correct,
            self._event,
            self._expire,
        )
        while not self.world.closing:
            await rng.choices(tasks, (30, 8, 20, 15, 25, 4))[0](rng)
            await asyncio.sleep(rng.uniform(0, 0.2))

    async def expire(self) -> None:
        """Expire what is due at the civil clock's instant."""
        at = self.world.clock.now()
        key = f"E{next(self._numbers)}"
        await self.patient.do("expire_credit", key, {"at": at}, lambda charging: charging.expire_credit(at=at))

    async def _open(self, account: plan.Account) -> None:
        at, market = self.world.clock.now(), account.market
        await self.patient.do(
            "open_wallet",
            account.name,
            {"brand": market.brand, "currency": market.currency},
            lambda charging: charging.open_wallet(
                account=account.name, brand=market.brand, currency=market.currency, at=at
            ),
        )
        rng = self.choices.rng("open", account.name)
        if rng.random() < FUNDED:
            await self._bought(account, rng)

    async def _buy(self, rng: random.Random) -> None:
        await self.buy(self.choices.account(rng), rng)

    async def _bought(self, account: plan.Account, rng: random.Random) -> None:
        request = BuyCredit(
            key=f"B{next(self._numbers)}",
            account=account.name,
            terms=plan.TERMS,
            amount_micros=self.choices.purchase_micros(rng),
            currency=account.market.currency,
            at=self.world.clock.now(),
        )
        asks = [self.patient.do("buy_credit", request.key, request, lambda charging: charging.buy_credit(request))]
        if rng.random() < TWICE:
            asks.append(self.patient.again("buy_credit", request.key, lambda charging: charging.buy_credit(request)))
        answers = await asyncio.gather(*asks)
        if answers[0] != answers[-1]:
            self.world.faults.append(f"buy_credit {request.key}: two answers at once, and different ones")
        if rng.random() < TWICE:
            await self._bought_otherwise(replace(request, amount_micros=request.amount_micros + 1))

    async def _bought_otherwise(self, other: BuyCredit) -> None:
        """The key of a purchase with another amount must be refused."""
        try:
            await self.patient.until_answered(lambda charging: charging.buy_credit(other))
        except ChargingRefused as error:
            if error.details.get("reason") == "key-reused":
                return
        self.world.faults.append(f"buy_credit {other.key}: taken once more for another amount")

    async def _give(self, rng: random.Random) -> None:
        account = self.choices.account(rng)
        request = GiveCredit(
            key=f"G{next(self._numbers)}",
            account=account.name,
            terms=plan.TERMS,
            amount_micros=rng.randrange(1, 50_000),
            currency=account.market.currency,
            at=self.world.clock.now(),
        )
        await self.patient.do("give_credit", request.key, request, lambda charging: charging.give_credit(request))

    async def _withdraw(self, rng: random.Random) -> None:
        """Hold, then take or release; a hold is refused where so much is not free, and one in ten stays held."""
        account, key = self.choices.account(rng), f"W{next(self._numbers)}"
        held = await self._step(account, key, "hold", rng.randrange(1, 60_000))
        if held and rng.random() < 0.9:
            step = rng.choice(("take", "release"))
            await self._step(account, key, step)
            if rng.random() < TWICE:
                await self._step(account, key, "release" if step == "take" else "take")  # refused: it is over

    async def _step(self, account: plan.Account, key: str, step: str, micros: int = 0) -> bool:
        request = WithdrawCredit(
            key=key, account=account.name, step=step, amount_micros=micros, at=self.world.clock.now()
        )
        with contextlib.suppress(ChargingRefused):
            await self.patient.do("withdraw", f"{key}/{step}", request, lambda charging: charging.withdraw(request))
            return True
        return False

    async def _event(self, rng: random.Random) -> None:
        """An SMS at once, or a recharge that is held first, then taken in part, released, or left to its lease."""
        account, key = self.choices.account(rng), f"V{next(self._numbers)}"
        micros = rng.randrange(1, 90_000)
        if rng.random() < 0.5:
            await self._event_step(account, key, "once", "sms", micros, rng.random() < TWICE)
            return
        held = await self._event_step(account, key, "hold", "airtime", micros, rng.random() < TWICE)
        if held and held.state == "held" and rng.random() < 0.9:
            step = rng.choice(("take", "release"))
            part = rng.choice((micros, micros // 2)) if step == "take" else None
            await self._event_step(account, key, step, "", part, rng.random() < TWICE)
            if rng.random() < TWICE:  # refused: it is over in the other way
                await self._event_step(account, key, "release" if step == "take" else "take", "", None, False)

    async def _event_step(
        self, account: plan.Account, key: str, step: str, service: str, micros: int | None, twice: bool
    ) -> Charged | None:
        first = step in ("once", "hold")
        request = ChargeEvent(
            key=key,
            account=account.name,
            step=step,
            at=self.world.clock.now(),
            service=service,
            terms=plan.TERMS if first else "",
            amount_micros=micros,
            currency=account.market.currency if first else "",
            destination="33612345678" if first else "",
            decision=EVENT_ALLOWED if first else None,
        )
        asks = [self._event_asked(request)]
        if twice:
            asks.append(self._event_asked(request))
        answers = await asyncio.gather(*asks)
        if twice and answers[0] != answers[1]:
            self.world.faults.append(f"charge_event {key}/{step}: two answers at once, and different ones")
        if (done := answers[0]) is not None and done.state == "taken":
            self.world.charged(account.name, done.cdr_id, done.amount_micros)
        return done

    async def _event_asked(self, request: ChargeEvent) -> Charged | None:
        with contextlib.suppress(ChargingRefused):
            return await self.patient.do(
                "charge_event",
                f"{request.key}/{request.step}",
                request,
                lambda charging: charging.charge_event(request),
            )
        return None

    async def _correct(self, rng: random.Random) -> None:
        """A call turns out to cost something else, more or less."""
        if not self.world.recent:
            return
        account, cdr_id, charged = rng.choice(self.world.recent)
        request = CorrectCharge(
            key=f"K{next(self._numbers)}",
            account=account,
            cdr_id=cdr_id,
            charge_micros=rng.choice((0, charged // 2, charged * 2, rng.randrange(100_000))),
            reason="chaos",
            at=self.world.clock.now(),
        )
        with contextlib.suppress(ChargingRefused):
            await self.patient.do("correct", request.key, request, lambda charging: charging.correct(request))

    async def _expire(self, rng: random.Random) -> None:
        del rng
        await self.expire()
