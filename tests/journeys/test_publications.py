"""Terms written in the back office: typed, checked like the files, approved by a second person, published as files for good."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from cadran.journeys import publications
from cadran.journeys.proposals import rules
from cadran.journeys.proposals.rules import Person, ProposalState
from cadran.journeys.publications import Draft
from cadran.party import identity
from cadran.policy import calls, drafting, publication
from cadran.policy import queries as policy
from cadran.policy.sections import PolicyError
from cadran.policy.terms import TermsValue

pytestmark = pytest.mark.django_db
AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
TODAY = date(2026, 3, 2)
ANNE = Person(user_id=9001, name="anne", email="anne@operator.example")
BRUNO = Person(user_id=9002, name="bruno", email="bruno@operator.example")
REASON = "Credit lives a year from 2027 on"


@pytest.fixture(autouse=True)
def installation(settings: Settings, tmp_path: Path) -> Path:
    """Where this installation publishes."""
    settings.PUBLISHED = tmp_path / "published"
    return tmp_path / "published" / "ippi" / "terms"


def saved(found: Draft, *, stated: dict[str, str] | None = None, **changes: object) -> Draft:
    fields: dict[str, object] = {
        "version": "2027-01",
        "title": found.title,
        "effective_from": "2027-01-01",
        "key_change": True,
        "texts": found.texts,
    }
    return publications.save(
        draft_id=found.draft_id,
        revision=found.revision,
        stated={**found.stated, **(stated or {})},
        by=ANNE,
        at=AT,
        **{**fields, **changes},  # type: ignore[arg-type]
    )


def ready(**changes: object) -> Draft:
    found = publications.open_draft(brand="ippi", by=ANNE, at=AT)
    return saved(found, stated={"credit.validity_days": "365"}, **changes)


def submitted(found: Draft) -> tuple[str, str]:
    asked = publications.submit(
        key="k1", draft_id=found.draft_id, revision=found.revision, reason=REASON, by=ANNE, at=AT
    )
    return asked.proposal_id, str(asked.body["sha256"])


def test_a_draft_of_the_terms_in_force_says_the_same_in_every_value() -> None:
    found = saved(publications.open_draft(brand="ippi", by=ANNE, at=AT))
    made, base = publications.frozen(found, at=AT).terms, policy.terms("ippi/2018-04")
    assert drafting.changes(base, made) == ()
    assert {name: value.note for name, value in made.values.items()} == {
        name: value.note for name, value in base.values.items()
    }


@pytest.mark.parametrize("brand", ["izikall", "kavkom", "kryptoow"])
def test_every_brand_s_terms_survive_the_form_and_the_file(brand: str) -> None:
    found = saved(publications.open_draft(brand=brand, by=ANNE, at=AT))
    made = publications.frozen(found, at=AT).terms
    assert drafting.changes(policy.terms_in_force(brand, AT), made) == ()


def test_a_second_person_publishes_files_that_every_reader_takes_up(installation: Path) -> None:
    proposal_id, sha256 = submitted(ready())
    assert policy.brand("ippi").versions == ("2018-04",)
    done = publications.approve(proposal_id=proposal_id, sha256=sha256, by=BRUNO, at=AT)
    assert done.state is ProposalState.DONE
    assert sorted(path.name for path in installation.iterdir()) == ["2027-01.en.md", "2027-01.fr.md", "2027-01.toml"]
    assert policy.brand("ippi").versions == ("2018-04", "2027-01")
    new = policy.terms("ippi/2027-01")
    assert (new.integer("credit.validity_days"), new.key_change, new.effective_from) == (365, True, date(2027, 1, 1))
    assert policy.terms("ippi/2018-04").integer("credit.validity_days") == 180
    before, after = datetime(2026, 12, 31, 22, 59, tzinfo=UTC), datetime(2026, 12, 31, 23, tzinfo=UTC)
    assert policy.terms_in_force("ippi", before).version == "2018-04"
    assert policy.terms_in_force("ippi", after).version == "2027-01"
    policy.check()


def test_nobody_publishes_alone_and_nothing_but_what_was_read() -> None:
    proposal_id, sha256 = submitted(ready())
    with pytest.raises(rules.SamePerson):
        publications.approve(proposal_id=proposal_id, sha256=sha256, by=ANNE, at=AT)
    with pytest.raises(publications.DraftMoved):
        publications.approve(proposal_id=proposal_id, sha256="0" * 64, by=BRUNO, at=AT)
    assert policy.brand("ippi").versions == ("2018-04",)


def test_a_submitted_draft_is_not_written_on_until_it_is_refused() -> None:
    found = ready()
    proposal_id, _ = submitted(found)
    with pytest.raises(publications.DraftMoved):
        saved(publications.draft(found.draft_id))
    publications.refuse(proposal_id=proposal_id, by=BRUNO, reason="The French text says 180 days", at=AT)
    assert saved(publications.draft(found.draft_id)).revision == found.revision + 1


def test_two_who_write_at_once_do_not_undo_each_other() -> None:
    found = ready()
    saved(found, title="Anne's title")
    with pytest.raises(publications.DraftMoved):
        saved(found, title="Bruno's title")
    assert publications.draft(found.draft_id).title == "Anne's title"


@pytest.mark.parametrize("day", ["2026-03-02", "2026-03-01", "2018-04-01", "soon", ""])
def test_terms_take_effect_after_today(day: str) -> None:
    with pytest.raises(publications.DraftWrong) as wrong:
        publications.frozen(ready(effective_from=day), at=AT)
    assert set(wrong.value.problems) == {"effective_from"}
    assert publications.frozen(ready(effective_from="2026-03-03"), at=AT).terms.effective_from == date(2026, 3, 3)


@pytest.mark.parametrize(
    "version", ["", "2018-04", "../2027", "..", "a/b", ".hidden", "x" * 31 + "/", "2027\x00", "2027 01", "é"]
)
def test_a_version_is_a_plain_new_file_name(version: str, installation: Path) -> None:
    with pytest.raises(publications.DraftWrong) as wrong:
        publications.frozen(ready(version=version), at=AT)
    assert set(wrong.value.problems) == {"version"}
    assert not installation.exists()


def test_every_wrong_value_is_told_at_once_by_its_name() -> None:
    typed = {
        "credit.validity_days": "a year",
        "topup.monthly_card_limit_micros": "100.0000001",
        "contract.zone": "Mars/Olympus",
        "credit.refundable": "perhaps",
        "calls.max_duration_s": "-1",
    }
    found = saved(publications.open_draft(brand="ippi", by=ANNE, at=AT), stated=typed)
    with pytest.raises(publications.DraftWrong) as wrong:
        publications.frozen(found, at=AT)
    assert set(wrong.value.problems) == set(typed)


def test_a_published_version_never_changes(installation: Path) -> None:
    proposal_id, sha256 = submitted(ready())
    publications.approve(proposal_id=proposal_id, sha256=sha256, by=BRUNO, at=AT)
    toml = (installation / "2027-01.toml").read_text()
    texts = {language: (installation / f"2027-01.{language}.md").read_text() for language in ("fr", "en")}
    again = publication.publish(brand="ippi", version="2027-01", toml=toml, texts=texts, today=TODAY)
    assert again.ref == "ippi/2027-01"
    for other in (toml.replace("365", "366"), toml):
        with pytest.raises(publication.VersionPublished):
            publication.publish(
                brand="ippi", version="2027-01", toml=other, texts={**texts, "en": "# Other"}, today=TODAY
            )
    assert (installation / "2027-01.toml").read_text() == toml


def test_a_text_without_its_values_is_not_published_yet_and_a_second_try_completes_it(installation: Path) -> None:
    found = publications.frozen(ready(), at=AT)
    installation.mkdir(parents=True)
    (installation / "2027-01.fr.md").write_text("# half written")
    policy.check()
    assert policy.brand("ippi").versions == ("2018-04",)
    publication.publish(brand="ippi", version="2027-01", toml=found.toml, texts=found.texts, today=TODAY)
    assert policy.terms_text("ippi/2027-01", "fr")[0] == found.texts["fr"]


def test_a_published_file_cannot_replace_a_version_of_the_brand_s_folder(
    installation: Path, settings: Settings
) -> None:
    installation.mkdir(parents=True)
    shutil.copy(Path(settings.BRANDS) / "ippi" / "terms" / "2018-04.toml", installation)
    with pytest.raises(PolicyError, match="never changes"):
        policy.check()


LIKE = TermsValue("a.b", "", "text", "IPP-9.2-180-days", "")


@given(
    text=st.text(min_size=1, max_size=60).map(str.strip).filter(lambda t: t and t.splitlines() == [t] and "\0" not in t)
)
def test_any_text_survives_the_file(text: str) -> None:
    import tomllib

    value = replace(LIKE, content=drafting.read_typed(text, LIKE))
    toml = drafting.toml_text(
        brand="ippi", version="v", title=text, effective_from=TODAY, key_change=False, stated={"a.b": value}
    )
    read = tomllib.loads(toml)
    assert read["a"]["b"]["value"] == value.content
    assert read["terms"]["title"] == text


@given(micros=st.integers(min_value=0, max_value=10**15))
def test_any_amount_survives_the_form(micros: int) -> None:
    like = replace(LIKE, name="a.b_micros", content=0, unit="micro-EUR")
    assert drafting.read_typed(drafting.typed(micros, "micro-EUR"), like) == micros


@pytest.mark.clause("KRY-3.3-territories")
def test_the_office_publishes_a_dated_list_of_closed_countries_and_services() -> None:
    found = publications.open_draft(brand="kryptoow", by=ANNE, at=AT)
    for name, typed in (
        ("calls.closed_countries", "uk"),
        ("calls.closed_countries", "United Kingdom"),
        ("calls.closed_services", "AE"),
        ("calls.closed_services", "AE:pigeon"),
        ("account.closed_countries", "G8"),
    ):
        found = saved(found, stated={name: typed})
        with pytest.raises(publications.DraftWrong):
            publications.frozen(found, at=AT)
        found = saved(found, stated={name: ""})
    lists = {
        "calls.closed_countries": "GB\nKP",
        "calls.closed_services": "AE:callback",
        "account.closed_countries": "KP",
    }
    proposal_id, sha256 = submitted(saved(found, stated=lists))
    publications.approve(proposal_id=proposal_id, sha256=sha256, by=BRUNO, at=AT)
    before, after = (
        policy.terms_in_force("kryptoow", datetime(2026, 12, 31, hour, 30, tzinfo=UTC)) for hour in (22, 23)
    )
    assert (before.version, before.texts("calls.closed_countries")) == ("2018-01", ())
    assert (after.version, after.texts("calls.closed_countries")) == ("2027-01", ("GB", "KP"))
    refused = calls.closed_decision(after, country="GB", via="access-number", inputs={})
    assert refused is not None
    assert (refused.code, refused.clause, refused.terms) == (
        "call-closed-country",
        "KRY-3.3-territories",
        "kryptoow/2027-01",
    )
    assert calls.closed_decision(before, country="GB", via="access-number", inputs={}) is None
    refused = calls.closed_decision(after, country="AE", via="callback-leg", inputs={})
    assert refused is not None
    assert refused.code == "call-closed-service"
    assert calls.closed_decision(after, country="AE", via="access-number", inputs={}) is None
    assert identity.closed_countries(after) == ("KP",)
