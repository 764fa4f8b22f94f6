"""The main job on a whole installation, through its faces alone: site, card page, SIP phones and command line."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from acceptance.acceptance_phone import Phone
from stack import stack_rig

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stack_rig.Installation]:
    with stack_rig.running(tmp_path_factory.mktemp("house") / "var") as one:
        yield one


class Customer:
    """A customer with credit, a phone and a browser."""

    def __init__(self, house: stack_rig.Installation, name: str, credit: str = "") -> None:
        self.house, self.name = house, name
        who = ("--user-name", name, "--email", f"{name}@example.org", "--first-names", "A", "--name", "B")
        self.codes: dict[str, str] = house.json("customer", "create", *who, "--accepted")[0]
        if credit:
            house.cadran("credit", "grant", name, credit, "--reason", "test", "--by", "acceptance")

    def phone(self) -> Phone:
        server = f"127.0.0.1:{self.house.base + 60}"
        return Phone(user=self.name, password=self.codes["sip_password"], server=server, var=self.house.var)

    def balance(self) -> dict[str, Any]:
        found: dict[str, Any] = self.house.json("credit", "show", self.name)
        return found


class Browser:
    """Signed in on the site, as a customer without JavaScript."""

    def __init__(self, customer: Customer) -> None:
        self.site = customer.house.site
        self._client = httpx.Client(base_url=self.site, follow_redirects=True, timeout=30)
        self.send("/account/login/", login=customer.name, password=customer.codes["password"])

    def send(self, page: str, **fields: str) -> httpx.Response:
        hidden = dict(re.findall(r'name="(csrfmiddlewaretoken|key)" value="([^"]*)"', self._client.get(page).text))
        return self._client.post(page, data=hidden | fields, headers={"referer": self.site})

    def order(self, euros: int) -> httpx.Response:
        return self.send("/topup/", amount=str(euros * 1_000_000))

    def pay(self, at_provider: httpx.Response) -> httpx.Response:
        card = {"card": "4242 4242 4242 4242", "exp": "12/34", "cvc": "123", "action": "pay"}
        return self._client.post(str(at_provider.url), data=card)


def test_thirty_calls_at_once_get_as_many_first_grants_as_the_credit_holds(house: stack_rig.Installation) -> None:
    # EUR 0.12 a minute (+4479111): ten seconds cost 0.02, so that 0.1399 hold six first grants.
    assert "0.12 EUR a minute" in house.cadran("deck", "find", "+447911123456")
    thirty = Customer(house, "thirty", "0.1399")
    with thirty.phone() as phone:
        for number in range(30):
            phone.do("call", to="+447911123456", call=f"k{number}")
        ended = [phone.wait("ended", call=f"k{number}", timeout_s=40) for number in range(30)]
    assert sorted(one["code"] for one in ended) == [200] * 6 + [402] * 24
    talked = [one for one in ended if one["code"] == 200]
    # The last one may use what the others left: 19,900 micros buy nine seconds more.
    assert all(one["by"] == "them" and 9 < one["seconds"] < 21 for one in talked)
    balance = thirty.balance()
    assert (0 <= balance["balance_micros"] < 2_000, balance["held_micros"]) == (True, 0)
    assert house.json("ledger", "check") == {"ok": True, "sums": {"EUR": 0}, "faults": []}


@pytest.mark.parametrize("process", ["charging", "sip", "media"])
def test_a_call_in_which_a_process_is_killed_is_charged_once_and_for_no_more_than_it_lasted(
    house: stack_rig.Installation, process: str
) -> None:
    caller = Customer(house, f"killed-{process}", "1")
    with caller.phone() as phone:
        began = time.monotonic()
        assert phone.call("0142000001", key="x")["event"] == "answered"
        phone.do("wait", seconds=3)
        phone.wait("waited")
        os.kill(house.processes()[process]["pid"], signal.SIGKILL)
        if process == "charging":  # the call goes on without it
            phone.do("wait", seconds=2)
            phone.wait_until(lambda one: [e["event"] for e in phone.events].count("waited") == 2)
            phone.do("hangup", call="x")
        phone.wait("ended", call="x", timeout_s=20)
        lasted = time.monotonic() - began
        stack_rig.until(lambda: caller.balance()["held_micros"] == 0, "the call is settled", timeout_s=30)
        charged = 1_000_000 - caller.balance()["balance_micros"]
        assert charged % 200 == 0
        assert 0 < charged // 200 <= lasted + 1
        stack_rig.until(
            lambda: phone.call("0142000001", key=f"y{time.monotonic_ns()}")["event"] == "answered", "calls go on"
        )
    assert house.json("ledger", "check")["ok"]


def test_beyond_100_euros_a_month_by_card_an_order_waits_for_its_transfer(house: stack_rig.Installation) -> None:
    customer = Customer(house, "buyer")
    browser = Browser(customer)
    one, other = browser.order(100), browser.order(100)  # two card pages open: one alone can be paid
    for page in (one, other):
        browser.pay(page)
    stack_rig.until(lambda: customer.balance()["balance_micros"] == 100_000_000, "EUR 100 are credited")
    waiting = browser.order(10)
    assert waiting.url.path.startswith("/topup/pay_")
    reference = re.search(r"RF\d{12}", waiting.text)
    assert reference
    receipt = ("payment", "receive", reference[0], "10", "--bank-reference", "b1", "--by", "acceptance")
    for _ in range(2):
        house.cadran(*receipt)
    stack_rig.until(lambda: customer.balance()["balance_micros"] == 110_000_000, "the transfer is credited")
    for amount in (0, -10, 33, 10**9):
        assert browser.order(amount).status_code == 422
    assert customer.balance()["balance_micros"] == 110_000_000


def test_a_new_month_of_paris_opens_the_card_again(house: stack_rig.Installation) -> None:
    customer = Customer(house, "monthly")
    browser = Browser(customer)
    browser.pay(browser.order(100))
    assert browser.order(10).url.path.startswith("/topup/pay_")
    now = house.json("clock", "show")["now"]
    year, month = int(now[:4]), int(now[5:7])
    following = f"{year + month // 12}-{month % 12 + 1:02}-01T00:00:00"
    offset = "+02:00" if 4 <= month % 12 + 1 <= 10 else "+01:00"
    house.cadran("clock", "set", f"{following}{offset}")
    assert browser.order(10).url.path.startswith("/pay/")
