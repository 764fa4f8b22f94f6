"""Contacts: whom the customer calls, under which key, how often and for how much; books taken in and given out."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from cadran.charging import usage
from cadran.journeys import contacts as journey
from cadran.numbering.access import queries as access
from cadran.party import queries as party
from cadran.party.calling import address_books, contacts, queries, rules
from cadran.units.clause import carries
from cadran.units.errors import CadranError
from cadran.web import wording
from cadran.web.accounts.limits import at_most
from cadran.web.calling import overview
from cadran.web.easydialer import app
from cadran.web.views.customer import for_customers

ON_PAGE = 100
CALLS_SHOWN = 20
CALLEES = 2000


class ContactForm(forms.Form):
    """A contact as it is typed."""

    name = forms.CharField(
        label=gettext_lazy("Nom"), max_length=80, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    number = forms.CharField(
        label=gettext_lazy("Numéro"),
        max_length=40,
        help_text=gettext_lazy("Avec + et l’indicatif pour un numéro à l’étranger."),
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "off", "inputmode": "tel"}),
    )
    key = forms.IntegerField(
        label=gettext_lazy("Touche abrégée"),
        required=False,
        min_value=rules.KEYS[0],
        max_value=rules.KEYS[1],
        help_text=gettext_lazy("De 1 à 99, ou rien."),
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off", "maxlength": "2"}),
    )
    note = forms.CharField(
        label=gettext_lazy("Note personnelle"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def wished(self, customer: party.Customer) -> contacts.Wished | None:
        """The contact, or None and the fields say why."""
        try:
            return journey.wished(customer=customer, **self.cleaned_data)
        except CadranError as error:
            self.refuse(error)
            return None

    def refuse(self, error: CadranError) -> None:
        """Say a failure at the field that it is about."""
        field = {"calling-contact-there": "number", "calling-key-taken": "key", "calling-key-invalid": "key"}.get(
            error.error_id, str(error.details.get("field") or "number")
        )
        said = wording.of(error)
        if name := error.details.get("name"):
            said = f"{said} ({name})"
        self.add_error(field if field in self.fields else None, said)


@carries("KRY-1.1-beneficiary")
@require_http_methods(["GET", "HEAD", "POST"])
@at_most(600, 3600, "contacts")
@for_customers
def listed(request: HttpRequest, customer: party.Customer) -> HttpResponse:
    """The contacts with what calls to each came to, a search, and the form for a new one."""
    form = ContactForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and (wished := form.wished(customer)):
        try:
            kept = contacts.add(account=customer.account, wished=wished, at=settings.CIVIL_CLOCK.now())
        except CadranError as error:
            form.refuse(error)
        else:
            messages.success(request, _("%(name)s est dans vos contacts.") % {"name": kept.name})
            return redirect("contacts")
    search = request.GET.get("q", "").strip()[:80].replace("\0", "")
    after = _place(request.GET.get("after", ""))
    found = queries.contacts(customer.account, matching=search, limit=ON_PAGE + 1, after=after)
    used = _used(customer) if found else {}
    context = {
        "customer": customer,
        "form": form,
        "search": search,
        "contacts": [(one, used.get(one.digits)) for one in found[:ON_PAGE]],
        "after": after,
        "next": after + ON_PAGE if len(found) > ON_PAGE else 0,
        "previous": max(0, after - ON_PAGE),
        "speed_dial": queries.speed_dial(customer.account),
        "most": rules.MOST_CONTACTS,
    }
    return render(request, "calling/contacts.html", context)


@carries("KRY-1.1-beneficiary")
@require_http_methods(["GET", "HEAD", "POST"])
@at_most(600, 3600, "contacts")
@for_customers
def one(request: HttpRequest, customer: party.Customer, contact_id: str) -> HttpResponse:
    """A contact: to be changed, and the calls that were made to it with what they cost."""
    contact = queries.contact(customer.account, contact_id)
    if contact is None:
        raise Http404
    form = ContactForm(
        request.POST or None,
        initial={"name": contact.name, "number": f"+{contact.digits}", "key": contact.key, "note": contact.note},
    )
    at = settings.CIVIL_CLOCK.now()
    if request.method == "POST" and form.is_valid() and (wished := form.wished(customer)):
        try:
            contacts.change(account=customer.account, contact_id=contact_id, wished=wished, at=at)
        except CadranError as error:
            form.refuse(error)
        else:
            messages.success(request, _("C’est enregistré."))
            return redirect("contact", contact_id)
    wanted = usage.Wanted(number=contact.digits)
    found = [number for number in access.access_numbers(customer.brand, at) if number.is_open(at)]
    context: dict[str, Any] = {
        "customer": customer,
        "contact": contact,
        "form": form,
        "totals": usage.totals(account=customer.account, wanted=wanted),
        "calls": usage.page(account=customer.account, wanted=wanted, limit=CALLS_SHOWN).calls,
        "nearest": overview.nearest(found, customer) if found else None,
        "easydialer": app.ways(customer.brand, at),
    }
    return render(request, "calling/contact.html", context)


@require_POST
@for_customers
def remove(request: HttpRequest, customer: party.Customer, contact_id: str) -> HttpResponse:
    """Keep a contact no longer; the calls stay in the list of calls."""
    try:
        contacts.remove(account=customer.account, contact_id=contact_id)
    except contacts.ContactUnknown:
        raise Http404 from None
    messages.success(request, _("Ce contact est retiré ; les appels restent dans votre liste d’appels."))
    return redirect("contacts")


@carries("KRY-1.1-beneficiary")
@require_http_methods(["GET", "HEAD", "POST"])
@at_most(20, 3600, "contact-book")
@for_customers
def book(request: HttpRequest, customer: party.Customer) -> HttpResponse:
    """Take in a vCard or CSV file; what could not be read is told line by line."""
    taken, refused = None, ""
    given = request.FILES.get("book") if request.method == "POST" else None
    if request.method == "POST" and given is None:
        refused = _("Choisissez un fichier.")
    if given is not None:
        try:
            data = (
                b" " * (address_books.MOST_BYTES + 1) if (given.size or 0) > address_books.MOST_BYTES else given.read()
            )
            taken = journey.take_in(customer=customer, data=data, at=settings.CIVIL_CLOCK.now())
        except CadranError as error:
            refused = wording.of(error)
        else:
            said = ngettext("%(n)s contact ajouté.", "%(n)s contacts ajoutés.", taken.added)
            messages.success(request, said % {"n": taken.added})
            if not taken.unread:
                return redirect("contacts")
    context = {"customer": customer, "taken": taken, "refused": refused, "most": rules.MOST_CONTACTS}
    return render(request, "calling/book.html", context, status=400 if refused else 200)


@require_safe
@for_customers
def download(request: HttpRequest, customer: party.Customer) -> HttpResponse:
    """All contacts as vCard."""
    answer = HttpResponse(journey.book(customer.account), content_type="text/vcard; charset=utf-8")
    answer.headers["Content-Disposition"] = 'attachment; filename="contacts.vcf"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _used(customer: party.Customer) -> dict[str, usage.Callee]:
    """What the calls to each number came to."""
    found = usage.callees(account=customer.account, wanted=usage.Wanted(), limit=CALLEES)
    return {callee.number: callee for callee in found}


def _place(typed: str) -> int:
    return min(int(typed), rules.MOST_CONTACTS) if typed.isascii() and typed.isdigit() and len(typed) <= 4 else 0
