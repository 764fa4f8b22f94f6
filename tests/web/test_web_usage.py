"""What a customer sees of credit and calls, and what nobody sees of another's: dashboard, call list, file, statement, why."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from django.conf import settings
from django.test import Client
from usage_rig import AT, LANDLINE, MOBILE, Till

from cadran.balance import lines as credit_lines
from cadran.balance import queries as balance
from cadran.charging import queries as charging
from cadran.charging import usage
from cadran.numbering import favourites
from cadran.party import queries as party
from cadran.policy import queries as policy
from cadran.voice import models as voice
from cadran.web import places

pytestmark = pytest.mark.django_db(databases="__all__")
SCRIPT = '"><script>alert(1)</script>'


def text(page: Client, path: str, language: str = "fr") -> str:
    """A page as people read it: tags away, spaces plain."""
    answer = page.get(path, headers={"Accept-Language": language})
    assert answer.status_code == 200, (path, answer.status_code)
    body = re.sub(r"<(script|style).*?</\1>", "", answer.content.decode(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body)))


@pytest.fixture
def till(claire: Client, monkeypatch: pytest.MonkeyPatch) -> Till:
    """Claire's credit and calls, on 2 March 2026, which is today for the pages."""

    class Today:
        def now(self) -> datetime:
            return AT + timedelta(hours=6)

    monkeypatch.setattr(settings, "CIVIL_CLOCK", Today())
    return Till(party.customer_named("claire").account)


@pytest.fixture
def zoe(sign_up: object, till: Till) -> tuple[Client, Till]:
    """Another customer with a call and a purchase of her own."""
    browser = Client(HTTP_ACCEPT_LANGUAGE="fr")
    browser.post(sign_up(browser, username="zoe", email="zoe@example.org"))  # type: ignore[operator]
    other = Till(party.customer_named("zoe").account)
    other.buy("zoe1", 10_000_000)
    other.call()
    return browser, other


@pytest.mark.clause("IPP-10.1-consumption", "IPP-1d-dashboard")
def test_the_dashboard_shows_balance_paid_and_free_calls_minutes_callees_and_time_left(
    claire: Client, till: Till
) -> None:
    till.buy("one", 10_000_000)
    till.call(61)  # 0.122 to a mobile
    till.call(600, destination="bob@example.org", number_class="open_sip")
    till.call(30, destination="870773000000", number_class="satellite")
    page = text(claire, "/dashboard/")
    assert "9,87 €" in page  # 10 - 0.122, rounded down
    assert re.search(r"Payants 1 Gratuits 1 Durée 11 min Dépensé 0,122 €", page)
    assert "bob@example.org" in page
    assert "+33 6 12 34 56 78" in page
    assert "sur 10 € du 2 mars" in page
    english = text(claire, "/dashboard/", "en")
    assert re.search(r"Paid 1 Free 1 Duration 11 min Spent €0.12", english)


@pytest.mark.clause("IPP-10.1-consumption")
def test_the_time_left_is_what_the_credit_pays_for_at_the_price_of_the_day(
    claire: Client, till: Till, decks: None
) -> None:
    till.buy("one", 1_000_000)
    page = text(claire, "/dashboard/?to=%2B33612345678")
    assert re.search(r"\+33 6 12 34 56 78 France mobile · 0,12 € / min 8 min", page)  # 1 / 0.12 = 8.33 minutes
    assert claire.post("/dashboard/favourites/", {"number": "33612345678"}).status_code == 302
    assert favourites.kept(till.account) == ("33612345678",)
    assert "Retirer" in text(claire, "/dashboard/")
    claire.post("/dashboard/favourites/", {"number": "33612345678", "keep": "no"})
    assert favourites.kept(till.account) == ()
    for number in ("", "abc", SCRIPT, "9" * 40):
        assert claire.post("/dashboard/favourites/", {"number": number}).status_code == 302
    assert favourites.kept(till.account) == ()


