"""The Merkle tree against RFC 6962's own recursion, and what a body may hold."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadran.policy.proof import rules

LEAVES = st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=70)
# The example of RFC 9162 as other implementations test it: the leaves of certificate transparency's reference tree.
INPUTS = ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


def by_the_book(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, 2.1, as it is written there: split at the largest power of two below n."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return rules.node_hash(by_the_book(leaves[:split]), by_the_book(leaves[split:]))


@pytest.mark.parametrize(("size", "root"), ROOTS.items())
def test_the_root_is_that_of_certificate_transparencys_reference_tree(size: int, root: str) -> None:
    leaves = [hashlib.sha256(b"\x00" + bytes.fromhex(text)).digest() for text in INPUTS[:size]]
    assert rules.root(leaves).hex() == root


@given(LEAVES)
def test_the_root_is_that_of_the_rfcs_recursion(leaves: list[bytes]) -> None:
    assert rules.root(leaves) == by_the_book(leaves)


@given(LEAVES, st.data())
def test_every_path_leads_to_the_root_and_no_other_does(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    steps = rules.path(rules.levels(leaves), index)
    root = rules.root(leaves)
    assert rules.root_of_path(leaves[index], index, len(leaves), steps) == root
    if steps:
        with pytest.raises(rules.EvidenceError):
            rules.root_of_path(leaves[index], index, len(leaves), steps[:-1])
        spoilt = data.draw(st.integers(0, len(steps) - 1))
        other = [hashlib.sha256(step).digest() if at == spoilt else step for at, step in enumerate(steps)]
        assert rules.root_of_path(leaves[index], index, len(leaves), other) != root
    with pytest.raises(rules.EvidenceError):
        rules.root_of_path(leaves[index], index, len(leaves), [*steps, root])
    with pytest.raises(rules.EvidenceError):
        rules.root_of_path(leaves[index], len(leaves), len(leaves), steps)


@given(LEAVES)
def test_a_seal_reads_back_as_it_was_written(leaves: list[bytes]) -> None:
    seal = rules.Seal(
        number=7,
        at="2026-03-02T09:00:00+00:00",
        previous="ab" * 32,
        root=rules.root(leaves).hex(),
        leaves=len(leaves),
        spans=(rules.Span("house", 3, 3 + len(leaves)), rules.Span("charging", 9, 9)),
        key="cd" * 32,
    )
    assert rules.Seal.read(seal.text()) == seal


@pytest.mark.parametrize("body", [{"a": 0.5}, {"a": [1, {"b": 1.0}]}, {1: "a"}, {"a": {1, 2}}, {"a": b"x"}])
def test_a_body_that_would_not_read_the_same_for_ever_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(rules.BodyRefused):
        rules.body_text(kind="a.b", subject="", ref="r", at=datetime(2026, 1, 1, tzinfo=UTC), body=body)


def test_two_equal_facts_have_commitments_that_differ() -> None:
    assert rules.commitment(b"a" * 32, b"{}") != rules.commitment(b"b" * 32, b"{}")
