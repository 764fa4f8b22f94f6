from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from web_forms import link, posted

from cadran.compliance import operations, queries, rules
from cadran.party import queries as party
from cadran.policy import queries as policy
from cadran.policy.models import Event

pytestmark = pytest.mark.django_db(databases="__all__")
RIGHT, OTHER = "vent-du-large-29", "un-autre-mot-7"
AT = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
Lost = rules.Lost


def fill(browser: Client, **changes: object) -> dict[str, object]:
    page = browser.get("/account/report/").content.decode()
    found = re.search(r'name="key" value="([^"]+)"', page)
    assert found
    return {"kind": "lost-codes", "lost": ["site"], "text": "", "key": found[1], **changes}


def outside(browser: Client, **changes: object) -> str:
    wish = fill(browser, user_name="claire", email="claire@example.org", **changes)
    return browser.post("/account/report/", wish).content.decode()


def number_in(page: str) -> str:
    found = re.search(r"[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}", page)
    assert found, page
    return found[0]


def signed_in(password: str) -> bool:
    browser = Client()
    browser.post("/account/login/", {"login": "claire", "password": password})
    return browser.get("/dashboard/").status_code == 200


def sip_active() -> bool:
    user = party.sip_user("claire")
    assert user is not None
    return user.active


@pytest.mark.clause("IPP-5.3-codes")
def test_lost_sip_codes_block_the_sip_user_alone_and_give_a_tracking_number(claire: Client) -> None:
    page = claire.post("/account/report/", fill(claire, lost=["sip"])).content.decode()
    case = queries.case(number_in(page))
    assert case.blocked == ("sip",)
    assert case.clause == "IPP-5.3-codes"
    assert case.due_at - case.opened_at == timedelta(days=2)
    assert not sip_active()
    assert claire.get("/dashboard/").status_code == 200
    assert Event.objects.get(kind="compliance.case-opened").body["number"] == case.number
    claire.post("/sip/", {"username": "claire", "sip_password": "new9-code-for-phones"})
    assert sip_active()


@pytest.mark.clause("IPP-5.3-codes", "KRY-4.2.2-session-safety", "KRY-4.2.1-account")
def test_a_lost_site_password_locks_the_sign_in_until_a_link_by_mail_brings_a_new_one(claire: Client) -> None:
    elsewhere = Client()
    elsewhere.post("/account/login/", {"login": "claire", "password": RIGHT})
    page = claire.post("/account/report/", fill(claire)).content.decode()
    number = number_in(page)
    assert claire.get("/dashboard/").status_code == 302
    assert elsewhere.get("/dashboard/").status_code == 302
    assert not signed_in(RIGHT)
    assert sip_active()
    browser = Client(HTTP_ACCEPT_LANGUAGE="fr")
    browser.post("/account/password/reset/", {"email": "claire@example.org"})
    form = browser.get(link(posted()[-1].body), follow=True)
    browser.post(form.redirect_chain[-1][0], {"password1": OTHER, "password2": OTHER})
    cache.clear()
    assert not signed_in(RIGHT)
    assert signed_in(OTHER)
    followed = Client(HTTP_ACCEPT_LANGUAGE="fr").post("/account/cases/follow/", {"number": number.lower()})
    assert "ouvert" in followed.content.decode()


@pytest.mark.clause("KRY-4.2.2-session-safety")
def test_abuse_locks_everything_and_opens_a_case(claire: Client) -> None:
    page = claire.post(
        "/account/report/", fill(claire, kind="abuse", lost=[], text="Des appels de nuit.")
    ).content.decode()
    case = queries.case(number_in(page))
    assert (case.kind, case.state) == (rules.Kind.ABUSE, rules.State.OPEN)
    assert set(case.blocked) == {"site", "sip", "factor"}
    assert not sip_active()
    assert not signed_in(RIGHT)
    assert [entry.text for entry in queries.entries(case.number)] == ["Des appels de nuit."]


@pytest.mark.clause("IPP-5.3-codes")
def test_somebody_outside_who_knows_name_and_address_blocks_at_once(claire: Client) -> None:
    stranger = Client(HTTP_ACCEPT_LANGUAGE="fr")
    case = queries.case(number_in(outside(stranger, lost=["site", "sip"])))
    assert case.account == party.customer_named("claire").account
    assert not sip_active()
    assert not signed_in(RIGHT)


