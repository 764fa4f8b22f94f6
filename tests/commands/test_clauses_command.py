"""`cadran clauses` and `cadran number`: what they print, and when they fail."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from cadran.commands import clauses
from cadran.commands.main import cli


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


def test_json_lists_every_clause_with_exactly_its_six_keys():
    entries = json.loads(run("clauses", "--json").stdout)
    assert len(entries) == 145
    assert all(set(entry) == {"id", "state", "missing", "values", "code", "tests"} for entry in entries)
    hour = next(entry for entry in entries if entry["id"] == "IPP-5.5-one-hour")
    assert "ippi/2018-04:calls.max_duration_s" in hour["values"]
    assert "cadran.policy.calls:duration_limit" in hour["code"]
    tests = "tests/policy/test_policy_calls.py::test_a_call_to_a_telephone_lasts_3600_seconds_at_most"
    assert tests in hour["tests"]


def test_the_plain_view_shows_the_clauses_and_the_sums():
    told = run("clauses")
    assert told.exit_code == 0
    assert "IPP-9.2-180-days" in told.stdout
    assert "All" in told.stdout


def test_one_clause_is_shown_with_all_that_carries_it():
    told = run("clauses", "--clause", "IPP-5.5-one-hour")
    assert "ippi/2018-04:calls.max_duration_s = 3600 second" in told.stdout


def test_an_unknown_clause_is_refused_by_name():
    told = run("clauses", "--clause", "IPP-77")
    assert told.exit_code == 2
    assert "policy-clause-unknown" in told.stderr


def test_check_fails_and_tells_what_to_mend(monkeypatch, tmp_path):
    baseline = tmp_path / "done.txt"
    baseline.write_text("LAW-retention\nIPP-nowhere\n")
    monkeypatch.setattr(clauses, "BASELINE", baseline)
    told = run("clauses", "--check")
    assert told.exit_code == 1
    assert "policy/done.txt:1: LAW-retention was done and is planned now" in told.stderr
    assert "policy/done.txt:2: unknown clause IPP-nowhere" in told.stderr


def test_check_passes_on_the_register_as_committed():
    told = run("clauses", "--check")
    assert told.exit_code == 0, told.stderr


@pytest.mark.parametrize("spoilt", ["value = oops", "colour = 1"])
def test_spoilt_terms_are_told_with_file_and_line(tmp_path, settings, spoilt):
    terms = tmp_path / "brands" / "acme" / "terms"
    terms.mkdir(parents=True)
    (terms.parent / "brand.toml").write_text(spoilt)
    settings.BRANDS = tmp_path / "brands"
    told = run("clauses", "--check")
    assert told.exit_code == 2
    assert "brands/acme/brand.toml:1:" in told.stderr


def test_a_dialled_number_is_read_in_json():
    told = json.loads(run("number", "read", "01 42 00 00 01", "--json").stdout)
    assert told["e164"] == "+33142000001"
    assert told["class"] == "geographic"
    assert told["national"] == "01 42 00 00 01"


def test_a_text_that_is_no_number_is_refused_in_one_line():
    told = run("number", "read", "hello")
    assert told.exit_code == 2
    assert "numbering-dialled-unreadable" in told.stderr
