from __future__ import annotations

import pytest

from cadran.journeys import acceptance
from cadran.party import models

pytestmark = pytest.mark.django_db


@pytest.mark.clause("KRY-2.1-acceptance")
def test_an_order_needs_the_recorded_acceptance_of_terms_and_legal_notice(buyer: str) -> None:
    acceptance.require(account=buyer)
    with pytest.raises(acceptance.NotAccepted):
        acceptance.require(account="A999999")


@pytest.mark.clause("KRY-2.1-acceptance")
@pytest.mark.parametrize("document", ["terms", "legal"])
def test_an_account_without_one_of_them_orders_nothing(buyer: str, document: str) -> None:
    models.TermsAcceptance.objects.filter(document=document)._raw_delete("default")
    with pytest.raises(acceptance.NotAccepted):
        acceptance.require(account=buyer)


@pytest.mark.clause("KRY-2.1-acceptance")
def test_the_version_accepted_is_the_one_the_account_stands_under(buyer: str) -> None:
    models.BillingAccount.objects.update(terms_ref="ippi/2030-01")
    with pytest.raises(acceptance.NotAccepted):
        acceptance.require(account=buyer)
