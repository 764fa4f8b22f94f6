"""Tables of the journeys: what one member of staff proposes and another approves."""

from __future__ import annotations

from django.db import models

from cadran.journeys.proposals import rules


class Proposal(models.Model):
    """A deed of staff that waits for a second person, or needed none. What it says never changes; its state does."""

    proposal_id = models.CharField(max_length=40, unique=True)
    key = models.CharField(max_length=128, unique=True)
    kind = models.CharField(max_length=16, choices=[(k.value, k.value) for k in rules.ProposalKind])
    brand = models.CharField(max_length=32)
    account = models.CharField(max_length=16, blank=True, db_index=True)
    subject = models.CharField(max_length=64, blank=True)
    amount_micros = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3, blank=True)
    body = models.JSONField(default=dict)
    reason = models.CharField(max_length=400)
    state = models.CharField(max_length=10, choices=[(s.value, s.value) for s in rules.ProposalState])
    alone = models.BooleanField(default=False)
    proposed_by = models.BigIntegerField()
    proposed_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        indexes = [models.Index(fields=["state", "expires_at"], name="journeys_proposal_due")]

    def __str__(self) -> str:
        return self.proposal_id


class ProposalStep(models.Model):
    """What became of a proposal: the state that it took, who brought it there (0: the machine), when and why. Append-only."""

    proposal = models.ForeignKey(Proposal, on_delete=models.PROTECT, related_name="steps")
    state = models.CharField(max_length=10)
    by = models.BigIntegerField()
    by_name = models.CharField(max_length=64)
    at = models.DateTimeField()
    note = models.CharField(max_length=400, blank=True)

    def __str__(self) -> str:
        return f"{self.proposal_id} {self.state}"


class TermsDraft(models.Model):
    """A version of a brand's terms that is being written: values and texts as typed, right or wrong. `revision` grows with each save,
    so that two who write at once do not undo each other."""

    draft_id = models.CharField(max_length=40, unique=True)
    brand = models.CharField(max_length=32)
    base = models.CharField(max_length=30)
    version = models.CharField(max_length=60, blank=True)
    title = models.CharField(max_length=200, blank=True)
    effective_from = models.CharField(max_length=10, blank=True)
    key_change = models.BooleanField(default=False)
    stated = models.JSONField(default=dict)
    texts = models.JSONField(default=dict)
    revision = models.PositiveIntegerField(default=1)
    closed = models.CharField(max_length=10, blank=True)
    edited_by = models.BigIntegerField()
    edited_name = models.CharField(max_length=64)
    edited_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.draft_id
