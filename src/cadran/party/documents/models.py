"""Tables of identity documents: what was submitted and decided, and where each encrypted file lies."""

from __future__ import annotations

from django.db import models

from cadran.party.documents import rules


class IdentityDocument(models.Model):
    """One submission of a customer: both sides, the last day of validity, and what staff decided.

    `erase_on`: the day on which its files go; none while the contract lasts. `sealed_key`: the data key of its files, under the
    master key named by `master`; both are emptied when it is erased.
    """

    public_id = models.CharField(max_length=40, unique=True)
    key = models.CharField(max_length=128)
    customer = models.ForeignKey("party.Customer", on_delete=models.PROTECT, related_name="identity_documents")
    kind = models.CharField(max_length=20, choices=[(k.value, k.value) for k in rules.Kind])
    expires_on = models.DateField()
    state = models.CharField(max_length=12, choices=[(s.value, s.value) for s in rules.State])
    reason = models.CharField(max_length=32, blank=True)
    note = models.CharField(max_length=rules.MAX_NOTE, blank=True)
    submitted_at = models.DateTimeField()
    reviewed_at = models.DateTimeField(null=True)
    reviewed_by = models.CharField(max_length=64, blank=True)
    erase_on = models.DateField(null=True)
    erased_at = models.DateTimeField(null=True)
    master = models.CharField(max_length=16, blank=True)
    sealed_key = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["customer", "key"], name="party_document_key_once"),
            models.UniqueConstraint(
                fields=["customer"], condition=models.Q(state="awaiting"), name="party_document_one_awaits"
            ),
        ]
        indexes = [
            models.Index(fields=["state", "submitted_at"], name="party_document_queue"),
            models.Index(fields=["erase_on"], name="party_document_erasure", condition=models.Q(erased_at=None)),
            models.Index(fields=["master"], name="party_document_master"),
        ]

    def __str__(self) -> str:
        return self.public_id


class IdentityFile(models.Model):
    """One side, encrypted in the file `stored` of the documents folder: a name of ours, never the customer's."""

    document = models.ForeignKey(IdentityDocument, on_delete=models.PROTECT, related_name="files")
    side = models.CharField(max_length=8)
    stored = models.CharField(max_length=40, unique=True)
    media_type = models.CharField(max_length=32)
    pages = models.PositiveSmallIntegerField()
    size = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["document", "side"], name="party_document_side_once")]

    def __str__(self) -> str:
        return f"{self.document_id} {self.side}"
