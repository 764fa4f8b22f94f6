"""Reports of lost codes and of abuse, by the customer signed in or by somebody outside, and the cases that come of them."""

from __future__ import annotations

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from cadran.compliance import operations, queries, rules
from cadran.journeys import reports
from cadran.party import queries as party
from cadran.units import ids
from cadran.units.clause import carries
from cadran.units.errors import CadranError
from cadran.web import serving
from cadran.web.accounts.limits import at_most
from cadran.web.views.customer import for_customers

KINDS = {
    rules.Kind.LOST_CODES: gettext_lazy("Codes perdus ou volés"),
    rules.Kind.ABUSE: gettext_lazy("Usage abusif de votre compte"),
    rules.Kind.DATA_ACCESS: gettext_lazy("Accès à vos données"),
    rules.Kind.DATA_ERASURE: gettext_lazy("Effacement de vos données"),
    rules.Kind.BILLING: gettext_lazy("Facturation et crédit"),
    rules.Kind.OTHER: gettext_lazy("Autre demande"),
}
LOST = {
    rules.Lost.SITE: gettext_lazy("Le mot de passe du site, ou un appareil où je suis connecté"),
    rules.Lost.SIP: gettext_lazy("Le mot de passe SIP, ou un téléphone qui le connaît"),
    rules.Lost.FACTOR: gettext_lazy("Le téléphone ou la clé de ma double authentification"),
}


