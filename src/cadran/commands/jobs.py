"""`cadran jobs`: what must happen by itself. Carries the rooms' events and runs each due act, once a second, in small batches."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import FrameType

import click
import structlog

from cadran.commands import logs, main

EVERY_S = 1.0
LONGEST_PAUSE_S = 30.0
SWEEP_EVERY_S = 3600.0
CREDIT_EVERY_S = 300.0

log = structlog.get_logger()
Task = Callable[[], int]


class Loop:
    """Runs each task once a second, and at once again while there is more to do.

    A task that fails is logged and tried again later, each time twice as late, at most LONGEST_PAUSE_S; the others go on.
    """

    def __init__(self, tasks: dict[str, Task], *, stopping: threading.Event, every_s: float = EVERY_S) -> None:
        self.tasks, self.stopping, self.every_s = tasks, stopping, every_s
        self._failures = dict.fromkeys(tasks, 0)
        self._not_before = dict.fromkeys(tasks, 0.0)

    def run(self) -> None:
        while not self.stopping.is_set():
            busy = self.turn(time.monotonic())
            self.stopping.wait(0 if busy else self.every_s)

    def turn(self, now_s: float) -> bool:
        """One turn of all tasks that may run at that monotonic instant; true when one of them did something."""
        busy = False
        for name, task in self.tasks.items():
            if self.stopping.is_set() or now_s < self._not_before[name]:
                continue
            try:
                done = task()
            except Exception:
                self._failures[name] += 1
                pause = min(self.every_s * 2 ** self._failures[name], LONGEST_PAUSE_S)
                self._not_before[name] = now_s + pause
                log.exception("jobs_task_failed", task=name, failures=self._failures[name], again_in_s=pause)
                continue
            self._failures[name] = 0
            if done:
                busy = True
                log.info("jobs_task_done", task=name, done=done)
        return busy


class Aside:
    """A task on a thread of its own, so that a slow receiver holds up nothing else: each turn starts it where it is not running, and
    raises what its last run raised."""

    def __init__(self, task: Task) -> None:
        self._task, self._thread = task, threading.Thread()
        self._failed: Exception | None = None

    def __call__(self) -> int:
        if self._thread.is_alive():
            return 0
        failed, self._failed = self._failed, None
        if failed is not None:
            raise failed
        self._thread = threading.Thread(target=self._run, name="aside", daemon=True)
        self._thread.start()
        return 0

    def _run(self) -> None:
        from django.db import connections

        try:
            while self._task():
                pass
        except Exception as error:  # noqa: BLE001 - an edge: the loop logs it and tries again later
            self._failed = error
        finally:
            connections.close_all()


def every(seconds: float, task: Task) -> Task:
    """The task, done at most once in so many seconds; in between it has nothing to do."""
    due_s = [0.0]

    def run() -> int:
        if time.monotonic() < due_s[0]:
            return 0
        due_s[0] = time.monotonic() + seconds
        return task()

    return run


def fresh(task: Task) -> Task:
    """The task, on connections that are not too old."""
    from django.db import close_old_connections

    def run() -> int:
        close_old_connections()
        return task()

    return run


def tasks() -> dict[str, Task]:
    """What this installation does by itself, each part in turn."""
    found = {**house_tasks(), **payment_tasks(), **evidence_tasks(), **webhook_tasks(), **mail_tasks()}
    return {name: task if isinstance(task, Aside) else fresh(task) for name, task in found.items()}


def house_tasks() -> dict[str, Task]:
    """Events carried between rooms, what the civil clock brought due, the start page's figures, documents that nobody points to."""
    from django.conf import settings

    from cadran.charging.adapters import client
    from cadran.journeys import carry, due, figures, vouchers
    from cadran.journeys.rerating import operations as rerating
    from cadran.party.documents import operations as documents

    charging, clock = client.SocketCharging(settings.CHARGING_SOCKET, timeout_s=5), settings.CIVIL_CLOCK

    def due_acts() -> int:
        return sum(done.count for done in due.run_due(charging=charging, now=clock.now()))

    def credit_counted() -> int:
        figures.count_credit(at=clock.now())
        figures.forget_hours(at=clock.now())
        return 0

    return {
        "carry": lambda: carry.pending(charging=charging, now=clock.now()),
        "due": due_acts,
        "credit-figures": every(CREDIT_EVERY_S, credit_counted),
        "figures": figures.follow_calls,
        "rerating": lambda: rerating.carry_on(charging=charging, at=clock.now(), workers=rerating.AT_ONCE),
        "vouchers": lambda: vouchers.make(at=clock.now()),
        "voucher-tries": every(SWEEP_EVERY_S, lambda: vouchers.forget_tries(at=clock.now())),
        "documents": every(SWEEP_EVERY_S, lambda: documents.sweep(now_s=time.time())),
    }