def test_a_ninth_number_is_not_kept(claire: Client, till: Till) -> None:
    for last in range(9):
        claire.post("/dashboard/favourites/", {"number": f"3361234567{last}"})
    assert len(favourites.kept(till.account)) == 8
    assert "huit numéros" in text(claire, "/dashboard/")


@pytest.mark.clause("IPP-10.1-consumption")
def test_a_call_in_progress_costs_so_far_what_it_would_cost_if_it_ended_now(claire: Client, till: Till) -> None:
    till.buy("one", 10_000_000)
    session = till.open()
    assert "sonne" in text(claire, "/dashboard/live/")
    voice.Dialog.objects.create(session=session, body={}, used_ms=60_001)
    page = text(claire, "/dashboard/live/")
    assert "1 min 01 s comptées" in page
    assert "0,122 €" in page
    (live,) = usage.live(account=till.account, measured_ms={session: 60_001})
    till.calls.settle(settle(session, 60_001))
    ended = charging.of_session(session)
    assert ended is not None
    assert (live.micros, live.seconds) == (ended.charge_micros, ended.charged_s) == (122_000, 61)
    assert "en cours" not in text(claire, "/dashboard/live/")


def settle(session: str, measured_ms: int) -> object:
    from cadran.charging.ports import SettleCall

    return SettleCall(session=session, at=AT + timedelta(hours=1), answered_at=AT, measured_ms=measured_ms)


@pytest.mark.clause("IPP-10.1-consumption")
def test_calls_are_filtered_by_month_direction_outcome_and_number(claire: Client, till: Till) -> None:
    till.buy("one", 10_000_000)
    till.call()
    till.call(destination=LANDLINE, number_class="geographic")
    till.call(20, destination="33142000042", number_class="geographic", direction="inbound", caller="442079460000")
    till.call(0, destination="118218", number_class="special")
    till.call(0, answered=False)

    def shown(query: str) -> list[str]:
        return re.findall(r"<span class=\"who num\">(.*?)</span>", claire.get(f"/calls/?{query}").content.decode())

    mobile, landline, caller = "+33 6 12 34 56 78", "+33 1 42 00 00 01", "+44 20 7946 0000"
    assert len(shown("")) == 5
    assert shown("outcome=paid") == [landline, mobile]
    assert shown("outcome=free") == [caller]
    assert shown("direction=inbound") == [caller]
    assert shown("outcome=refused") == ["118218"]
    assert shown("outcome=missed") == [mobile]
    assert shown("number=06+12+34") == [mobile, mobile]
    assert shown("number=%2B44") == [caller]
    assert shown("month=2026-03&outcome=paid") == [landline, mobile]
    assert shown("month=2026-02") == shown("month=2026-02") != []  # a month before the account: no filter at all
    assert shown("outcome=paid&direction=inbound") == []
    assert "Aucun appel ne répond" in text(claire, "/calls/?outcome=paid&direction=inbound")


def test_a_corrected_call_counts_as_corrected_in_list_totals_and_why(claire: Client, till: Till) -> None:
    till.buy("one", 10_000_000)
    record = till.call()
    further = till.correct(record, 20_000, "Coupure <constatée> : nous ramenons le prix.")
    assert usage.totals(account=till.account, wanted=usage.Wanted()).micros == 20_000
    page = text(claire, "/calls/")
    assert "0,02 €" in page
    assert "corrigé" in page
    why = claire.get(f"/calls/{record.cdr_id}/").content.decode()
    assert "Coupure &lt;constatée&gt;" in why
    assert "0,102" in text(claire, f"/calls/{further}/")


