from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client

from cadran.journeys import registration
from cadran.party import queries
from cadran.units import clock

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.mark.clause("IPP-5.2-validation")
def test_an_unvalidated_registration_ends_after_three_days_and_its_link_with_it(
    visitor: Client, sign_up: Callable[..., str]
) -> None:
    path = sign_up()
    made_at = queries.customer_named("claire").created_at
    assert registration.next_lapse() == made_at + timedelta(days=3)
    assert registration.lapse(at=made_at + timedelta(days=3) - timedelta(seconds=1)) == 0
    assert registration.lapse(at=made_at + timedelta(days=3)) == 1
    assert registration.next_lapse() is None
    assert visitor.post(path).status_code == 404
    assert not queries.taken(username="claire", email="claire@example.org")


@pytest.mark.clause("IPP-5.2-validation")
def test_a_validated_customer_stays_whatever_time_passes(claire: Client) -> None:
    assert registration.next_lapse() is None
    assert registration.lapse(at=settings.CIVIL_CLOCK.now() + timedelta(days=4000)) == 0


@pytest.mark.clause("IPP-1b-age")
def test_the_age_certified_is_that_of_the_terms_18_years(visitor: Client) -> None:
    assert "avoir 18 ans ou plus" in visitor.get("/account/signup/").content.decode()
    assert "I am 18 or over" in visitor.get("/account/signup/", headers={"Accept-Language": "en"}).content.decode()


@pytest.mark.clause("IPP-0-acceptance")
def test_terms_legal_notice_descriptions_prices_and_offers_are_ticked_each_in_its_version(db: None) -> None:
    offered = registration.documents(brand="ippi", language="fr", at=clock.SystemClock().now())
    assert [one.document.value for one in offered] == ["terms", "legal", "descriptions", "prices", "offers"]
    assert all(one.ref.startswith("ippi/") and len(one.text_sha256) == 64 for one in offered)


@pytest.mark.clause("IPP-0-acceptance")
def test_a_tick_of_another_text_than_the_one_in_force_is_refused(db: None) -> None:
    at = clock.SystemClock().now()
    offered = registration.documents(brand="ippi", language="fr", at=at)
    wish = registration.Wish(
        email="claire@example.org",
        user_name="claire",
        password="vent-du-large-29",
        sip_password="k7mq-x3dw-p9ra-t4hv",
        name="Le Gall",
        first_names="Claire",
        adult=True,
        ticked={one.document: one.token + "0" for one in offered},
    )
    with pytest.raises(registration.DocumentChanged):
        registration.register(brand="ippi", wish=wish, at=at)
    assert not queries.taken(username="claire")
