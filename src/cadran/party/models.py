"""Tables of the party room: who signs in, who the customer is, what it accepted, which account pays, which SIP users it has."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.utils.crypto import salted_hmac

from cadran.party import rules, staff
from cadran.policy.append_only import AppendOnly


class UserManager(BaseUserManager["User"]):
    """Finds users by name whatever the case typed."""

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(username=(username or "").lower())


class User(AbstractBaseUser, PermissionsMixin):
    """Somebody who signs in to the site, by user name or e-mail, both kept in lower case."""

    username = models.CharField(max_length=32, unique=True)
    email = models.EmailField(unique=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    must_change_password = models.BooleanField(default=False)
    password_changed_at = models.DateTimeField(null=True)
    locked_at = models.DateTimeField(null=True)
    sign_in_epoch = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["email"]

    def __str__(self) -> str:
        return self.username

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """What each session must match: a new password or a new `sign_in_epoch` ends all of them at once, wherever they are."""
        salt = "cadran.party.models.User.sessions"
        return salted_hmac(salt, f"{self.password}:{self.sign_in_epoch}", secret=secret, algorithm="sha256").hexdigest()


class SignIn(models.Model):
    """A browser in which a user is signed in. The address is shortened before it is kept; `agent` is what the browser calls itself."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sign_ins")
    session_key = models.CharField(max_length=40, unique=True)
    address = models.CharField(max_length=45)
    agent = models.CharField(max_length=200)
    opened_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.user_id} from {self.address}"


class ConnectionCheck(models.Model):
    """What a customer's connection was measured at before use (IPP-0-prerequisites). Speeds in kbit/s, latency in milliseconds."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="connection_checks")
    down_kbit_s = models.PositiveIntegerField()
    up_kbit_s = models.PositiveIntegerField()
    latency_ms = models.PositiveIntegerField()
    device = models.CharField(max_length=16)
    fits = models.BooleanField()
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.user_id}: {self.down_kbit_s} down, {self.up_kbit_s} up"


class CustomerState(models.TextChoices):
    REGISTERED = "registered"
    ACTIVE = "active"
    BLOCKED = "blocked"
    ENDED = "ended"


class Customer(models.Model):
    """A natural person or a company that has a contract with a brand. `registered` until all that the terms ask for is proved.

    A company's names are its representative's. `phone` in E.164, `siren` 9 digits, `vat_number` with its country's letters.
    `certified`: what was certified at `certified_at`, of rules.Certificate, with the age.
    """

    user = models.OneToOneField("party.User", on_delete=models.PROTECT, related_name="customer")
    brand = models.CharField(max_length=32)
    kind = models.CharField(max_length=8, choices=[(k.value, k.value) for k in rules.CustomerKind])
    first_names = models.CharField(max_length=80, blank=True)
    name = models.CharField(max_length=80)
    company = models.CharField(max_length=80, blank=True)
    language = models.CharField(max_length=2)
    country = models.CharField(max_length=2)
    phone = models.CharField(max_length=16, blank=True)
    siren = models.CharField(max_length=9, blank=True)
    vat_number = models.CharField(max_length=16, blank=True)
    certified = models.CharField(max_length=60, blank=True)
    certified_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=CustomerState.choices, default=CustomerState.REGISTERED)
    state_reason = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()
    validated_at = models.DateTimeField(null=True)
    raised_duration = models.BooleanField(default=False)

    class Meta:
        indexes = [models.Index(fields=["state", "created_at"], name="party_customer_state")]

    def __str__(self) -> str:
        return self.company or f"{self.first_names} {self.name}".strip()

    def save(self, *args: Any, **kwargs: Any) -> None:
        """With the words under which staff find it: always those of the names that are kept, and of no others."""
        super().save(*args, **kwargs)
        named = {"name", "first_names", "company"}
        if kwargs.get("update_fields") is None or named & set(kwargs["update_fields"]):
            words = staff.words(f"{self.first_names} {self.name} {self.company}")
            self.words.exclude(word__in=words).delete()
            known = set(self.words.values_list("word", flat=True))
            CustomerWord.objects.bulk_create(
                CustomerWord(customer=self, word=word) for word in words if word not in known
            )


class BillingAccount(models.Model):
    """What pays: every charge, credit and call bears its number (A000001). `terms_ref` is the version last accepted."""

    number = models.CharField(max_length=16, unique=True)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="accounts")
    brand = models.CharField(max_length=32)
    currency = models.CharField(max_length=3)
    terms_ref = models.CharField(max_length=64)
    state = models.CharField(max_length=10, default="open")
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.number


class TermsAcceptance(AppendOnly):
    """One tick of one customer: document, version, hash of the text shown, language, instant, address (IPP-0-acceptance)."""

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="acceptances")
    document = models.CharField(max_length=16, choices=[(d.value, d.value) for d in rules.Document])
    ref = models.CharField(max_length=64)
    text_sha256 = models.CharField(max_length=64)
    language = models.CharField(max_length=2)
    at = models.DateTimeField()
    ip = models.GenericIPAddressField()

    def __str__(self) -> str:
        return f"{self.document} {self.ref}"


class SipState(models.TextChoices):
    ACTIVE = "active"
    BLOCKED = "blocked"
    MUST_CHANGE = "must-change"


class SipUser(models.Model):
    """A SIP identity of an account. `sealed_ha1` holds the digest secrets, encrypted; the password itself is kept nowhere."""

    username = models.CharField(max_length=32, unique=True)
    account = models.ForeignKey(BillingAccount, on_delete=models.PROTECT, related_name="sip_users")
    sealed_ha1 = models.TextField()
    state = models.CharField(max_length=12, choices=SipState.choices, default=SipState.ACTIVE)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.username


class CustomerWord(models.Model):
    """A word of a customer's names, without accents and in lower case, by which staff find it."""

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="words")
    word = models.CharField(max_length=40)

    class Meta:
        indexes = [models.Index(fields=["word", "customer"], name="party_word")]

    def __str__(self) -> str:
        return self.word