@pytest.mark.parametrize(
    "wrong",
    [
        {"email": "other@example.org"},
        {"user_name": "nobody"},
        {"user_name": "claire@example.org"},
        {"user_name": "nobody", "email": "nobody@example.org"},
    ],
)
def test_a_report_that_names_no_account_gets_the_same_page_and_blocks_nothing(
    claire: Client, wrong: dict[str, str]
) -> None:
    stranger = Client(HTTP_ACCEPT_LANGUAGE="fr", REMOTE_ADDR="192.0.2.7")
    page = stranger.post("/account/report/", fill(stranger, user_name="claire", email="claire@example.org") | wrong)
    assert sip_active()
    assert signed_in(RIGHT)
    other = Client(HTTP_ACCEPT_LANGUAGE="fr", REMOTE_ADDR="192.0.2.8")
    pages = [page.content.decode(), outside(other)]
    assert not signed_in(RIGHT)
    hidden = r'name="csrfmiddlewaretoken" value="\w+"|[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}|\d\d:\d\d'
    assert len({re.sub(hidden, "", text) for text in pages}) == 1


@pytest.mark.clause("IPP-5.3-codes")
def test_an_outsider_blocks_once_in_24_hours_so_that_nobody_keeps_a_customer_locked_out(claire: Client) -> None:
    assert policy.terms("ippi/2018-04").integer("report.outside_pause_hours") == 24
    queries.case(number_in(outside(Client(HTTP_ACCEPT_LANGUAGE="fr"))))
    browser = Client()
    browser.post("/account/password/reset/", {"email": "claire@example.org"})
    form = browser.get(link(posted()[-1].body), follow=True)
    browser.post(form.redirect_chain[-1][0], {"password1": OTHER, "password2": OTHER})
    again = queries.case(number_in(outside(Client(HTTP_ACCEPT_LANGUAGE="fr"))))
    assert again.blocked == ()
    cache.clear()
    assert signed_in(OTHER)


@pytest.mark.clause("KRY-4.2.2-session-safety", "IPP-5.3-codes")
@pytest.mark.parametrize("brand", ["ippi", "kryptoow", "izikall"])
def test_reports_are_answered_within_two_days_in_every_brand_that_promises_it(db: None, brand: str) -> None:
    case = operations.open_case(key="k", kind=rules.Kind.ABUSE, account="", brand=brand, text="", at=AT)
    assert case.due_at == datetime(2026, 3, 3, 10, 0, tzinfo=UTC)
    terms = policy.terms_in_force(brand, AT)
    assert terms.integer("report.outside_pause_hours") == 24


def test_six_reports_an_hour_from_one_address_and_no_more(claire: Client) -> None:
    stranger = Client(HTTP_ACCEPT_LANGUAGE="fr", REMOTE_ADDR="198.51.100.3")
    wish = fill(stranger, user_name="nobody", email="nobody@example.org")
    answers = [stranger.post("/account/report/", wish | {"key": f"k{n}"}).status_code for n in range(7)]
    assert answers == [200] * 6 + [429]


def test_tracking_numbers_cannot_be_tried_one_after_the_other(claire: Client) -> None:
    stranger = Client(HTTP_ACCEPT_LANGUAGE="fr")
    answers = [
        stranger.post("/account/cases/follow/", {"number": f"AAAA-BBBB-CC{n:02}"}).status_code for n in range(21)
    ]
    assert answers[-1] == 429
    assert set(answers[:-1]) == {200}


def test_the_same_form_sent_twice_opens_one_case(claire: Client) -> None:
    stranger = Client(HTTP_ACCEPT_LANGUAGE="fr")
    wish = fill(stranger, user_name="nobody", email="nobody@example.org")
    numbers = {number_in(stranger.post("/account/report/", wish).content.decode()) for _ in range(2)}
    assert len(numbers) == 1


def test_another_customers_case_is_not_found_and_following_it_shows_nothing_said(
    claire: Client, sign_up: Callable[..., str]
) -> None:
    wish = {"kind": "billing", "text": "Mon secret", "key": "one"}
    path = claire.post("/account/cases/", wish).headers["Location"]
    assert "Mon secret" in claire.get(path).content.decode()
    zoe = Client()
    zoe.post(sign_up(zoe, username="zoe", email="zoe@example.org"))
    assert zoe.get(path).status_code == 404
    assert zoe.post(path, {"text": "x"}).status_code == 404
    followed = zoe.post("/account/cases/follow/", {"number": path.split("/")[-2]}).content.decode()
    assert "Mon secret" not in followed
    kryptoow = Client(HTTP_HOST="kryptoow.localhost", HTTP_ACCEPT_LANGUAGE="fr")
    elsewhere = kryptoow.post("/account/cases/follow/", {"number": path.split("/")[-2]}).content.decode()
    assert "Aucun dossier" in elsewhere


