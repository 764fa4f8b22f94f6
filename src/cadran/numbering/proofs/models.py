"""The table of proofs."""

from __future__ import annotations

from django.db import models


class NumberProof(models.Model):
    """One code told on a number for an account. The code itself is kept nowhere: `digest` is keyed by the installation, the account
    and the number. origin: a keyed digest of the address from which it was asked for. means: how it is told, `voice` or `sms`.

    proved_at: the code was given back right. used_at: the number was recorded for the account, or the account let it be.
    """

    proof_id = models.CharField(max_length=40, unique=True)
    brand = models.CharField(max_length=32)
    account = models.CharField(max_length=16)
    digits = models.CharField(max_length=15)
    digest = models.CharField(max_length=64)
    origin = models.CharField(max_length=32)
    means = models.CharField(max_length=8)
    tries = models.PositiveSmallIntegerField(default=0)
    asked_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    proved_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["digits", "-asked_at"], name="proofs_number"),
            models.Index(fields=["account", "-asked_at"], name="proofs_account"),
            models.Index(fields=["origin", "-asked_at"], name="proofs_origin"),
            models.Index(fields=["brand", "-asked_at"], name="proofs_brand"),
            models.Index(fields=["asked_at"], name="proofs_age"),
        ]

    def __str__(self) -> str:
        return f"{self.proof_id}: +{self.digits} for {self.account}"
