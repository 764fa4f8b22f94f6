"""The faces, brand IPPI: a customer registers, buys credit and watches a call in Chromium, reads why it cost what it did; staff see
the same in the back office; and what happened is proved."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Any

from cadran.commands.demo import browser as browsers
from cadran.commands.demo import people, phones, staging, teller, visitor
from cadran.units.money import decimal_text

NOTHING: dict[str, object] = {"ledger_sums": {}, "evidence_ok": False, "screenshots": []}
NORA = "nora"
LANDLINE = "01 42 00 00 01"
TOP_UP_MICROS = 10_000_000
OPEN_CALL_S = 3.2


def tell(stage: staging.Stage, voice: teller.Teller) -> dict[str, object]:
    """Play the story; returns the facts beside its steps. Pictures stay in var/demo."""
    from cadran import settings

    home = Path(os.environ["CADRAN_VAR"]) if stage.given else settings.PROJECT / "var"
    mailbox = f"http://{settings.HOST}:{settings.SANDBOX_MAIL_PORT}"
    allowed = (settings.PUBLIC_URL, mailbox, settings.CARD_API_BASE)
    customer = people.Customer(NORA, "Nora", "Lefèvre")
    with browsers.opened(home / "demo", allowed=allowed) as chromium:
        story = Story(stage, voice, chromium, customer, settings.PUBLIC_URL, mailbox)
        try:
            story.play()
        finally:
            if customer.phone:
                customer.phone.leave()
        with voice.step("clean", "Aucune erreur ni requête vers ailleurs.", "No error, no request elsewhere.") as step:
            step.expect(not chromium.faults, "; ".join(chromium.faults[:5]))
            step.saw(f"{len(chromium.taken)} {voice.pick('images dans', 'pictures in')} {chromium.pictures}")
        return story.facts()


class Story:
    """What the acts share."""

    def __init__(
        self,
        stage: staging.Stage,
        voice: teller.Teller,
        chromium: browsers.Browser,
        nora: people.Customer,
        site: str,
        mailbox: str,
    ) -> None:
        self.stage, self.voice, self.chromium, self.nora = stage, voice, chromium, nora
        self.site, self.mailbox = site, mailbox
        self.page: Any = None
        self.evidence_ok = False

    def play(self) -> None:
        voice = self.voice
        with voice.step(
            "register", "Nora s'inscrit, sur son téléphone.", "Nora registers, on her phone.", needed=True
        ) as step:
            self.register(step)
        with voice.step("top-up", "Elle achète 10 EUR par carte.", "She buys EUR 10 by card.", needed=True) as step:
            self.top_up(step)
        with voice.step("live", "Elle appelle et voit l'appel en cours.", "She calls and watches the call.") as step:
            self.call(step)
        with voice.step("why", "Pourquoi cet appel a coûté cela.", "Why that call cost what it did.") as step:
            self.why(step)
        with voice.step(
            "english", "Le même espace en anglais, clair et sombre.", "The same in English, light and dark."
        ) as step:
            self.english(step)
        with voice.step("receipt", "Le reçu en PDF.", "The receipt in PDF.") as step:
            self.receipt(step)
        with voice.step(
            "office", "Le back-office voit tout, avec deux facteurs.", "The back office sees it all."
        ) as step:
            self.office(step)
        with voice.step("evidence", "Ce qui s'est passé est prouvé.", "What happened is proved.") as step:
            self.evidence(step)
        with voice.step("ledger", "Les livres s'équilibrent.", "The books balance.") as step:
            sums = self.sums()
            step.expect(sums and not any(sums.values()), f"the ledger sums to {sums}")
            step.saw(str(sums))

    def register(self, step: teller.Step) -> None:
        from cadran.party import queries as party

        page = self.page = self.chromium.visitor(phone=True)
        page.goto(self.site)
        self.chromium.all_sizes(page, "home")
        page.set_viewport_size(browsers.PHONE)
        page.goto(f"{self.site}/account/signup/")
        for name, value in (
            ("first_names", self.nora.first_names),
            ("name", self.nora.name),
            ("email", self.nora.email),
            ("username", NORA),
            ("password1", people.PASSWORD),
        ):
            page.locator(f"[name={name}]").fill(value)
        for box in page.locator("main form input[type=checkbox]").all():
            if box.is_visible():  # what is asked of companies alone is not
                box.check()
        self.nora.sip_password = page.locator("[name=sip_password]").input_value()
        self.chromium.all_sizes(page, "registration")
        page.locator("main form:has([name=password1]) .button:not([name=propose])").last.click()
        page.wait_for_load_state()
        self.chromium.picture(page, "mail-sent-phone")
        step.expect(party.sip_user(NORA), f"the registration leads to {page.url}")
        page.goto(visitor.mail_link(self.mailbox, self.nora.email, "/confirm-email/"))
        page.locator("main form button").first.click()
        page.wait_for_url(re.compile(r"/dashboard/|/account/"))
        found = party.sip_user(NORA)
        step.expect(found is not None and found.active, "the account is not open after the mail's link")
        assert found
        self.nora.account = found.account
        page.goto(f"{self.site}/dashboard/")
        self.chromium.all_sizes(page, "dashboard-new")
        page.set_viewport_size(browsers.PHONE)
        step.saw(found.account)

    def top_up(self, step: teller.Step) -> None:
        page = self.page
        page.goto(f"{self.site}/topup/")
        self.chromium.picture(page, "topup-phone")
        page.locator(f"button[name=amount][value='{TOP_UP_MICROS}']").click()
        page.wait_for_url(re.compile("/pay/"))
        self.chromium.picture(page, "card-page-phone")
        page.locator("[name=card]").fill(people.CARD_OK)
        page.locator("button.pay").click()
        page.wait_for_url(re.compile("/topup/"))
        self.chromium.picture(page, "paid-phone")
        found = people.until("the credit", lambda: (b := people.balance(self.nora)).micros and b, timeout_s=20)
        step.expect(found.micros == TOP_UP_MICROS, f"the credit is {decimal_text(found.micros)}")
        page.goto(f"{self.site}/dashboard/")
        step.expect("10,00" in page.locator(".credit .amount").inner_text(), "the dashboard does not show 10,00 €")
        step.saw(decimal_text(found.micros))

    def call(self, step: teller.Step) -> None:
        from cadran import settings

        phone = self.nora.phone = phones.Phone(NORA, self.nora.sip_password, f"{settings.SIP_HOST}:{settings.SIP_PORT}")
        phone.register()
        page = self.page
        page.goto(f"{self.site}/sip/")
        self.chromium.all_sizes(page, "devices")
        phone.call(LANDLINE, "live")
        phone.wait("answered", call="live")
        page.goto(f"{self.site}/dashboard/")
        page.locator(".ongoing li").first.wait_for()
        time.sleep(OPEN_CALL_S)
        self.chromium.all_sizes(page, "dashboard-live")
        shown = page.locator(".ongoing li").first.inner_text()
        phone.do("hangup", call="live")
        phone.wait("ended", call="live")
        record = people.newest_call(self.nora, known=0)
        step.expect(record.charge_micros > 0, "the call cost nothing")
        step.saw(" ".join(shown.split())[:80])
        step.saw(f"{record.charged_s} s, {decimal_text(record.charge_micros)}")

    def why(self, step: teller.Step) -> None:
        page = self.page
        page.goto(f"{self.site}/calls/")
        self.chromium.all_sizes(page, "calls")
        record = people.newest_call(self.nora, known=0)
        page.goto(f"{self.site}/calls/{record.cdr_id}/")
        self.chromium.all_sizes(page, "why-fr")
        text = page.locator("main").inner_text()
        for word in ("IPP-10.1-per-second", "2018-04"):
            step.expect(word in text, f"the page does not name {word}")
        step.saw("IPP-10.1-per-second, ippi/2018-04")

    def english(self, step: teller.Step) -> None:
        page = self.page
        page.locator("footer button[value=en]").click()
        page.wait_for_load_state()
        record = people.newest_call(self.nora, known=0)
        step.expect(page.locator("html").get_attribute("lang") == "en", "the page is not English")
        for name, path in (
            ("why-en", f"/calls/{record.cdr_id}/"),
            ("dashboard-en", "/dashboard/"),
            ("payments-en", "/payments/"),
            ("account-en", "/account/"),
            ("terms-en", "/terms/"),
            ("prices-en", "/prices/"),
        ):
            page.goto(f"{self.site}{path}")
            self.chromium.all_sizes(page, name)
        page.emulate_media(color_scheme="dark")
        for name, path in (("dashboard-dark", "/dashboard/"), ("why-dark", f"/calls/{record.cdr_id}/")):
            page.goto(f"{self.site}{path}")
            self.chromium.all_sizes(page, name)
        page.emulate_media(color_scheme="light")
        step.saw(self.voice.pick("huit pages, deux largeurs", "eight pages, two widths"))

    def receipt(self, step: teller.Step) -> None:
        from cadran.invoicing import queries as invoicing

        found = people.until("the receipt", lambda: invoicing.receipts(account=self.nora.account), timeout_s=20)
        self.page.goto(f"{self.site}/payments/")
        link = self.page.locator("a[href*='.pdf'], a[href*='receipt']").first.get_attribute("href")
        answer = self.page.context.request.get(f"{self.site}{link}")
        step.expect(answer.ok and answer.body()[:5] == b"%PDF-", f"{link} answers {answer.status}")
        step.saw(f"{found[0].number}, {len(answer.body()) // 1024} kB")

    def office(self, step: teller.Step) -> None:
        from cadran import settings
        from cadran.commands import demo_staff

        members = {one.role: one for one in demo_staff.seed(settings.VAR)}
        admin = members["admin"]
        page = self.chromium.visitor()
        page.goto(f"{self.site}/office/")
        page.locator("[name=login]").fill(admin.user)
        page.locator("[name=password]").fill(admin.password)
        page.locator("main form:has([name=password]) button").last.click()
        page.locator("[name=code]").fill(demo_staff.code_now(settings.VAR, admin.user))
        page.locator("main form:has([name=code]) button").first.click()
        page.wait_for_url("**/office/")
        step.expect(page.url.rstrip("/").endswith("/office"), f"staff land on {page.url}")
        self.chromium.all_sizes(page, "office-start")
        page.goto(f"{self.site}/office/customers/{self.nora.account}/")
        step.expect(self.nora.name in page.locator("main").inner_text(), "the customer's page does not name her")
        self.chromium.all_sizes(page, "office-customer")
        step.saw(admin.user)

    def evidence(self, step: teller.Step) -> None:
        time.sleep(2)  # a seal a second, and its witness
        told = people.cadran("evidence", "verify")
        self.evidence_ok = bool(told["ok"])
        step.expect(self.evidence_ok, str(told)[:300])
        step.saw(", ".join(f"{key}: {value}" for key, value in told.items() if isinstance(value, int)))

    def sums(self) -> dict[str, int]:
        from cadran.ledger import queries

        return dict(queries.sums())

    def facts(self) -> dict[str, object]:
        return {
            "ledger_sums": self.sums(),
            "evidence_ok": self.evidence_ok,
            "screenshots": list(self.chromium.taken),
        }
