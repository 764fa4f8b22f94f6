"""Site passwords made from the names that everybody here thinks of first."""

from __future__ import annotations

import pytest

from cadran.party import passwords
from cadran.party.rules import WeakPassword


@pytest.mark.parametrize("weak", ["Kryptoow2026!", "-Izikall-2024", "kavkomkavkom1", "IPPI-ippi-007", "k@vkom-2222"])
def test_a_password_made_from_the_name_of_a_brand_is_refused(weak: str) -> None:
    with pytest.raises(WeakPassword) as refused:
        passwords.checked(weak)
    assert refused.value.details["rule"] == "common"


@pytest.mark.parametrize("good", ["vent-du-large-29", "kavkom-sous-la-pluie-4", "mississippi-d-hiver-8"])
def test_a_sentence_that_holds_such_a_name_is_a_password(good: str) -> None:
    assert passwords.checked(good) == good


def test_the_words_are_those_of_the_brands_at_hand() -> None:
    words = passwords.context_words()
    assert {"cadran", "ippi", "kryptoow", "izikall", "kavkom"} <= words
    assert all(len(word) >= 4 and word == word.casefold() for word in words)
