"""A registration after the first page: what is missing, what waits, what was refused and why; and giving an identity document."""

from __future__ import annotations

import uuid
from typing import Any

from allauth.core import ratelimit
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_safe

from cadran.party import queries as party
from cadran.party.documents import operations, queries, rules
from cadran.policy import queries as policy
from cadran.units.clause import carries
from cadran.units.errors import CadranError
from cadran.web import serving, uploads, wording

# HEIC is left out, so that an iPhone gives a JPEG by itself.
TYPES = "image/jpeg,image/png,image/webp,application/pdf"
KINDS = [
    (rules.Kind.IDENTITY_CARD.value, _("Carte d’identité")),
    (rules.Kind.PASSPORT.value, _("Passeport")),
    (rules.Kind.RESIDENCE_PERMIT.value, _("Titre de séjour")),
]


class DepositForm(forms.Form):
    """Both sides of an identity document. The files' names and declared types are never looked at."""

    kind = forms.ChoiceField(label=_("Quel document ?"), choices=KINDS, initial=KINDS[0][0], widget=forms.RadioSelect)
    expires_on = forms.DateField(
        label=_("Valable jusqu’au"),
        help_text=_("Le dernier jour de validité inscrit sur le document."),
        widget=forms.DateInput(attrs={"type": "date", "autocomplete": "off"}, format="%Y-%m-%d"),
        input_formats=["%Y-%m-%d", "%d/%m/%Y"],
        error_messages={"invalid": _("Écrivez une date comme 31/12/2030.")},
    )
    front = forms.FileField(
        label=_("Recto"),
        allow_empty_file=True,
        help_text=_("Pour un passeport : la page de la photo."),
        error_messages={"required": _("Choisissez une photo ou un PDF.")},
    )
    back = forms.FileField(
        label=_("Verso"),
        allow_empty_file=True,
        required=False,
        help_text=_("Pour un passeport : la page en regard. Inutile si votre PDF contient déjà les deux côtés."),
    )
    key = forms.RegexField(
        regex=r"^[0-9a-f]{32}$", widget=forms.HiddenInput, error_messages={"invalid": _("Rechargez la page.")}
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["key"].initial = uuid.uuid4().hex
        for side in operations.SIDES:
            self.fields[side].widget = forms.FileInput(attrs={"accept": TYPES})

    def submit(self, *, customer: party.Customer) -> bool:
        """Whether the document was taken; otherwise the fields say why."""
        data = self.cleaned_data
        files: dict[str, bytes] = {}
        for side in operations.SIDES:
            if (given := data.get(side)) is not None:
                files[side] = b"\0" * (rules.MAX_BYTES + 1) if isinstance(given, uploads.TooLarge) else given.read()
        try:
            operations.submit(
                submission=operations.Submission(
                    customer_id=customer.id,
                    key=data["key"],
                    kind=data["kind"],
                    expires_on=data["expires_on"],
                    files=files,
                ),
                at=settings.CIVIL_CLOCK.now(),
            )
        except CadranError as error:
            self.add_error(_field(error), wording.of(error))
            return False
        return True

    def problems(self) -> list[tuple[forms.BoundField, str]]:
        """Each field with an error and its first one, for the summary."""
        return [(self[name], str(self.errors[name][0])) for name in self.fields if name in self.errors]


def _field(error: CadranError) -> str | None:
    if isinstance(error, rules.DocumentExpired):
        return "expires_on"
    if isinstance(error, rules.SideMissing):
        return "back"
    side = error.details.get("side")
    return str(side) if side in operations.SIDES else None


@carries("KRY-4.1-registration", "IPP-5.2-validation")
@require_safe
@login_required
def state(request: HttpRequest) -> HttpResponse:
    """Where a registration stands; an open account goes to its dashboard."""
    customer = _own(request)
    if customer is None or customer.state not in {"registered", "active"}:
        return render(request, "web/not_open.html", {"customer": customer}, status=403)
    if customer.active:
        return redirect("dashboard")
    return render(request, "accounts/registration.html", _standing(customer))


@carries("KRY-4.1-registration")
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def document(request: HttpRequest) -> HttpResponse:
    """The page on which both sides are given, again after a refusal."""
    customer = _own(request)
    if customer is None or customer.state != "registered":
        return redirect("registration")
    standing = _standing(customer)
    if standing["waits"] or not standing["needed"]:
        return redirect("registration")
    form = DepositForm(request.POST or None, request.FILES or None)
    if request.method == "POST":
        if not ratelimit.consume(request, action="deposit", user=request.user):
            return render(request, "429.html", status=429)
        if form.is_valid() and form.submit(customer=customer):
            messages.success(request, _("Vos documents sont arrivés. Nous les vérifions et vous écrivons."))
            return redirect("registration")
    most = rules.MAX_BYTES // 1024 // 1024
    return render(
        request, "accounts/document.html", standing | {"form": form, "most_mb": most, "pages": rules.MAX_PAGES}
    )


def _own(request: HttpRequest) -> party.Customer | None:
    customer = party.customer(user_id=request.user.pk or 0)
    return customer if customer is not None and customer.brand == serving.brand_key() else None


def _standing(customer: party.Customer) -> dict[str, Any]:
    """What the pages show: `needed` sides of a document (0: none), the last one given, whether it waits or was refused."""
    needed = queries.sides_needed(customer.terms)
    last = next(iter(queries.documents_of(customer_id=customer.id)), None) if needed else None
    return {
        "customer": customer,
        "missing": party.missing(user_id=customer.user_id),
        "needed": needed,
        "last": last,
        "waits": last is not None and last.state == "awaiting",
        "refused": last is not None and last.state == "refused",
        "accepted": last is not None and last.state == "accepted",
        "reason": wording.REFUSALS.get(last.reason, "") if last else "",
        "kept_years": policy.law("retention.civil_identity_years", settings.CIVIL_CLOCK.now()).integer(),
    }