class StaffMember(models.Model):
    """Somebody of the operator, with a sign-in of its own and one role. `brands` empty: all of them."""

    user = models.OneToOneField("party.User", on_delete=models.PROTECT, related_name="staff_member")
    role = models.CharField(max_length=16, choices=[(role.value, role.value) for role in staff.Role])
    brands = models.JSONField(default=list)
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.user.username} ({self.role})"


class StaffAct(AppendOnly):
    """What a member of staff saw or did: who, whom, what, when, why, on which page. `account` is empty where nobody in particular
    was concerned."""

    staff = models.ForeignKey(StaffMember, on_delete=models.PROTECT, related_name="acts")
    kind = models.CharField(max_length=32)
    account = models.CharField(max_length=16, blank=True)
    subject = models.CharField(max_length=120, blank=True)
    page = models.CharField(max_length=64)
    reason = models.CharField(max_length=400, blank=True)
    at = models.DateTimeField()
    ip = models.GenericIPAddressField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["account", "-id"], name="party_staffact_account"),
            models.Index(fields=["staff", "-id"], name="party_staffact_staff"),
        ]

    def __str__(self) -> str:
        return f"{self.staff_id} {self.kind} {self.account}"


class StaffNote(AppendOnly):
    """A note of staff on a customer, for colleagues; the customer sees it in the export of its data."""

    staff = models.ForeignKey(StaffMember, on_delete=models.PROTECT, related_name="notes")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="staff_notes")
    text = models.CharField(max_length=2000)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.text[:40]


class PartnerChange(AppendOnly):
    """How a partner (carrier, card provider, mail server) is reached from an instant on; the last row of a kind, brand and name
    holds. `sealed` holds its secrets, encrypted; `resealed` names those that this change set."""

    kind = models.CharField(max_length=10)
    brand = models.CharField(max_length=32, blank=True)
    name = models.CharField(max_length=32, blank=True)
    stated = models.JSONField()
    sealed = models.TextField()
    resealed = models.JSONField(default=list)
    enabled = models.BooleanField(default=True)
    changed_by = models.BigIntegerField()
    changed_name = models.CharField(max_length=64)
    changed_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["kind", "brand", "name", "-id"], name="party_partner_newest")]

    def __str__(self) -> str:
        return f"{self.kind} {self.brand} {self.name}".strip()


from cadran.party.documents.models import IdentityDocument, IdentityFile  # noqa: E402, F401 - tables of a room within the room
