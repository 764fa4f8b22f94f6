"""What may be bought, by which means; references of transfers."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import iso11649

from cadran.payment import automatic, rules
from cadran.policy.terms import Terms

EUR = 1_000_000


def seniority(terms: Terms, steps: tuple[int, ...]) -> Terms:
    value = dataclasses.replace(terms.value("topup.amounts_after_days"), content=steps)
    return dataclasses.replace(terms, values={**terms.values, "topup.amounts_after_days": value})


@pytest.mark.clause("IPP-9.2-top-up-amounts")
def test_the_six_amounts_of_the_terms_are_offered_from_the_first_day(terms: Terms) -> None:
    assert rules.offered_amounts(terms, seniority_days=0) == tuple(
        amount * EUR for amount in (10, 25, 50, 100, 200, 500)
    )


@pytest.mark.clause("IPP-9.2-top-up-amounts")
def test_an_amount_is_offered_from_the_day_its_seniority_is_reached(terms: Terms) -> None:
    stepped = seniority(terms, (0, 0, 0, 0, 30, 90))
    assert rules.offered_amounts(stepped, seniority_days=29)[-1] == 100 * EUR
    assert rules.offered_amounts(stepped, seniority_days=30)[-1] == 200 * EUR
    assert rules.offered_amounts(stepped, seniority_days=89)[-1] == 200 * EUR
    assert rules.offered_amounts(stepped, seniority_days=90)[-1] == 500 * EUR


@pytest.mark.clause("IPP-9.2-top-up-amounts")
@pytest.mark.parametrize("micros", [0, -10 * EUR, 1, 11 * EUR, 10 * EUR + 1, 10 * EUR - 1, 1000 * EUR])
def test_any_other_amount_is_refused_and_the_clause_is_named(terms: Terms, micros: int) -> None:
    answer = rules.top_up_answer(terms, amount_micros=micros, seniority_days=1000, month_micros=0)
    assert not answer.decision.allowed
    assert answer.decision.clause == "IPP-9.2-top-up-amounts"
    assert answer.decision.terms == "ippi/2018-04"


@pytest.mark.clause("IPP-9.2-100-a-month")
@pytest.mark.parametrize(
    ("month", "amount", "means"),
    [
        (0, 100, "card"),
        (0, 200, "transfer"),
        (90, 10, "card"),
        (91, 10, "transfer"),
        (100, 10, "transfer"),
        (50, 50, "card"),
    ],
)
def test_a_card_pays_up_to_100_euros_a_month_and_a_transfer_what_goes_beyond(
    terms: Terms, month: int, amount: int, means: str
) -> None:
    answer = rules.top_up_answer(terms, amount_micros=amount * EUR, seniority_days=0, month_micros=month * EUR)
    assert answer.decision.allowed
    assert answer.means == means
    assert answer.decision.clause == ("IPP-9.2-100-a-month" if means == "transfer" else "IPP-9.2-top-up-amounts")


@pytest.mark.clause("IPP-9.2-100-a-month")
def test_one_micro_beyond_the_monthly_limit_needs_a_transfer(terms: Terms) -> None:
    at_limit = rules.top_up_answer(terms, amount_micros=10 * EUR, seniority_days=0, month_micros=90 * EUR)
    beyond = rules.top_up_answer(terms, amount_micros=10 * EUR, seniority_days=0, month_micros=90 * EUR + 1)
    assert (at_limit.means, beyond.means) == (rules.Means.CARD, rules.Means.TRANSFER)


@given(st.integers(min_value=1, max_value=9_999_999_999))
def test_a_reference_is_valid_by_iso_11649_and_found_again_however_it_is_typed(number: int) -> None:
    reference = rules.transfer_reference(number)
    assert iso11649.is_valid(reference)
    typed = " ".join(reference[i : i + 4] for i in range(0, len(reference), 4)).lower()
    assert rules.references_in(f"VIR SEPA {typed} merci!") == (reference,)


@given(st.text(max_size=300))
def test_no_text_of_a_transfer_breaks_the_search_for_a_reference(text: str) -> None:
    assert isinstance(rules.references_in(text), tuple)


def test_a_mistyped_reference_is_not_taken_for_another_order() -> None:
    reference = rules.transfer_reference(42)
    wrong = reference[:-1] + ("1" if reference[-1] != "1" else "2")
    assert rules.references_in(wrong) == ()


def test_paid_is_final_and_late_money_is_still_taken() -> None:
    assert rules.FOLLOWS[rules.OrderState.PAID] == frozenset()
    assert rules.OrderState.PAID in rules.FOLLOWS[rules.OrderState.LAPSED]


@pytest.mark.clause("IPP-9.2-top-up-amounts")
@pytest.mark.parametrize(
    ("threshold", "offered"), [(1, True), (2, True), (5, True), (10, True), (3, False), (0, False)]
)
def test_an_automatic_top_up_begins_below_one_of_the_thresholds_offered(
    terms: Terms, threshold: int, offered: bool
) -> None:
    wish = {"amount_micros": 10 * EUR, "cap_micros": 100 * EUR, "seniority_days": 0}
    if offered:
        automatic.checked(terms, threshold_micros=threshold * EUR, **wish)
        return
    with pytest.raises(automatic.InvalidWish):
        automatic.checked(terms, threshold_micros=threshold * EUR, **wish)