@pytest.mark.clause("IPP-10.1-consumption", "IPP-1d-dashboard")
def test_the_statement_lists_every_movement_with_its_balance_and_its_why(claire: Client, till: Till) -> None:
    till.buy("one", 10_000_000, at=AT - timedelta(days=150))
    till.call()
    record = till.call()
    till.correct(record, 22_000, "Geste")
    till.give("kind", 500_000)
    till.expire(AT + timedelta(days=200))
    page = text(claire, "/statement/")
    assert "Au début 10,00 €" in page
    for part in ("+33 6 12 34 56 78 -0,122 € 10,378 €", "+0,10 € 10,356 €", "Crédit offert", "+0,50 € 10,50 €"):
        assert part in page
    for movement in re.findall(r'href="(/statement/[^"?]+/)"', claire.get("/statement/").content.decode()):
        for language in ("fr", "en"):
            why = text(claire, movement, language)
            assert "IPP-" in why, movement
            assert ("somme est nulle" if language == "fr" else "sum is zero") in why
    assert "IPP-9.2-180-days" in text(claire, "/statement/expiry/one/")
    assert "a expiré" in text(claire, "/statement/expiry/one/")


@pytest.mark.parametrize("path", ["/calls/{cdr}/", "/statement/{session}/", "/statement/purchase/zoe1/"])
def test_another_customers_call_and_movement_are_not_found(claire: Client, zoe: tuple[Client, Till], path: str) -> None:
    other = zoe[1]
    (record,) = charging.cdrs(account=other.account)
    address = path.format(cdr=record.cdr_id, session=record.session)
    assert zoe[0].get(address).status_code == 200
    assert claire.get(address).status_code == 404


def test_lists_totals_files_and_statements_hold_ones_own_alone(claire: Client, zoe: tuple[Client, Till]) -> None:
    for path in ("/calls/", "/calls/?number=336", f"/calls/?account={zoe[1].account}", "/statement/", "/dashboard/"):
        assert "0,122" not in text(claire, path)
    assert len(lines(claire)) == 1
    assert usage.page(account=party.customer_named("claire").account, wanted=usage.Wanted()).calls == ()


def test_another_customers_order_receipt_and_device_are_not_found(claire: Client, zoe: tuple[Client, Till]) -> None:
    device = voice.Registration.objects.create(
        username="zoe", contact_key="z", contact="sip:zoe@192.0.2.1", source_host="192.0.2.1", source_port=5060,
        call_id="c", cseq=1, expires_at=2**33, agent="Z",
    )  # fmt: skip
    assert claire.get("/topup/ord_of_zoe/").status_code == 404
    assert claire.get("/payments/receipts/IPPI-2026-000001.pdf").status_code == 404
    assert claire.post("/sip/devices/", {"device": str(device.pk)}).status_code == 404
    assert "192.0.2.1" not in text(claire, "/sip/")
    assert voice.Registration.objects.count() == 1


@pytest.mark.parametrize("after", ["x", "2026-01-01~", "2026~-1", "2026-01-01T00:00:00~1;drop", "~", "9" * 80, "a~1"])
def test_a_forged_place_in_the_list_is_not_found(claire: Client, till: Till, after: str) -> None:
    assert claire.get("/calls/", {"after": after}).status_code == 404


@pytest.mark.parametrize(
    "query", ["number=%25", "number='--", "outcome=drop", "direction=x", "month=2026-99", "month=%00"]
)
def test_a_hostile_filter_is_only_a_filter(claire: Client, till: Till, query: str) -> None:
    assert claire.get(f"/calls/?{query}").status_code == 200
    assert claire.get(f"/statement/?{query}").status_code == 200


def test_script_in_numbers_agents_and_names_is_shown_and_never_run(claire: Client, till: Till) -> None:
    till.buy("one", 10_000_000)
    record = till.call(
        20, destination="33142000042", number_class="geographic", direction="inbound", caller=SCRIPT, shown=SCRIPT
    )
    voice.Registration.objects.create(
        username="claire", contact_key="c", contact="sip:claire@192.0.2.1;x=\"'><img src=x>", source_host="192.0.2.1",
        source_port=5060, call_id="c", cseq=1, expires_at=2**33, agent=SCRIPT,
    )  # fmt: skip
    pages = [
        "/calls/",
        f"/calls/{record.cdr_id}/",
        "/sip/",
        "/dashboard/",
        f"/calls/?number={SCRIPT}",
        f"/dashboard/?to={SCRIPT}",
    ]
    for path in [*pages, f"/prices/?q={SCRIPT}", f"/prices/?q=0612345678&minutes={SCRIPT}"]:
        body = claire.get(path).content.decode()
        assert "<script>alert" not in body, path
        assert "<img src=x" not in body, path


