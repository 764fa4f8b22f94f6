"""Folders of CGRateS tariff plans: every layout read, every error told by file and line, nothing hostile gets far."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cadran.catalog import plans
from cadran.catalog.adapters import cgrates, cgrates_cells
from cadran.catalog.adapters.deck_cells import BadCell
from cadran.catalog.adapters.deck_file import UnreadableDeckFile

WHOLE = {
    "Timings": "PEAK,*any,*any,*any,1;2;3;4;5,08:00:00\n",
    "Destinations": "FR,33\nFR,+33\n",
    "Rates": "R,0.1,0.2,60s,1s,0s\n",
    "DestinationRates": "DR,FR,R,*up,4,0,\n",
    "RatingPlans": "RP,DR,PEAK,10\n",
    "RatingProfiles": "t,call,s,2026-01-01T00:00:00Z,RP,a;b\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in WHOLE.items():
        (tmp_path / f"{name}.csv").write_text(text)
    return tmp_path


def told(folder: Path) -> list[tuple[str, int, str, str]]:
    return [(one.file, one.line, one.column, one.code) for one in cgrates.read(folder).problems]


def test_a_folder_becomes_a_plan(folder: Path) -> None:
    reading = cgrates.read(folder)
    assert (reading.problem_count, reading.lines) == (0, 7)
    plan = reading.plan
    assert plan.prefixes == {"33": ("FR",), "+33": ("FR",)}
    (activation,) = plan.profiles["t", "call", "s"]
    assert (activation.at, activation.plan, activation.fallbacks) == (
        datetime(2026, 1, 1, tzinfo=UTC),
        "RP",
        ("a", "b"),
    )
    (interval,) = plan.plans["RP"].by_destination["FR"]
    assert (interval.rate.connect_fee, interval.rate.slots[0].rate) == (Fraction("0.1"), Fraction("0.2"))
    assert (interval.timing.weekdays, interval.timing.start_s) == (frozenset(range(5)), 28_800)
    assert (interval.rounding, interval.decimals, interval.maximum) == ("*up", 4, None)


@pytest.mark.parametrize(
    "line",
    [
        "*out,t,call,s,2026-01-01T00:00:00Z,RP,a;b,",
        "t,call,*out,s,2026-01-01T00:00:00Z,RP,a;b",
        "t,call,s,2026-01-01T00:00:00Z,RP,a;b,*STATS",
        "t,call,s,2026-01-01 00:00:00,RP, a ; b",
        "t,call,s,1767225600,RP,a;b",
    ],
)
def test_older_layouts_of_profiles_are_known(folder: Path, line: str) -> None:
    (folder / "RatingProfiles.csv").write_text(f"#Direction,Tenant\n{line}\n")
    reading = cgrates.read(folder)
    assert reading.problems == []
    assert reading.plan.profiles["t", "call", "s"] == (
        plans.Activation(at=datetime(2026, 1, 1, tzinfo=UTC), plan="RP", fallbacks=("a", "b")),
    )


def test_the_oldest_layout_has_its_rounding_in_the_rates(folder: Path) -> None:
    (folder / "Rates.csv").write_text("R,0.02,0.02,60s,60s,0s,*up,3,10\n")
    (folder / "DestinationRates.csv").write_text("DR,FR,R\n")
    (folder / "RatingPlans.csv").rename(folder / "DestinationRateTimings.csv")
    reading = cgrates.read(folder)
    assert reading.problems == []
    (interval,) = reading.plan.plans["RP"].by_destination["FR"]
    assert (interval.rounding, interval.decimals) == ("*up", 3)


@pytest.mark.parametrize(
    ("file", "text", "where"),
    [
        ("Timings", "PEAK,*any,*any,*any,8,08:00:00\n", ("Timings.csv", 1, "WeekDays", "weekdays")),
        ("Timings", "PEAK,*any,13,*any,1,08:00:00\n", ("Timings.csv", 1, "Months", "months")),
        ("Timings", "PEAK,*any,*any,*any,1,25:00:00\n", ("Timings.csv", 1, "Time", "time")),
        ("Timings", "PEAK,*any,*any,*any,1\n", ("Timings.csv", 1, "", "cells")),
        ("Timings", "PEAK,*any,*any,*any,1,08:00:00\n" * 2, ("Timings.csv", 2, "Tag", "tag")),
        ("Rates", "R,-1,0.2,60s,1s,0s\n", ("Rates.csv", 1, "ConnectFee", "connectfee")),
        ("Rates", "R,0,0.2,60s,1s,x\n", ("Rates.csv", 1, "GroupIntervalStart", "groupintervalstart")),
        ("Rates", "R,0,=1+1,60s,1s,0s\n", ("Rates.csv", 1, "Rate", "rate")),
        ("Rates", "R,0,1e5,60s,1s,0s\n", ("Rates.csv", 1, "Rate", "rate")),
        ("Rates", "R,0,1,60s,1s,60s\n", ("Rates.csv", 1, "GroupIntervalStart", "group-start")),
        ("Rates", "R,0,1,60s,1s,0s\nR,0,2,60s,1s,0\n", ("Rates.csv", 2, "GroupIntervalStart", "group-start")),
        ("Rates", 'R,0,"1,60s,1s,0s\n', ("Rates.csv", 1, "", "quotes")),
        ("Rates", "R\u202e,0,1,60s,1s,0s\n", ("Rates.csv", 1, "", "control")),
        (
            "DestinationRates",
            "DR,FR,R,*sideways,4,0,\n",
            ("DestinationRates.csv", 1, "RoundingMethod", "roundingmethod"),
        ),
        ("DestinationRates", "DR,FR,Q,*up,4,0,\n", ("DestinationRates.csv", 1, "RatesTag", "ratestag")),
        ("DestinationRates", "DR,DE,R,*up,4,0,\n", ("DestinationRates.csv", 1, "DestinationId", "destinationid")),
        (
            "DestinationRates",
            "DR,FR,R,*up,4,1,*stop\n",
            ("DestinationRates.csv", 1, "MaxCostStrategy", "maxcoststrategy"),
        ),
        ("RatingPlans", "RP,DR,NIGHT,10\n", ("RatingPlans.csv", 1, "TimingTag", "timingtag")),
        ("RatingPlans", "RP,XX,PEAK,10\n", ("RatingPlans.csv", 1, "DestRatesId", "destratesid")),
        ("RatingPlans", "RP,DR,PEAK,much\n", ("RatingPlans.csv", 1, "Weight", "weight")),
        ("RatingProfiles", "t,call,s,soon,RP,\n", ("RatingProfiles.csv", 1, "ActivationTime", "activationtime")),
        ("RatingProfiles", "t,call,s,+1h,RP,\n", ("RatingProfiles.csv", 1, "ActivationTime", "activationtime")),
        ("RatingProfiles", "t,call,s,,XX,\n", ("RatingProfiles.csv", 1, "RatingPlanId", "ratingplanid")),
        ("RatingProfiles", "*out,t,call,s,\n", ("RatingProfiles.csv", 1, "", "cells")),
    ],
)
def test_what_is_wrong_is_told_by_file_line_and_column(
    folder: Path, file: str, text: str, where: tuple[str, int, str, str]
) -> None:
    (folder / f"{file}.csv").write_text(text)
    assert told(folder)[0] == where


def test_another_encoding_is_told(folder: Path) -> None:
    (folder / "Rates.csv").write_bytes("R,0,1,60s,1s,0s\né".encode("latin-1"))
    assert told(folder) == [("Rates.csv", 2, "", "encoding")]
    (folder / "Rates.csv").write_bytes("R,0,1,60s,1s,0s\n".encode("utf-16"))
    assert told(folder)[0] == ("Rates.csv", 1, "", "encoding")


def test_a_folder_without_its_files_is_refused(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(UnreadableDeckFile, match="no folder"):
        cgrates.read(tmp_path / "absent")
    (folder / "Rates.csv").unlink()
    with pytest.raises(UnreadableDeckFile, match=r"Rates\.csv missing"):
        cgrates.read(folder)


def test_a_file_of_a_gigabyte_is_refused_at_once(folder: Path) -> None:
    with (folder / "Rates.csv").open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(UnreadableDeckFile, match="128 MB"):
        cgrates.read(folder)


def test_a_line_without_end_takes_no_memory(folder: Path) -> None:
    with (folder / "Rates.csv").open("wb") as file:
        file.truncate(50 << 20)
    assert told(folder)[0] == ("Rates.csv", 1, "", "line-size")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("60s", 60), ("1m", 60), ("1m30s", 90), ("1h", 3600), ("0s", 0), ("0", 0), ("60", 60),
        ("1.5h", 5400), ("500ms", Fraction(1, 2)), ("60000000000", 60), ("1000000000", 1), ("999999999", 999_999_999),
    ],
)  # fmt: skip
def test_durations_are_read_exactly(text: str, seconds: Fraction) -> None:
    assert cgrates_cells.seconds(text, "RateUnit") == seconds


@pytest.mark.parametrize("text", ["", "s", "-1s", "1 s", "1x", "1s1", "٣s", "1e3s", "9" * 40, "9" * 12 + "h"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(BadCell):
        cgrates_cells.seconds(text, "RateUnit")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(WHOLE)), st.binary(max_size=200))
def test_any_bytes_at_all_are_read_or_told(folder: Path, name: str, data: bytes) -> None:
    path = folder / f"{name}.csv"
    kept = path.read_bytes()
    path.write_bytes(kept + data)
    try:
        reading = cgrates.read(folder)
        assert all(problem.line and problem.code and problem.message.isprintable() for problem in reading.problems)
    finally:
        path.write_bytes(kept)
