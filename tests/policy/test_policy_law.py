"""The law by date: regimes change at midnight in Paris, and each table of the sources is there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cadran.policy import files, queries
from cadran.policy.law import UnknownLaw
from cadran.policy.sections import PolicyError
from cadran.units.period import midnight

LAW = """[[law]]
name = "withdrawal.days"
from = 2014-06-14
value = 14
unit = "day"
clause = "LAW-withdrawal"
source = "L221-18"
sure = "high"
"""


def on(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, 12, tzinfo=UTC)


def test_canvassing_changes_regime_on_11_august_2026_at_midnight_in_paris():
    turn = datetime(2026, 8, 10, 22, tzinfo=UTC)
    before = turn - timedelta(seconds=1)
    assert queries.law("canvassing.prior_consent_required", before).content is False
    assert queries.law("canvassing.prior_consent_required", turn).content is True
    assert queries.law("canvassing.opposition_list", before).content == "bloctel"
    assert queries.law("canvassing.wait_after_refusal_days", before).content == 60
    for repealed in ("canvassing.opposition_list", "canvassing.wait_after_refusal_days", "canvassing.scrub_valid_days"):
        with pytest.raises(UnknownLaw):
            queries.law(repealed, turn)
    for at in (before, turn):
        assert queries.law("canvassing.hours", at).texts() == ("10:00-13:00", "14:00-20:00")
        assert queries.law("canvassing.max_calls", at).integer() == 4


@pytest.mark.parametrize(
    ("at", "consumer", "professional"),
    [
        (on(2018, 1, 1), 373, 89),
        (on(2018, 12, 31), 360, 88),
        (on(2022, 7, 1), 315, 77),
        (on(2023, 6, 30), 447, 206),
        (on(2023, 7, 1), 682, 422),
        (on(2026, 11, 22), 684, 275),
    ],
)
def test_the_legal_interest_rate_is_that_of_the_half_year(at, consumer, professional):
    assert queries.law("interest.legal_consumer", at).integer() == consumer
    assert queries.law("interest.legal_professional", at).integer() == professional


def test_every_half_year_from_2018_to_2026_has_its_rate():
    for name in ("interest.legal_consumer", "interest.legal_professional"):
        days = [(value.effective_from.year, value.effective_from.month) for value in queries.law_values()[name]]
        assert days == [(year, month) for year in range(2018, 2027) for month in (1, 7)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("withdrawal.days", 14),
        ("withdrawal.online_button", ("renoncer au contrat ici", "confirmer la rétractation")),
        ("portability.recovery_days", 40),
        ("portability.consumer_max_working_days", 3),
        ("collection.indemnity_micros", 40_000_000),
        ("vat.metropolitan", 2000),
        ("vat.guadeloupe_martinique_reunion", 850),
        ("sepa.mandate_unused_months", 36),
        ("retention.civil_identity_years", 5),
        ("caller.passport_fresh_s", 60),
    ],
)
def test_the_law_in_force_in_november_2026(name, content):
    assert queries.law(name, on(2026, 11, 22)).content == content


def test_small_companies_issue_electronic_invoices_from_1_september_2027():
    turn = midnight(on(2027, 9, 1).date(), "Europe/Paris")
    with pytest.raises(UnknownLaw):
        queries.law("invoice.electronic_issue_small_required", turn - timedelta(seconds=1))
    assert queries.law("invoice.electronic_issue_small_required", turn).content is True


def test_every_value_of_the_law_names_its_source():
    for entries in queries.law_values().values():
        assert all(value.source.strip() and value.sure in {"high", "medium", "low"} for value in entries)


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("LAW-withdrawal", "LAW-other", 6, "unknown clause"),
        ("2014-06-14", '"2014"', 3, "from must be a date"),
        ('sure = "high"', 'sure = "perhaps"', 8, "sure must be one of"),
        ('unit = "day"', 'unit = "moon"', 4, "unknown unit 'moon'"),
        ("value = 14", "value = 14.0", 4, "never a float"),
        ('source = "L221-18"\n', "", 1, "source is missing"),
        ("[[law]]", "[law]", 1, "unknown section [law]"),
        ('sure = "high"\n', 'sure = "high"\n\n' + LAW, 10, "has a value from 2014-06-14 already"),
    ],
)
def test_each_error_of_a_law_file_names_its_line(tmp_path: Path, old: str, new: str, line: int, message: str):
    (tmp_path / "law.toml").write_text(LAW.replace(old, new), encoding="utf-8")
    with pytest.raises(PolicyError) as caught:
        files.load_law(files.load_register(), tmp_path)
    told = [str(fault) for fault in caught.value.faults]
    assert any(text.startswith(f"policy/law/law.toml:{line}: ") and message in text for text in told), told