def lines(page: Client, query: str = "", language: str = "fr") -> list[list[str]]:
    answer = page.get(f"/calls/calls.csv?{query}", headers={"Accept-Language": language})
    assert answer.status_code == 200
    body = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    return list(csv.reader(io.StringIO(body), delimiter=";" if language == "fr" else ","))


def test_the_file_is_in_the_language_of_the_page_and_holds_what_was_filtered(claire: Client, till: Till) -> None:
    till.buy("one", 10_000_000)
    till.call()
    till.call(0, destination="118218", number_class="special")
    head, call, refusal = lines(claire)
    assert head[:7] == ["Date", "Sens", "Numéro", "Type", "Issue", "Secondes", "Prix"]
    assert call[:8] == ["2026-03-02 10:01:00", "émis", MOBILE, "mobile", "décroché", "61", "0,122", "EUR"]
    assert refusal[4] == "refusé"
    assert [row[4:7] for row in lines(claire, "outcome=paid", "en")] == [
        ["Outcome", "Seconds", "Price"],
        ["answered", "61", "0.122"],
    ]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\u00a0=", "\u2003=", " =", "|", "%"])
def test_no_cell_of_the_file_is_a_formula(claire: Client, till: Till, start: str) -> None:
    caller = f'{start}HYPERLINK("http://x")'
    till.call(20, destination="33142000042", number_class="geographic", direction="inbound", caller=caller)
    cell = lines(claire)[1][2]
    assert cell.startswith("'")
    assert cell.isprintable()


def test_the_name_of_the_file_is_plain_whatever_the_filter_says(claire: Client, till: Till) -> None:
    for query in ('month=2026-03"%0d%0aSet-Cookie: a=b', "month=2026-03", "number=%0d%0aX: y"):
        name = claire.get(f"/calls/calls.csv?{query}").headers["Content-Disposition"]
        assert re.fullmatch(r'attachment; filename="[A-Za-z0-9-]+\.csv"', name)


@pytest.mark.parametrize(
    "path", ["/calls/calls.csv", "/dashboard/live/", "/statement/", "/payments/receipts/X.pdf", "/sip/devices/"]
)
def test_nothing_of_the_account_answers_a_visitor(visitor: Client, path: str) -> None:
    assert visitor.get(path).status_code in {302, 405}
    assert visitor.post(path).status_code in {302, 405}


@pytest.mark.usefixtures("decks")
def test_a_number_typed_into_the_prices_is_told_step_by_step_or_refused_with_its_clause(visitor: Client) -> None:
    page = text(visitor, "/prices/?q=06+12+34+56+78&minutes=10")
    assert "Un appel de 10 min 1,20 €" in page  # 0.12 a minute
    assert "Pour 10 € 1 h 23 min" in page
    assert "599 × 1 s × 0.12 / 60 s = 1.198" in page
    assert "IPP-10.1-per-second" in page
    refused = text(visitor, "/prices/?q=%2B870773000000")
    assert "Non acheminé" in refused
    assert "IPP-0-restrictions" in refused
    assert "Gratuit" in text(visitor, "/prices/?q=bob@example.org")
    assert "Free" in text(visitor, "/prices/?q=bob@example.org", "en")


