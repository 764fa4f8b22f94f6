from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import papers
from cadran import settings
from cadran.party import operations as party
from cadran.party import queries as party_queries
from cadran.party import rules as party_rules
from cadran.party.documents import inspector, operations, queries, rules, strongbox
from cadran.party.models import IdentityDocument, IdentityFile
from cadran.party.staff import Role
from cadran.policy.models import Event

AT = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
PHOTO = papers.photo()
pytestmark = pytest.mark.django_db
TICKS = tuple(
    party_rules.Accepted(document=one, ref="kryptoow/2018-01", text_sha256="ab" * 32, language="fr")
    for one in party_rules.Document
)
Register = Callable[..., party_queries.Customer]
Submit = Callable[..., queries.Document]


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder of its own, and files inspected at once."""
    monkeypatch.setattr(settings, "VAR", tmp_path)
    monkeypatch.setattr(inspector, "inspected", lambda raw: _at_once(raw))
    return tmp_path


def _at_once(raw: bytes) -> Any:
    try:
        return inspector.inspection.inspect(raw, max_bytes=rules.MAX_BYTES, max_pages=rules.MAX_PAGES)
    except inspector.inspection.Refused as error:
        raise inspector.refusal(str(error)) from error


@pytest.fixture
def member(register: Register) -> party_queries.Customer:
    """A customer of KRYPTOOW whose e-mail address is validated and whose identity is not."""
    made = register(
        brand="kryptoow", accepted=TICKS, sip_line=False, sip_password="", phone="06 12 34 56 78", phone_needed=True
    )
    return party.validate_email(user_id=made.user_id, email=made.email, at=AT)


@pytest.fixture
def submit(member: party_queries.Customer) -> Submit:
    """Gives both sides; keyword arguments vary the submission."""

    def run(at: datetime = AT, **changes: Any) -> queries.Document:
        given = operations.Submission(
            customer_id=member.id,
            key="one",
            kind="identity-card",
            expires_on=date(2030, 1, 1),
            files={"front": PHOTO, "back": PHOTO},
        )
        return operations.submit(submission=dataclasses.replace(given, **changes), at=at)

    return run


def state_of(customer: party_queries.Customer) -> str:
    return party_queries.customer_of_account(customer.account).state


@pytest.mark.clause("KRY-4.1-registration", "IPP-5.2-validation")
def test_an_account_opens_once_address_and_document_are_both_validated(
    member: party_queries.Customer, submit: Submit
) -> None:
    assert (member.state, party_queries.missing(user_id=member.user_id)) == ("registered", ("identity-document",))
    document = submit()
    assert (document.state, state_of(member)) == ("awaiting", "registered")
    assert operations.accept(document_id=document.document_id, by="staff", at=AT).state == "accepted"
    assert state_of(member) == "active"
    assert [event.key for event in Event.objects.filter(kind="party.customer-validated")] == [member.account]


@pytest.mark.clause("KRY-4.1-registration")
def test_the_order_does_not_matter_the_address_may_be_last(register: Register) -> None:
    made = register(
        brand="kryptoow", accepted=TICKS, sip_line=False, phone="0612345678", email="z@example.org", user_name="zoe"
    )
    given = operations.Submission(
        customer_id=made.id, key="k", kind="passport", expires_on=date(2030, 1, 1), files={"front": papers.pdf(2)}
    )
    operations.accept(document_id=operations.submit(submission=given, at=AT).document_id, by="staff", at=AT)
    assert state_of(made) == "registered"
    assert party.validate_email(user_id=made.user_id, email=made.email, at=AT).state == "active"


@pytest.mark.clause("KRY-4.1-registration")
@pytest.mark.parametrize(
    ("files", "taken"),
    [
        ({"front": PHOTO, "back": PHOTO}, True),
        ({"front": papers.pdf(2)}, True),
        ({"front": papers.pdf(1), "back": PHOTO}, True),
        ({"front": PHOTO}, False),
        ({"front": papers.pdf(1)}, False),
        ({"back": PHOTO}, False),
        ({}, False),
    ],
)
def test_two_sides_are_asked_for(submit: Submit, files: dict[str, bytes], taken: bool) -> None:
    if taken:
        assert submit(files=files).state == "awaiting"
        return
    with pytest.raises(rules.SideMissing) as caught:
        submit(files=files)
    assert caught.value.details["needed"] == 2
    assert not IdentityDocument.objects.exists()


@pytest.mark.clause("KRY-4.1-registration")
@pytest.mark.parametrize(
    ("at", "last_day", "valid"),
    [
        (datetime(2026, 3, 1, 22, 59, tzinfo=UTC), date(2026, 3, 1), True),
        (datetime(2026, 3, 1, 23, 0, tzinfo=UTC), date(2026, 3, 1), False),  # midnight in Paris
        (AT, date(2087, 1, 1), False),
    ],
)
def test_a_document_is_valid_to_the_end_of_its_last_day_in_paris(
    submit: Submit, at: datetime, last_day: date, valid: bool
) -> None:
    if valid:
        submit(at=at, expires_on=last_day)
    else:
        with pytest.raises(rules.DocumentExpired):
            submit(at=at, expires_on=last_day)


def test_a_document_that_expired_before_its_review_is_not_accepted(
    submit: Submit, member: party_queries.Customer
) -> None:
    document = submit(expires_on=date(2026, 3, 1))
    with pytest.raises(rules.DocumentExpired):
        operations.accept(document_id=document.document_id, by="staff", at=AT + timedelta(days=1))
    assert state_of(member) == "registered"


@pytest.mark.clause("KRY-4.1-registration")
def test_a_refusal_says_why_and_another_document_may_be_given(submit: Submit, member: party_queries.Customer) -> None:
    first = submit()
    with pytest.raises(rules.UnknownReason):
        operations.refuse(document_id=first.document_id, reason="because", by="staff", at=AT)
    refused = operations.refuse(
        document_id=first.document_id, reason="unreadable", note=" The back  is dark ", by="lea", at=AT
    )
    assert (refused.state, refused.reason, refused.note, refused.reviewed_by) == (
        "refused",
        "unreadable",
        "The back is dark",
        "lea",
    )
    assert refused.erase_on == date(2026, 3, 16)
    event = Event.objects.get(kind="party.document-refused")
    assert (event.body["account"], event.body["reason"]) == (member.account, "unreadable")
    second = submit(key="two")
    assert second.document_id != first.document_id
    operations.accept(document_id=second.document_id, by="lea", at=AT)
    assert state_of(member) == "active"


def test_a_document_is_decided_once(submit: Submit) -> None:
    document = submit()
    operations.refuse(document_id=document.document_id, reason="bad-faith", by="lea", at=AT)
    with pytest.raises(operations.UnableToReview):
        operations.accept(document_id=document.document_id, by="tom", at=AT)
    with pytest.raises(operations.UnableToReview):
        operations.refuse(document_id=document.document_id, reason="expired", by="tom", at=AT)


def test_the_same_deposit_twice_is_one_and_another_one_waits_for_the_decision(submit: Submit) -> None:
    first = submit()
    assert submit().document_id == first.document_id
    with pytest.raises(operations.UnableToSubmit):
        submit(key="two")
    assert IdentityFile.objects.count() == 2
    assert len(list(strongbox.files())) == 2


def test_a_brand_that_asks_for_no_document_takes_none(customer: party_queries.Customer) -> None:
    given = operations.Submission(
        customer_id=customer.id,
        key="k",
        kind="passport",
        expires_on=date(2030, 1, 1),
        files={"front": PHOTO, "back": PHOTO},
    )
    with pytest.raises(operations.UnableToSubmit):
        operations.submit(submission=given, at=AT)


def test_the_queue_shows_the_oldest_first(register: Register, submit: Submit) -> None:
    late = submit(at=AT + timedelta(hours=1))
    other = register(
        brand="kryptoow", accepted=TICKS, sip_line=False, phone="0612345678", email="z@example.org", user_name="zoe"
    )
    given = operations.Submission(
        customer_id=other.id, key="one", kind="passport", expires_on=date(2030, 1, 1), files={"front": papers.pdf(2)}
    )
    early = operations.submit(submission=given, at=AT)
    assert [one.document_id for one in queries.awaiting_review()] == [early.document_id, late.document_id]
    assert queries.awaiting_review(brand="izikall") == ()
    assert queries.awaiting_count(brand="kryptoow") == 2


@pytest.mark.clause("KRY-4.1-registration")
def test_files_lie_encrypted_under_names_of_ours_for_us_alone(submit: Submit, state: Path) -> None:
    submit()
    stored = [path for path in (state / "documents").rglob("*") if path.is_file()]
    assert len(stored) == 2
    for path in stored:
        assert len(path.name) == 32
        assert path.stat().st_mode & 0o077 == 0
        assert b"JFIF" not in path.read_bytes()
    assert (state / "documents").stat().st_mode & 0o077 == 0


@pytest.fixture
def reviewer(db: None) -> int:
    """The user id of somebody who reviews documents for KRYPTOOW."""
    return _staff("lea", Role.COMPLIANCE, ("kryptoow",))


def _staff(name: str, role: Role, brands: tuple[str, ...] = ()) -> int:
    made = party.make_staff(
        user_name=name, email=f"{name}@staff.example", password="vent-du-large-29", role=role, brands=brands, at=AT
    )
    return made.user_id


@pytest.mark.clause("KRY-4.1-registration")
def test_staff_who_review_open_a_file_and_nobody_else(
    submit: Submit, member: party_queries.Customer, reviewer: int
) -> None:
    document = submit()
    opened = queries.open_file(document_id=document.document_id, side="front", by=reviewer)
    assert opened.media_type == "image/jpeg"
    assert opened.content[:3] == b"\xff\xd8\xff"
    for other in (member.user_id, 0, _staff("rob", Role.ROUTING)):
        with pytest.raises(queries.NotForYou):
            queries.open_file(document_id=document.document_id, side="front", by=other)
    with pytest.raises(queries.UnknownDocument):
        queries.open_file(document_id=document.document_id, side="front", by=_staff("eve", Role.COMPLIANCE, ("ippi",)))
    with pytest.raises(queries.UnknownDocument):
        queries.open_file(document_id=document.document_id, side="../front", by=reviewer)


@pytest.mark.parametrize("harm", ["alter", "cut", "swap", "remove"])
def test_an_altered_moved_or_lost_file_does_not_open(submit: Submit, reviewer: int, harm: str) -> None:
    document = submit()
    front, back = (strongbox._path(one.stored) for one in IdentityFile.objects.order_by("side").reverse())
    raw = front.read_bytes()
    match harm:
        case "alter":
            front.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
        case "cut":
            front.write_bytes(raw[:20])
        case "swap":
            back.replace(front)
        case "remove":
            front.unlink()
    with pytest.raises(strongbox.DocumentUnreadable):
        queries.open_file(document_id=document.document_id, side="front", by=reviewer)


@pytest.mark.parametrize("name", ["../../secrets/documents", "..", "/etc/passwd", "a" * 31, "A" * 32, "a" * 32 + "/x"])
def test_a_stored_name_never_leaves_its_folder(name: str) -> None:
    with pytest.raises(strongbox.DocumentUnreadable):
        strongbox.discard(name)


def test_nothing_stays_of_a_deposit_that_breaks_off(
    submit: Submit, monkeypatch: pytest.MonkeyPatch, state: Path
) -> None:
    monkeypatch.setattr(operations, "_tell", lambda *a, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        submit()
    assert not IdentityDocument.objects.exists()
    assert list(strongbox.files()) == []


def test_orphans_are_swept_once_they_are_an_hour_old(submit: Submit, state: Path) -> None:
    submit()
    strongbox.store(b"x", key=b"k" * 32, document="idd_x", side="front")
    unfinished = state / "documents" / "ab" / f".{'ab' * 16}.part"
    unfinished.parent.mkdir(exist_ok=True)
    unfinished.write_bytes(b"half")
    now_s = max(written_s for _, written_s in strongbox.files())
    assert operations.sweep(now_s=now_s + 3599) == 0
    assert operations.sweep(now_s=now_s + 3601) == 2
    assert len(list(strongbox.files())) == 2


@pytest.mark.clause("KRY-4.1-registration")
def test_a_rotated_key_opens_what_was_sealed_before_and_the_old_one_is_gone(submit: Submit, reviewer: int) -> None:
    document = submit()
    old = settings.secret("documents")
    before = queries.open_file(document_id=document.document_id, side="back", by=reviewer)
    assert operations.rotate_key() == 1
    fresh = settings.secret("documents")
    assert fresh != old
    assert len(fresh.split()) == 1
    assert queries.open_file(document_id=document.document_id, side="back", by=reviewer) == before


def test_a_rotation_that_broke_off_goes_on_with_the_same_new_key(submit: Submit, reviewer: int) -> None:
    document = submit()
    operations.rotate_key(limit=0)
    started = settings.secret("documents").split()
    assert len(started) == 2
    queries.open_file(document_id=document.document_id, side="back", by=reviewer)
    assert operations.rotate_key() == 1
    assert settings.secret("documents").split() == started[:1]
    queries.open_file(document_id=document.document_id, side="back", by=reviewer)


def test_keys_kept_outside_are_dropped_by_their_keeper(submit: Submit, monkeypatch: pytest.MonkeyPatch) -> None:
    submit()
    old = settings.secret("documents")
    monkeypatch.setenv("CADRAN_SECRET_DOCUMENTS", f"{'n' * 40} {old}")
    assert operations.rotate_key() == 1
    monkeypatch.setenv("CADRAN_SECRET_DOCUMENTS", "n" * 40)
    row = IdentityDocument.objects.get()
    assert strongbox.unwrap(row.sealed_key, row.master, row.public_id)


@pytest.mark.clause("KRY-4.1-registration")
def test_refused_files_are_erased_after_fifteen_days_and_the_decision_stays(submit: Submit, reviewer: int) -> None:
    document = submit()
    operations.refuse(document_id=document.document_id, reason="unreadable", by="lea", at=AT)
    due = datetime(2026, 3, 15, 23, 0, tzinfo=UTC)  # 16 March in Paris
    assert queries.next_erasure() == due
    assert operations.erase_due(at=due - timedelta(seconds=1)) == 0
    assert operations.erase_due(at=due) == 1
    assert (queries.next_erasure(), list(strongbox.files())) == (None, [])
    kept = queries.document(document.document_id)
    assert (kept.state, kept.reason, kept.files, kept.erased_at) == ("refused", "unreadable", (), due)
    with pytest.raises(queries.UnknownDocument):
        queries.open_file(document_id=document.document_id, side="front", by=reviewer)


@pytest.mark.clause("LAW-retention")
def test_an_accepted_document_stays_five_years_after_the_contract_and_others_go_at_once(
    submit: Submit, member: party_queries.Customer
) -> None:
    first = submit()
    operations.refuse(document_id=first.document_id, reason="unreadable", by="lea", at=AT)
    second = submit(key="two")
    operations.accept(document_id=second.document_id, by="lea", at=AT)
    assert queries.document(second.document_id).erase_on is None
    operations.contract_ended(customer_id=member.id, at=datetime(2028, 2, 29, 12, 0, tzinfo=UTC))
    assert queries.document(second.document_id).erase_on == date(2033, 3, 1)
    assert queries.document(first.document_id).erase_on == date(2026, 3, 16)


def test_a_registration_that_ends_takes_its_documents_along(register: Register) -> None:
    made = register(brand="kryptoow", accepted=TICKS, sip_line=False, phone="0612345678")
    given = operations.Submission(
        customer_id=made.id, key="k", kind="passport", expires_on=date(2030, 1, 1), files={"front": papers.pdf(2)}
    )
    document = operations.submit(submission=given, at=AT)
    party.end_registration(user_id=made.user_id, reason="never validated", at=AT)
    assert operations.erase_due(at=AT) == 1
    assert queries.document(document.document_id).state == "superseded"
    assert queries.awaiting_review() == ()


def test_a_validated_address_waits_for_its_documents_and_does_not_lapse(member: party_queries.Customer) -> None:
    assert party_queries.oldest_unvalidated() is None
    assert party.end_unvalidated_registrations(before=AT + timedelta(days=900), at=AT) == 0


def test_of_two_deposits_that_pass_each_other_one_is_kept(submit: Submit, monkeypatch: pytest.MonkeyPatch) -> None:
    inspected = operations._inspected

    def overtaken(side: str, raw: bytes) -> Any:
        monkeypatch.setattr(operations, "_inspected", inspected)
        assert submit(key="other").state == "awaiting"
        return inspected(side, raw)

    monkeypatch.setattr(operations, "_inspected", overtaken)
    with pytest.raises(operations.UnableToSubmit):
        submit(key="this")
    assert [row.key for row in IdentityDocument.objects.all()] == ["other"]
    assert len(list(strongbox.files())) == 2