def payment_tasks() -> dict[str, Task]:
    """Card pages that are still open, automatic top-ups, refunds, and the bank's statements."""
    from django.conf import settings

    from cadran.charging.adapters import client
    from cadran.journeys import automatic, credit, refunds

    charging, clock = client.SocketCharging(settings.CHARGING_SOCKET, timeout_s=5), settings.CIVIL_CLOCK
    card, bank, watch = credit.card_provider, credit.statement_source(), automatic.Watch()

    def cards() -> int:
        credit.poll_cards(provider=card(), at=clock.now())
        return 0

    def statements() -> int:
        return 0 if bank is None else credit.read_statements(source=bank, at=clock.now())

    return {
        "cards": cards,
        "bank": every(settings.BANK_EVERY_S, statements),
        "automatic": lambda: watch.turn(provider=card(), at=clock.now()),
        "refunds": lambda: refunds.carry_refunds(provider=card(), charging=charging, at=clock.now()),
    }


def webhook_tasks() -> dict[str, Task]:
    """Following the calls for those who want to know of them, and sending what is due, beside everything else."""
    from django.conf import settings

    from cadran.journeys import webhooks
    from cadran.messaging.webhooks import deliveries, operations
    from cadran.messaging.webhooks.adapters import http

    clock, sender = settings.CIVIL_CLOCK, http.HttpSender(lax=operations.lax())

    def called() -> int:
        return webhooks.follow_calls(at=clock.now())

    def told() -> int:
        deliveries.sweep(at=clock.now())
        return deliveries.deliver_due(at=clock.now(), wall_s=int(time.time()), sender=sender)

    return {"calls": called, "webhooks": Aside(told)}


def evidence_tasks() -> dict[str, Task]:
    """Sealing what was put on record, at most once a second, and having the newest seal witnessed."""
    from django.conf import settings

    from cadran.policy.proof import metrics, operations, witness

    asking = witness.Witnessing(
        url=settings.WITNESS_URL,
        certificates=settings.WITNESS_CERTIFICATES,
        every_s=settings.WITNESS_EVERY_S,
        timeout_s=settings.WITNESS_TIMEOUT_S,
        clock=time.monotonic,
        heads=settings.EVIDENCE_HEADS,
    )
    next_seal = [0.0]

    def seal() -> int:
        if time.monotonic() >= next_seal[0]:
            next_seal[0] = time.monotonic() + EVERY_S
            operations.seal(at=datetime.now(UTC))
        return 0

    def witnessed() -> int:
        asking.step()
        metrics.show(failures=asking.failures)
        return 0

    return {"seal": seal, "witness": witnessed}


def mail_tasks() -> dict[str, Task]:
    """Mails, beside everything else: a mail server that is slow holds up no money. And whose credit the newest calls left low."""
    from django.conf import settings

    from cadran.journeys import mails, warnings
    from cadran.messaging import operations

    clock = settings.CIVIL_CLOCK

    def delivered() -> int:
        return operations.deliver_due(at=clock.now(), transport=mails.transport(), clock=clock.now)

    def credit_watched() -> int:
        return warnings.watch_credit(at=clock.now())

    return {"low-credit": credit_watched, "mails": Aside(delivered)}


@click.command()
def command() -> None:
    """Carry events between rooms and run what falls due, until SIGTERM."""
    main.django_ready()
    from django.conf import settings

    logs.configure("jobs")
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    loop = Loop(tasks(), stopping=stopping)
    ready = settings.VAR / "run" / "jobs.ready"
    ready.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    ready.write_text("")
    log.info("jobs_started", tasks=sorted(loop.tasks))
    try:
        loop.run()
    finally:
        ready.unlink(missing_ok=True)
        log.info("jobs_stopped")
