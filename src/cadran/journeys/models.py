"""Tables of the journeys: what one member of staff proposes and another approves."""

from __future__ import annotations

from django.db import models

from cadran.journeys.proposals import rules
from cadran.journeys.rerating.rules import RunState


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


class FollowedTo(models.Model):
    """How far somebody who follows the calls has come: the position of the last record that was counted."""

    name = models.CharField(max_length=32, primary_key=True)
    position = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.name} {self.position}"


class CallCount(models.Model):
    """Calls of a brand that ended in a civil hour or day, by outcome. grain: `hour` or `day`; start: the civil hour (2026-03-01T14) or
    day (2026-03-01) in the brand's zone."""

    grain = models.CharField(max_length=4)
    start = models.CharField(max_length=13)
    brand = models.CharField(max_length=32)
    currency = models.CharField(max_length=3, blank=True)
    disposition = models.CharField(max_length=16)
    calls = models.BigIntegerField(default=0)
    seconds = models.BigIntegerField(default=0)
    micros = models.BigIntegerField(default=0)
    loss_micros = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["grain", "start", "brand", "currency", "disposition"], name="journeys_call_count_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.start} {self.brand} {self.disposition} {self.calls}"


class DestinationCount(models.Model):
    """Answered calls of a brand to one destination on a civil day."""

    day = models.CharField(max_length=10)
    brand = models.CharField(max_length=32)
    currency = models.CharField(max_length=3, blank=True)
    destination = models.CharField(max_length=80)
    destination_en = models.CharField(max_length=80, blank=True)
    calls = models.BigIntegerField(default=0)
    seconds = models.BigIntegerField(default=0)
    micros = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["day", "brand", "currency", "destination"], name="journeys_destination_count_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.brand} {self.destination} {self.calls}"


class CreditCount(models.Model):
    """Customers' unconsumed credit of a brand, as last seen on a civil day."""

    day = models.CharField(max_length=10)
    brand = models.CharField(max_length=32)
    currency = models.CharField(max_length=3)
    micros = models.BigIntegerField()
    held_micros = models.BigIntegerField()
    customers = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["day", "brand", "currency"], name="journeys_credit_count_once")]

    def __str__(self) -> str:
        return f"{self.day} {self.brand} {self.micros}"


class Rerating(models.Model):
    """A run that charges calls of the past again. What it covers never changes; ended_at and position say how far it has come, and
    the sums what was done up to there. most_up_micros and most_down_micros are what was approved."""

    rerating_id = models.CharField(max_length=40, unique=True)
    proposal_id = models.CharField(max_length=40, unique=True)
    brand = models.CharField(max_length=32)
    deck = models.CharField(max_length=40)
    version = models.CharField(max_length=40)
    prefixes = models.JSONField(default=list)
    since = models.DateTimeField()
    until = models.DateTimeField()
    last_position = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    reason = models.CharField(max_length=400)
    state = models.CharField(max_length=10, choices=[(s.value, s.value) for s in RunState])
    preview = models.JSONField(default=dict)
    most_up_micros = models.BigIntegerField()
    most_down_micros = models.BigIntegerField()
    total = models.BigIntegerField(default=0)
    ended_at = models.DateTimeField(null=True)
    position = models.BigIntegerField(default=0)
    looked_at = models.BigIntegerField(default=0)
    corrected = models.BigIntegerField(default=0)
    up_micros = models.BigIntegerField(default=0)
    down_micros = models.BigIntegerField(default=0)
    owed_micros = models.BigIntegerField(default=0)
    left = models.JSONField(default=dict)
    note = models.CharField(max_length=400, blank=True)
    proposed_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["state", "id"], name="journeys_rerating_state")]

    def __str__(self) -> str:
        return self.rerating_id


class ReratedAccount(models.Model):
    """What a run came to for one customer: calls corrected, micros up and down, what was left owed, and whether it was told."""

    rerating = models.ForeignKey(Rerating, on_delete=models.PROTECT, related_name="accounts")
    account = models.CharField(max_length=16, db_index=True)
    calls = models.BigIntegerField(default=0)
    up_micros = models.BigIntegerField(default=0)
    down_micros = models.BigIntegerField(default=0)
    owed_micros = models.BigIntegerField(default=0)
    told = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["rerating", "account"], name="journeys_rerated_once")]

    def __str__(self) -> str:
        return f"{self.rerating_id} {self.account}"
