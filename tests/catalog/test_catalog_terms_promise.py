"""A deck that counts in larger steps than the terms promise is told at import, with the clause."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cadran.catalog import operations

AT = datetime(2026, 11, 22, tzinfo=UTC)
DECK = b"prefix,destination,price,first_s,next_s\n331,Paris,0.012,1,1\n336,Mobile,0.09,60,60\n44,UK,0.02,1,6\n49,DE,0.02,,\n"


@pytest.mark.clause("IPP-10.1-per-second")
@pytest.mark.django_db
def test_lines_in_larger_steps_than_one_second_are_told_with_the_clause() -> None:
    report = operations.import_deck(brand="ippi", source=DECK, at=AT, dry_run=True)
    assert report.problem_count == 0
    assert (report.coarser, report.coarser_clause) == ((3, 4), "IPP-10.1-per-second")


@pytest.mark.clause("KRY-4.4.1-per-minute")
@pytest.mark.django_db
def test_a_calling_card_may_count_by_the_minute_and_by_less() -> None:
    assert operations.import_deck(brand="kryptoow", source=DECK, at=AT, dry_run=True).coarser == ()