@pytest.fixture
def decks(db: None) -> None:
    """A deck in force that names the price of the rig."""
    from cadran.catalog import models

    deck = models.Deck.objects.create(
        brand="ippi", name="world", version="t", currency="EUR", tax="included", state="activated", sha256="0" * 64,
        lines=1, effective_from=datetime(2020, 1, 1, tzinfo=UTC), activation=1,
        imported_at=datetime(2020, 1, 1, tzinfo=UTC), activated_at=datetime(2020, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    from cadran.catalog import rules

    models.DeckRate.objects.create(
        deck=deck, prefix="336", destination="France mobile", destination_en="France mobile", price_nanos=120_000_000,
        first_s=1, next_s=1, connection_micros=0, minimum_micros=0, valid_from=rules.ALWAYS_FROM, valid_to=rules.FOR_EVER,
        bands="", line=3,
    )  # fmt: skip


@pytest.mark.clause("IPP-10.1-consumption", "IPP-1d-dashboard")
def test_the_terms_say_what_the_dashboard_holds_and_shows(claire: Client, till: Till) -> None:
    terms = policy.terms("ippi/2018-04")
    assert terms.texts("consumption.shown") == (
        "balance",
        "paid_calls",
        "free_calls",
        "minutes",
        "callees",
        "time_left",
    )
    assert terms.texts("dashboard.parts") == ("personal", "services", "features", "credit", "consumption")
    named = [place.name for place in places.navigation(terms)]
    assert named == ["dashboard", "calls", "payments", "sip", "numbers", "account"]
    page = text(claire, "/dashboard/")
    for part in ("Crédit disponible", "Payants", "Gratuits", "Durée", "Combien de temps puis-je parler ?"):
        assert part in page
    for part in ("Accueil", "Appels", "Paiements", "Téléphone", "Numéros", "Compte"):
        assert part in page


def test_the_customer_chooses_when_little_credit_is_told(claire: Client, till: Till) -> None:
    till.buy("one", 1_500_000)
    assert "presque épuisé" in text(claire, "/dashboard/")  # below EUR 2, as the terms say
    assert claire.post("/preferences/warnings/", {"threshold": "1000000"}).status_code == 302
    assert "presque épuisé" not in text(claire, "/dashboard/")


@pytest.mark.usefixtures("decks")
def test_the_example_call_has_seconds_and_an_instant_of_its_own(visitor: Client) -> None:
    page = text(visitor, "/prices/?q=0612345678&minutes=1:01")
    assert "Un appel de 1 min 01 s 0,122 €" in page.replace("\u00a0", " ")
    assert "Un appel de 42 s" in text(visitor, "/prices/?q=0612345678&minutes=42s").replace("\u00a0", " ")
    for nonsense in ("0", "-3", "9:99", "1e3", "601", "36001s", "99999s", "٣", ""):
        page = text(visitor, f"/prices/?q=0612345678&minutes={nonsense}").replace("\u00a0", " ")
        assert "Un appel de 5 min" in page, nonsense
    dated = text(visitor, "/prices/?q=0612345678&minutes=1&at=2026-12-01T08:30")
    assert "Appel qui commencerait le 1 décembre 2026" in dated.replace("\u00a0", " ")
    for nonsense in ("tomorrow", "1999-01-01T00:00", "9999-12-31T23:59", "2026-13-01T00:00", "%00"):
        assert "qui commencerait" not in text(visitor, f"/prices/?q=0612345678&at={nonsense}"), nonsense


def test_who_may_owe_sees_what_is_owed_and_how_much_may_be(claire: Client, till: Till) -> None:
    assert balance.line(till.account) is None
    assert "Vous devez" not in text(claire, "/dashboard/")
    till.buy("one", 100_000)
    credit_lines.set_limit(till.buckets, till.books, owner=till.account, key="l1", limit_micros=5_000_000, at=AT)
    till.call(61)  # 0.122 to a mobile, 0.1 of it from the credit
    assert balance.line(till.account) == balance.Owing(limit_micros=5_000_000, owed_micros=22_000, held_micros=0)
    assert re.search(r"Vous devez 0,02 € Plafond de ce que vous pouvez devoir 5,00 €", text(claire, "/dashboard/"))
    assert re.search(r"You owe €0.02 Most that you may owe €5.00", text(claire, "/dashboard/", "en"))
