"""Tables of the compliance room: cases with their deadline and what was said in them, and what is kept of a closed account."""

from __future__ import annotations

from django.db import models

from cadran.compliance import rules
from cadran.policy.append_only import AppendOnly


class Case(models.Model):
    """A matter that the operator must deal with by `due_at`. `account` is empty where nobody is known by what was given."""

    number = models.CharField(max_length=20, unique=True)
    kind = models.CharField(max_length=16, choices=[(kind.value, kind.value) for kind in rules.Kind])
    state = models.CharField(max_length=8, choices=[(state.value, state.value) for state in rules.State])
    account = models.CharField(max_length=16, blank=True, db_index=True)
    brand = models.CharField(max_length=32)
    key = models.CharField(max_length=128, unique=True)
    channel = models.CharField(max_length=8)
    blocked = models.JSONField(default=list)
    clause = models.CharField(max_length=64)
    opened_at = models.DateTimeField()
    due_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["state", "due_at"], name="compliance_case_due")]

    def __str__(self) -> str:
        return self.number


class CaseEntry(AppendOnly):
    """One thing said in a case, written once. `author`: customer, operator or system; `by` names the operator's person."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="entries")
    author = models.CharField(max_length=8)
    by = models.CharField(max_length=64, blank=True)
    text = models.TextField()
    at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "case entries"

    def __str__(self) -> str:
        return f"{self.case_id} {self.at:%Y-%m-%d}"


class Retained(models.Model):
    """What is still kept of a closed account for one purpose, sealed, until `delete_at`: then a due act removes it."""

    account = models.CharField(max_length=16)
    purpose = models.CharField(max_length=24)
    sealed = models.TextField()
    clause = models.CharField(max_length=64)
    source = models.CharField(max_length=80)
    kept_at = models.DateTimeField()
    delete_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "purpose"], name="compliance_kept_once")]

    def __str__(self) -> str:
        return f"{self.account} {self.purpose}"
