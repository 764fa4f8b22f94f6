"""The customers of a story: how they sign up, buy credit and are looked at."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cadran.commands.demo import phones, teller, visitor

CARD_OK = "4242 4242 4242 4242"
PASSWORD = "trois-Mots-simples-42"  # noqa: S105 - of a customer of an installation that lives for a minute


@dataclass(slots=True)
class Customer:
    """A customer of the story, its browser and its telephone."""

    user: str
    first_names: str
    name: str
    sip_password: str = ""
    account: str = ""
    number: str = ""
    browser: visitor.Visitor | None = None
    phone: phones.Phone | None = None

    @property
    def email(self) -> str:
        return f"{self.user}@example.org"

    @property
    def web(self) -> visitor.Visitor:
        assert self.browser
        return self.browser

    @property
    def line(self) -> phones.Phone:
        assert self.phone
        return self.phone


def cadran(*words: str) -> Any:
    """Run a `cadran` command with --json and give back what it says. Raises StepFailed when it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "cadran", "--", *words, "--json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode != 0:
        raise teller.StepFailed(f"cadran {' '.join(words)} failed: {(done.stdout + done.stderr).strip()[-300:]}")
    return json.loads(done.stdout)


def until(what: str, true: Callable[[], Any], *, timeout_s: float = 15) -> Any:
    """Wait until `true()` is; gives back its value. Raises StepFailed."""
    deadline = time.monotonic() + timeout_s
    while not (value := true()):
        if time.monotonic() > deadline:
            raise teller.StepFailed(f"{what} did not happen within {timeout_s:.0f} s")
        time.sleep(0.1)
    return value


def sign_up(customer: Customer, site: str, mailbox: str, step: teller.Step) -> None:
    """Fill in the registration, be refused before the mail's link is followed, follow it, sign in."""
    from cadran.party import queries as party

    browser = customer.browser = visitor.Visitor(site)
    page = browser.open("/account/signup/")
    form = browser.form(page, having="sip_password")
    customer.sip_password = form.fields["sip_password"]
    after = browser.send(
        page,
        form,
        **form.ticks,
        first_names=customer.first_names,
        name=customer.name,
        email=customer.email,
        username=customer.user,
        password1=PASSWORD,
    )
    step.expect(after.status_code == 200, f"the registration of {customer.user} answers {after.status_code}")
    waiting = party.sip_user(customer.user)
    step.expect(waiting is not None, f"{customer.user} was not registered: {_said(after.text)}")
    assert waiting
    step.expect(not waiting.active, f"{customer.user} could telephone before the address was validated")
    page = browser.open(visitor.mail_link(mailbox, customer.email, "/confirm-email/"))
    browser.send(page, browser.form(page, having="csrfmiddlewaretoken", to="confirm-email"))
    user = party.sip_user(customer.user)
    step.expect(user is not None and user.active, f"{customer.user} is not open after the mail's link was followed")
    assert user
    customer.account = user.account
    sign_in(customer)


def sign_in(customer: Customer) -> None:
    """Sign in unless the confirmation did. Raises StepFailed."""
    page = customer.web.open("/dashboard/")
    if "/login" in str(page.url):
        customer.web.send(page, customer.web.form(page, having="login"), login=customer.user, password=PASSWORD)
        page = customer.web.open("/dashboard/")
    if "/dashboard" not in str(page.url):
        raise teller.StepFailed(f"{customer.user} cannot sign in: {page.url}")


def top_up(customer: Customer, amount_micros: int) -> None:
    """Choose the amount, pay by card on the provider's page, come back. Raises StepFailed."""
    page = customer.web.open("/topup/")
    card_page = customer.web.send(page, customer.web.form(page, having="key"), amount=str(amount_micros))
    if "/pay/" not in str(card_page.url):
        raise teller.StepFailed(f"the top-up leads to {card_page.url}, not to the card page: {_said(card_page.text)}")
    paid = customer.web.send(card_page, customer.web.form(card_page, having="card"), card=CARD_OK, action="pay")
    if paid.status_code != 200 or "/topup/" not in str(paid.url):
        raise teller.StepFailed(f"after the payment: {paid.status_code} {paid.url}")


def balance(customer: Customer) -> Any:
    """What the customer has now (balance.queries.Balance)."""
    from django.conf import settings

    from cadran.balance import queries

    return queries.balance(customer.account, settings.CIVIL_CLOCK.now())


def grant(customer: Customer, amount: str, reason: str) -> None:
    """Credit given by staff: `cadran credit grant`."""
    cadran("credit", "grant", customer.user, amount, "--reason", reason, "--by", "demo")


def newest_call(customer: Customer, *, known: int) -> Any:
    """The record (charging's Record) of the call that ended last, once there are more than `known`."""
    from cadran.charging import queries

    found = until(
        f"the record of {customer.user}'s call",
        lambda: queries.cdrs(account=customer.account, limit=200)[: -known or None],
    )
    return found[0]


def calls_of(customer: Customer) -> int:
    """How many records the customer has."""
    from cadran.charging import queries

    return len(queries.cdrs(account=customer.account, limit=200))


def _said(page: str) -> str:
    """What a page says of an error, without its marks."""
    found = re.findall(r'class="[^"]*(?:error|problem)[^"]*"[^>]*>(.*?)</', page, re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>|\s+", " ", text).strip() for text in found)[:200] or "no reason on the page"
