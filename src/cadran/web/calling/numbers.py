"""The numbers that a customer calls from: proved by a code told on them, listed, removed."""

from __future__ import annotations

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from cadran.journeys import calling_numbers as journey
from cadran.journeys import telling
from cadran.numbering import operations as numbering_operations
from cadran.numbering import queries as numbering
from cadran.numbering.proofs import operations, queries, rules
from cadran.party import queries as party
from cadran.units.clause import carries
from cadran.units.errors import CadranError
from cadran.web import wording
from cadran.web.accounts.limits import at_most
from cadran.web.forms import client_ip, language
from cadran.web.templatetags.shown import phone
from cadran.web.views.customer import for_customers


class NumberForm(forms.Form):
    """A number to be proved, as dialled in the customer's country."""

    number = forms.CharField(
        label=gettext_lazy("Le numéro de votre téléphone"),
        help_text=gettext_lazy(
            "Comme vous le composez, ou avec + et l’indicatif du pays. Nous appelons, et disons un code."
        ),
        max_length=40,
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "tel", "inputmode": "tel"}),
    )


class CodeForm(forms.Form):
    """The code that was told on the phone."""

    code = forms.CharField(
        label=gettext_lazy("Les six chiffres entendus"),
        max_length=16,
        widget=forms.TextInput(
            attrs={"inputmode": "numeric", "autocomplete": "one-time-code", "class": "code-input", "maxlength": "9"}
        ),
    )


@carries("KRY-4.4.1-caller-id")
@require_http_methods(["GET", "HEAD", "POST"])
@at_most(30, 3600, "calling-number")
@for_customers
def listed(request: HttpRequest, customer: party.Customer) -> HttpResponse:
    """The numbers, and the form that has a code told on another."""
    at = settings.CIVIL_CLOCK.now()
    form = NumberForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            asked = journey.ask(
                customer=customer,
                text=form.cleaned_data["number"],
                origin=client_ip(request),
                language=language(),
                teller=telling.teller(),
                at=at,
            )
        except CadranError as error:
            form.add_error("number", wording.of(error))
        else:
            _sandbox_hint(request, asked)
            return redirect("prove_number", asked.proof_id)
    context = {
        "customer": customer,
        "numbers": numbering.calling_numbers(customer.account),
        "most": rules.MOST_NUMBERS,
        "form": form,
        "waiting": queries.waiting(account=customer.account, at=at),
    }
    return render(request, "calling/numbers.html", context)


@carries("KRY-4.4.1-caller-id")
@require_http_methods(["GET", "HEAD", "POST"])
@at_most(60, 3600, "number-code")
@for_customers
def prove(request: HttpRequest, customer: party.Customer, proof_id: str) -> HttpResponse:
    """Give the code back; where another account has the number, move it here or leave it there."""
    at = settings.CIVIL_CLOCK.now()
    proof = queries.proof(proof_id=proof_id, account=customer.account, at=at)
    if proof is None:
        raise Http404
    if proof.state == "used":
        return redirect("calling_numbers")
    form = CodeForm()
    if request.method == "POST" and proof.state in ("waiting", "proved"):
        if request.POST.get("do") == "leave":
            operations.leave(proof_id=proof_id, account=customer.account, at=at)
            messages.info(request, _("Rien n’est changé."))
            return redirect("calling_numbers")
        form = CodeForm(request.POST)
        if _proved(request, customer, proof, form):
            messages.success(
                request,
                _("%(number)s est l’un de vos numéros d’appel : appelez, vous serez reconnu.")
                % {"number": phone(proof.digits)},
            )
            return redirect("calling_numbers")
        proof = queries.proof(proof_id=proof_id, account=customer.account, at=at) or proof
    return render(
        request,
        "calling/prove.html",
        {"customer": customer, "proof": proof, "form": form, "heard": telling.heard(proof_id)},
    )


def _proved(request: HttpRequest, customer: party.Customer, proof: queries.Proof, form: CodeForm) -> bool:
    at, account = settings.CIVIL_CLOCK.now(), customer.account
    try:
        if request.POST.get("do") == "claim":
            operations.claim(proof_id=proof.proof_id, account=account, at=at)
        elif not form.is_valid():
            return False
        else:
            operations.give_code(proof_id=proof.proof_id, account=account, code=form.cleaned_data["code"], at=at)
    except operations.HeldElsewhere:
        return False
    except CadranError as error:
        form.is_valid()
        form.add_error(None, wording.of(error))
        return False
    return True


@require_POST
@for_customers
def remove(request: HttpRequest, customer: party.Customer) -> HttpResponse:
    """The customer is recognised by that number no longer."""
    digits = request.POST.get("number", "")[:16]
    try:
        operations.remove(account=customer.account, digits=digits, by=customer.username, at=settings.CIVIL_CLOCK.now())
    except numbering_operations.NumberNotHeld:
        raise Http404 from None
    messages.success(request, _("%(number)s ne vous identifie plus.") % {"number": phone(digits)})
    return redirect("calling_numbers")


def _sandbox_hint(request: HttpRequest, asked: journey.Asked) -> None:
    """Where nothing real rings, the page says what would be heard."""
    if settings.SANDBOX and not settings.PUBLIC:
        messages.info(
            request,
            _("Bac à sable : aucun vrai téléphone ne sonne. Le code dit est %(code)s.")
            % {"code": f"{asked.code[:3]} {asked.code[3:]}"},
        )