def test_a_case_goes_from_open_to_answered_to_open_to_closed_and_is_never_rewritten(claire: Client) -> None:
    account = party.customer_named("claire").account
    case = operations.open_case(
        key="k", kind=rules.Kind.BILLING, account=account, brand="ippi", text="Pourquoi ?", at=AT
    )
    answered = operations.answer(number=case.number, text="<b>Voici.</b>", by="sam", at=AT + timedelta(hours=1))
    assert answered.state is rules.State.ANSWERED
    page = claire.get(f"/account/cases/{case.number}/").content.decode()
    assert "&lt;b&gt;Voici." in page
    assert "sam" not in page
    claire.post(f"/account/cases/{case.number}/", {"text": "Encore une question"})
    assert queries.case(case.number).state is rules.State.OPEN
    operations.close(number=case.number, by="sam", at=AT + timedelta(days=1))
    assert operations.close(number=case.number, by="sam", at=AT + timedelta(days=2)).closed_at == AT + timedelta(days=1)
    with pytest.raises(rules.InvalidCase):
        operations.write(number=case.number, account=account, text="Trop tard", at=AT)
    from django.db import DatabaseError

    from cadran.compliance import models

    with pytest.raises(DatabaseError, match="stays"):
        models.CaseEntry.objects.update(text="altered")


@pytest.mark.parametrize(
    ("at", "months", "due"),
    [
        (datetime(2026, 1, 31, 12, tzinfo=UTC), 1, datetime(2026, 2, 28, 12, tzinfo=UTC)),
        (datetime(2026, 3, 15, 12, tzinfo=UTC), 1, datetime(2026, 4, 15, 11, tzinfo=UTC)),  # summer time began
        (datetime(2026, 12, 31, 22, 59, tzinfo=UTC), 1, datetime(2027, 1, 31, 22, 59, tzinfo=UTC)),
    ],
)
def test_a_month_is_a_civil_month(at: datetime, months: int, due: datetime) -> None:
    assert rules.after_months(at, months, "Europe/Paris", "X").due_at == due


def test_requests_about_ones_data_are_answered_within_the_laws_month(db: None) -> None:
    case = operations.open_case(key="k", kind=rules.Kind.DATA_ACCESS, account="", brand="ippi", text="", at=AT)
    assert case.due_at == datetime(2026, 4, 1, 9, 0, tzinfo=UTC)
    assert queries.cases(state=rules.State.OPEN, due_before=case.due_at) == ()
    assert queries.cases(state=rules.State.OPEN, due_before=case.due_at + timedelta(seconds=1)) == (case,)
    assert [case.late(case.due_at - timedelta(seconds=1)), case.late(case.due_at)] == [False, True]


@pytest.mark.parametrize("typed", ["", "x", "4K7M-92QX-H3W", "4K7M-92QX-H3W0", "' OR 1=1 --", "é" * 50])
def test_what_is_no_tracking_number_is_refused(typed: str) -> None:
    with pytest.raises(rules.InvalidCase):
        rules.checked_number(typed)


@pytest.mark.parametrize("typed", ["4K7M-92QX-H3WD", " 4k7m 92qx h3wd ", "4k7m92qxh3wd"])
def test_a_tracking_number_is_read_however_it_is_typed(typed: str) -> None:
    assert rules.checked_number(typed) == "4K7M-92QX-H3WD"


@pytest.mark.clause("KRY-4.2.2-session-safety")
def test_keys_of_programs_stop_with_the_sign_in_and_work_again_with_the_new_password(claire: Client) -> None:
    from cadran.party.keys import operations as key_operations
    from cadran.party.keys import queries as keys

    account, at = party.customer_named("claire").account, datetime.now(UTC)
    made = key_operations.make_customer_key(
        account=account, label="shop", scopes=["read:account"], made_by="claire", at=at
    )
    keys.holder(made.text, at=at)
    claire.post("/account/report/", fill(claire, kind="abuse", lost=[]))
    with pytest.raises(keys.OwnerNotActive):
        keys.holder(made.text, at=at)
    from cadran.party import operations as party_operations

    party_operations.set_password(user_id=party.customer_named("claire").user_id, password=OTHER, at=at)
    assert keys.holder(made.text, at=at).key.account == account
