"""How customers of KRYPTOOW arrive: sign-up with an identity document, a telephone proved by a spoken code, credit by a voucher."""

from __future__ import annotations

import time

from cadran.commands.demo import hearing, people, teller, visitor
from cadran.commands.demo import kryptoow_cast as cast
from cadran.units.money import decimal_text

DIGITS = tuple(f"n{digit}" for digit in range(10))
VOUCHER_MICROS = 10_000_000


def sign_up(story: cast.Story) -> None:
    """Two customers register on the site, confirm their address, give their document; staff accepts it."""
    voice = story.voice
    with voice.step("sign-up", "Ana et Ben s'inscrivent.", "Ana and Ben sign up.", needed=True) as step:
        for customer in story.who.values():
            _register(story, customer, step)
            step.saw(f"{customer.user}: {customer.account}")
    with voice.step("phones", "Leurs téléphones sonnent.", "Their telephones can be rung.", needed=True) as step:
        for user, number in cast.NUMBERS.items():
            story.telephone(user, f"+{number}")
            story.reachable(user)
        time.sleep(2.5)  # carriers are read each second
        step.saw(", ".join(f"{user} +{number}" for user, number in cast.NUMBERS.items()))


def _register(story: cast.Story, customer: people.Customer, step: teller.Step) -> None:
    from cadran import settings
    from cadran.party import queries as party
    from cadran.party.documents import operations as documents
    from cadran.party.documents import queries as document_queries

    browser = customer.browser = visitor.Visitor(story.site)
    page = browser.open("/account/signup/")
    form = browser.form(page, having="password1")
    after = browser.send(
        page,
        form,
        **{name: value for name, value in form.ticks.items() if name not in ("binds", "solvent")},
        kind="person",
        first_names=customer.first_names,
        name=customer.name,
        country="FR",
        phone=f"+{cast.NUMBERS[customer.user]}",
        email=customer.email,
        username=customer.user,
        password1=people.PASSWORD,
    )
    step.expect(after.status_code == 200, f"the registration of {customer.user} answers {after.status_code}")
    page = browser.open(visitor.mail_link(story.mailbox, customer.email, "/confirm-email/"))
    browser.send(page, browser.form(page, having="csrfmiddlewaretoken", to="confirm-email"))
    page = browser.open("/account/registration/document/")
    if "/login" in str(page.url):
        browser.send(page, browser.form(page, having="login"), login=customer.user, password=people.PASSWORD)
        page = browser.open("/account/registration/document/")
    given = browser.form(page, having="expires_on")
    picture = cast.paper()
    files = {"front": ("front.jpg", picture), "back": ("back.jpg", picture)}
    sent = browser.send(page, given, files, kind="identity-card", expires_on="2040-01-01")
    found = party.customer_named(customer.user)
    waiting = document_queries.documents_of(customer_id=found.id)
    step.expect(waiting, f"the identity document of {customer.user} was not taken: {sent.status_code} {sent.url}")
    step.expect(not found.active, f"{customer.user} could telephone before the document was seen")
    documents.accept(document_id=waiting[0].document_id, by="demo", at=settings.CIVIL_CLOCK.now())
    found = party.customer_named(customer.user)
    step.expect(found.active, f"{customer.user} is not open: {found.state}")
    customer.account = found.account


def prove(story: cast.Story) -> None:
    """Cadran rings each telephone and speaks a code; the code that was heard is typed on the site."""
    for user, number in cast.NUMBERS.items():
        with story.voice.step(
            f"prove-{user}",
            f"Un code est dit au téléphone de {user.title()}, deux fois.",
            f"A code is spoken to {user.title()}'s telephone, twice.",
            needed=True,
        ) as step:
            customer, phone, ear = story[user], story.telephones[user], story.ears[user]
            phone.do("auto_answer", on=True)
            browser = customer.web
            page = browser.open("/callers/")
            proof = browser.send(page, browser.form(page, having="number"), number=f"+{number}")
            step.expect("/callers/" in str(proof.url), f"no code was asked for: {proof.url}")
            phone.wait("answered", "incoming", timeout=20)
            ear.hears("code-is", "code-again", "goodbye", timeout_s=30)
            code = _code(ear)
            phone.wait("ended", timeout=15)
            done = browser.send(proof, browser.form(proof, having="code"), code=code)
            from cadran.numbering import queries as numbering

            holder = numbering.verified_holder(number, cast.BRAND)
            step.expect(holder == customer.account, f"the code {code} proved nothing: {done.url}")
            step.saw(story.voice.pick(f"entendu deux fois : {code}", f"heard twice: {code}"))


def _code(ear: hearing.Ear) -> str:
    """The digits that were heard, both times the same. Raises StepFailed."""
    heard = [name for _at, name in hearing.found(ear.file, (*DIGITS, "code-again"))]
    if "code-again" not in heard:
        raise teller.StepFailed("the code was not repeated")
    at = heard.index("code-again")
    first, second = ("".join(name[1:] for name in part) for part in (heard[:at], heard[at + 1 :]))
    if first != second or len(first) != 6:
        raise teller.StepFailed(f"the code was heard as {first} and as {second}")
    return first


def vouchers(story: cast.Story) -> None:
    """Staff make a batch and issue it; Ana redeems one on the site, Ben keeps one for later."""
    from cadran import settings
    from cadran.payment.vouchers import operations, rules
    from cadran.payment.vouchers.operations import Hand
    from cadran.policy import queries as policy

    voice, at = story.voice, settings.CIVIL_CLOCK.now()
    with voice.step("voucher", "Ana saisit le code d'un ticket.", "Ana redeems a voucher.", needed=True) as step:
        one, other = Hand(user_id=1, name="anne"), Hand(user_id=2, name="bruno")
        wish = rules.Wish(series="DEM", face_micros=VOUCHER_MICROS, count=3)
        batch = operations.draft(
            brand=cast.BRAND,
            currency="EUR",
            terms=policy.terms_in_force(cast.BRAND, at),
            wish=wish,
            reason="demo",
            by=one,
            at=at,
        )
        operations.approved(batch_id=batch.batch_id, at=at)
        while operations.make(at=at, batch_id=batch.batch_id):
            pass
        printed = operations.read_sheets(batch_id=batch.batch_id)
        operations.take_sheets(batch_id=batch.batch_id, form="pdf", by=one, at=at)
        operations.issue(
            batch_id=batch.batch_id,
            first=1,
            last=3,
            alone_micros=0,
            reason="demo",
            key="demo/issue",
            by=other,
            at=at,
        )
        story.vouchers = [code for _serial, code in printed.codes]
        ana = story[cast.ANA]
        page = ana.web.open("/topup/voucher/")
        wrong = ana.web.send(page, ana.web.form(page, having="code"), code="1234567890123452")
        step.expect(wrong.status_code in (422, 429), f"a made-up code answers {wrong.status_code}")
        page = ana.web.open("/topup/voucher/")
        ana.web.send(page, ana.web.form(page, having="code"), code=story.vouchers.pop())
        found = people.until("the credit", lambda: (b := people.balance(ana)).micros and b, timeout_s=15)
        step.expect(found.micros == VOUCHER_MICROS, f"the credit is {decimal_text(found.micros)}")
        story.bought[cast.ANA] = found.micros
        step.saw(
            f"{decimal_text(found.micros)} {found.currency}; {voice.pick('un faux refusé', 'a false one refused')}"
        )