class ReportForm(forms.Form):
    """What happened, and what must be blocked."""

    kind = forms.ChoiceField(
        label=gettext_lazy("Que s’est-il passé ?"),
        choices=[
            (rules.Kind.LOST_CODES.value, gettext_lazy("J’ai perdu des codes, ou on me les a volés")),
            (rules.Kind.ABUSE.value, gettext_lazy("Quelqu’un utilise mon compte : bloquez tout")),
        ],
        initial=rules.Kind.LOST_CODES.value,
        widget=forms.RadioSelect,
    )
    lost = forms.MultipleChoiceField(
        label=gettext_lazy("Qu’est-ce qui est perdu ou volé ?"),
        choices=[(one.value, label) for one, label in LOST.items()],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    text = forms.CharField(
        label=gettext_lazy("Ce que vous avez remarqué (facultatif)"),
        max_length=rules.MAX_TEXT,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    key = forms.CharField(max_length=60, widget=forms.HiddenInput)

    def clean(self) -> dict[str, object]:
        data: dict[str, object] = super().clean() or self.cleaned_data
        if data.get("kind") == rules.Kind.LOST_CODES and not data.get("lost"):
            self.add_error("lost", _("Cochez au moins une case."))
        return data


class OutsideReportForm(ReportForm):
    """The same by somebody who is not signed in: both must belong to one account for anything to be blocked."""

    user_name = forms.CharField(
        label=gettext_lazy("Nom d’utilisateur"),
        max_length=64,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}),
    )
    email = forms.CharField(
        label=gettext_lazy("Adresse e-mail du compte"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email", "spellcheck": "false"}),
    )


@carries("IPP-5.3-codes", "KRY-4.2.2-session-safety")
@require_http_methods(["GET", "HEAD", "POST"])
@at_most(6, 3600, "report")
def report(request: HttpRequest) -> HttpResponse:
    """Report lost codes or abuse. The answer to somebody outside is the same whether an account is known or not."""
    customer = party.customer(user_id=request.user.pk) if request.user.is_authenticated else None
    form_class = ReportForm if customer is not None else OutsideReportForm
    form = form_class(request.POST or None, initial={"key": ids.new_id("report")})
    if request.method != "POST" or not form.is_valid():
        return render(request, "accounts/report.html", {"form": form, "inside": customer is not None})
    data, at = form.cleaned_data, settings.CIVIL_CLOCK.now()
    what = {
        "kind": rules.Kind(data["kind"]),
        "lost": {rules.Lost(one) for one in data["lost"]},
        "text": data["text"],
        "key": data["key"],
        "at": at,
    }
    try:
        if customer is not None:
            case = reports.report(customer=customer, **what)
        else:
            case = reports.report_from_outside(
                brand=serving.brand_key(), user_name=data["user_name"], email=data["email"], **what
            )
    except (CadranError, ids.InvalidKey):
        form.add_error(None, _("Cette demande n’a pas pu être lue : rechargez la page et recommencez."))
        return render(request, "accounts/report.html", {"form": form, "inside": customer is not None}, status=422)
    context = {"case": case, "inside": customer is not None, "abuse": case.kind is rules.Kind.ABUSE}
    return render(request, "accounts/reported.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@for_customers
def cases(request: HttpRequest, customer: party.Customer) -> HttpResponse:
    """One's own cases; writing opens another one."""
    form = OpenCaseForm(request.POST or None, initial={"key": ids.new_id("case")})
    if request.method == "POST" and form.is_valid():
        try:
            opened = operations.open_case(
                key=f"inside:{customer.account}:{form.cleaned_data['key']}",
                kind=rules.Kind(form.cleaned_data["kind"]),
                account=customer.account,
                brand=customer.brand,
                text=form.cleaned_data["text"],
                at=settings.CIVIL_CLOCK.now(),
            )
            return redirect("case", number=opened.number)
        except (CadranError, ids.InvalidKey):
            form.add_error(None, _("Cette demande n’a pas pu être lue : rechargez la page et recommencez."))
    found = [(one, KINDS[one.kind]) for one in queries.cases(account=customer.account)]
    return render(request, "accounts/cases.html", {"cases": found, "form": form})


class OpenCaseForm(forms.Form):
    """A question or request to the operator."""

    kind = forms.ChoiceField(
        label=gettext_lazy("Sujet"),
        choices=[
            (kind.value, label)
            for kind, label in KINDS.items()
            if kind not in {rules.Kind.LOST_CODES, rules.Kind.ABUSE}
        ],
        initial=rules.Kind.OTHER.value,
    )
    text = forms.CharField(
        label=gettext_lazy("Votre message"), max_length=rules.MAX_TEXT, widget=forms.Textarea(attrs={"rows": 5})
    )
    key = forms.CharField(max_length=60, widget=forms.HiddenInput)


class WriteForm(forms.Form):
    """Something further in a case."""

    text = forms.CharField(
        label=gettext_lazy("Ajouter un message"), max_length=rules.MAX_TEXT, widget=forms.Textarea(attrs={"rows": 4})
    )


@require_http_methods(["GET", "HEAD", "POST"])
@for_customers
def case(request: HttpRequest, customer: party.Customer, number: str) -> HttpResponse:
    """One of one's own cases: how it stands, what was said; another customer's is not found."""
    try:
        found = queries.case(number, account=customer.account)
    except (queries.UnknownCase, rules.InvalidCase):
        raise Http404 from None
    form = WriteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            operations.write(
                number=found.number,
                account=customer.account,
                text=form.cleaned_data["text"],
                at=settings.CIVIL_CLOCK.now(),
            )
            messages.success(request, _("Votre message est dans le dossier."))
            return redirect("case", number=found.number)
        except CadranError:
            form.add_error("text", _("Ce dossier est clos : ouvrez-en un autre."))
    context = {
        "case": found,
        "label": KINDS[found.kind],
        "entries": queries.entries(found.number),
        "form": form,
        "blocked": [LOST[rules.Lost(one)] for one in found.blocked],
    }
    return render(request, "accounts/case.html", context)


@carries("IPP-5.3-codes")
@require_http_methods(["GET", "HEAD", "POST"])
@at_most(20, 3600, "follow-case")
def follow(request: HttpRequest) -> HttpResponse:
    """How a case stands, by its tracking number alone: its subject, state and dates, and nothing of what was said in it."""
    typed, found, wrong = request.POST.get("number", "")[:60], None, False
    if request.method == "POST":
        try:
            found = queries.case(typed)
            wrong = found.brand != serving.brand_key()
        except (queries.UnknownCase, rules.InvalidCase):
            wrong = True
    context = {"typed": typed, "wrong": wrong, "case": None if wrong else found}
    context["label"] = KINDS[found.kind] if found and not wrong else ""
    return render(request, "accounts/follow.html", context)
