"""The registration form of a brand: who, how to sign in, how phones sign in where the brand has phones, and the ticks."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

from allauth.account import forms as allauth_forms
from django import forms
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cadran.journeys import registration
from cadran.party import identity, vault
from cadran.party import queries as party
from cadran.party import rules as party_rules
from cadran.policy import queries as policy
from cadran.units.clause import carries
from cadran.units.errors import CadranError
from cadran.web import serving, wording
from cadran.web.forms import DOCUMENT_LABELS, Tick, client_ip, countries, language

COMPANY, PERSON = party_rules.CustomerKind.COMPANY, party_rules.CustomerKind.PERSON
_PROPOSED = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false", "data-proposal": ""}


class Countries(forms.Select):
    """The countries, those that the operator closed told and not to be chosen."""

    closed: tuple[str, ...] = ()

    def create_option(self, name: str, value: Any, label: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(name, value, label, *args, **kwargs)
        if value in self.closed:
            option["label"] = gettext("%(country)s (fermé)") % {"country": label}
            option["attrs"]["disabled"] = True
        return option


@carries("KRY-4.1-registration", "KRY-4.1-capacity", "IPP-1b-age", "IPP-0-acceptance", "KRY-2.1-acceptance")
class SignupForm(allauth_forms.SignupForm):  # type: ignore[misc]
    """Registration. A field that the brand does not ask for is not there; each tick names the text that was shown."""

    kind = forms.ChoiceField(
        label=_("Vous êtes"),
        choices=[("person", _("Un particulier")), ("company", _("Une entreprise, une association, un organisme"))],
        initial="person",
        widget=forms.RadioSelect,
    )
    company = forms.CharField(label=_("Raison sociale"), max_length=80, required=False)
    siren = forms.CharField(
        label=_("SIREN"),
        max_length=20,
        required=False,
        help_text=_("9 chiffres. Les organismes établis hors de France n’en ont pas : laissez vide."),
    )
    vat_number = forms.CharField(
        label=_("Numéro de TVA intracommunautaire"),
        max_length=20,
        required=False,
        help_text=_("Si vous en avez un, par exemple FR40303265045."),
    )
    first_names = forms.CharField(label=_("Prénoms"), max_length=80)
    name = forms.CharField(label=_("Nom"), max_length=80)
    country = forms.ChoiceField(label=_("Pays de résidence"), choices=countries, initial="FR", widget=Countries)
    phone = forms.CharField(
        label=_("Téléphone"),
        max_length=30,
        help_text=_(
            "Pour vous joindre au sujet de votre compte, avec l’indicatif du pays s’il est autre que le vôtre."
        ),
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "tel", "inputmode": "tel"}),
    )
    sip_password = forms.CharField(
        label=_("Mot de passe SIP"),
        max_length=64,
        help_text=_("Celui que vous taperez dans votre téléphone. Gardez notre proposition ou choisissez le vôtre."),
        widget=forms.TextInput(attrs=_PROPOSED),
    )
    adult = forms.BooleanField(required=False)
    binds = forms.BooleanField(required=False)
    solvent = forms.BooleanField(required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        at = settings.CIVIL_CLOCK.now()
        self.brand = policy.brand(serving.brand_key())
        self.asked = registration.asked(brand=self.brand.key, at=at)
        self.terms = policy.terms_in_force(self.brand.key, at)
        self.offered = registration.documents(brand=self.brand.key, language=language(), at=at)
        self.repeated = False
        self._keep_what_is_asked()
        self._word()
        for offered in self.offered:
            self.fields[f"accept_{offered.document.value}"] = forms.CharField(
                label=DOCUMENT_LABELS[offered.document],
                widget=Tick(attrs={"value": offered.token}),
                error_messages={"required": _("Cochez cette case après avoir lu le document.")},
            )

    def _keep_what_is_asked(self) -> None:
        dropped = [] if self.asked.phone else ["phone"]
        dropped += [] if self.asked.sip_line else ["sip_password"]
        if not self.asked.companies:
            self.fields["kind"].choices = [("person", _("Un particulier"))]
            dropped += ["company", "siren", "vat_number", "binds", "solvent"]
        elif party_rules.Certificate.SOLVENT not in self.asked.company_certifies:
            dropped += ["solvent"]
        for name in dropped:
            del self.fields[name]

    def _word(self) -> None:
        fields = self.fields
        fields["adult"].label = gettext("Je certifie avoir %(age)s ans ou plus.") % {"age": self.asked.minimum_age}
        for name, label in (
            ("binds", _("Je certifie être habilité à engager l’organisme que je représente.")),
            ("solvent", _("Je certifie qu’aucune procédure collective n’est ouverte à son égard.")),
        ):
            if name in fields:
                fields[name].label = label
        fields["email"].label = _("Adresse e-mail")
        fields["email"].help_text = _("Elle identifie votre compte : un lien de confirmation y est envoyé.")
        fields["username"].label = _("Nom d’utilisateur")
        fields["username"].help_text = (
            _("Pour vous connecter ici, et le nom de votre ligne SIP. Lettres et chiffres.")
            if self.asked.sip_line
            else _("Pour vous connecter ici. Lettres et chiffres.")
        )
        fields["password1"].label = _("Mot de passe du site")
        fields["password1"].help_text = _(
            "10 caractères au moins, lettres et chiffres mêlés. Le plus sûr et le plus facile à retenir : trois ou quatre mots sans "
            "rapport, et un nombre. Les mots de passe courants sont refusés."
        )
        fields["country"].widget.closed = self.asked.closed_countries
        if "sip_password" in fields:
            fields["sip_password"].initial = vault.propose_sip_password()
        for name in ("username", "email", "password1"):
            fields[name].widget.attrs.pop("placeholder", None)
        fields["username"].widget.attrs |= {"autocapitalize": "none", "spellcheck": "false"}
        fields["password1"].widget.attrs |= {"data-secret": ""}
        for name, token in (("first_names", "given-name"), ("name", "family-name"), ("country", "country")):
            fields[name].widget.attrs["autocomplete"] = token
        for name, token in (("company", "organization"), ("siren", "off"), ("vat_number", "off")):
            if name in fields:
                fields[name].widget.attrs["autocomplete"] = token

    def ticks(self) -> list[tuple[registration.Offered, forms.BoundField]]:
        """Each document with its tick box, for the page."""
        return [(offered, self[f"accept_{offered.document.value}"]) for offered in self.offered]

    def certificates(self) -> list[tuple[str, forms.BoundField]]:
        """What is certified, and by whom: person or company."""
        return [(who, self[name]) for name, who in _CERTIFIED_BY if name in self.fields]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        kind = party_rules.CustomerKind(data.get("kind") or "person")
        country = data.get("country") or "FR"
        for field in {"first_names", "name"} & data.keys():
            self._check(field, functools.partial(party_rules.checked_name, data[field]))
        if "country" in data:
            self._check("country", lambda: identity.checked_country(country, self.terms))
        if data.get("phone"):
            self._check("phone", lambda: identity.checked_phone(data["phone"], country=country))
        if kind is COMPANY:
            self._clean_company(data, country)
        if "sip_password" in data:
            self._check("sip_password", lambda: self._checked_sip_password(data))
        for who, box in self.certificates():
            if who == kind.value and not data.get(box.name):
                self.add_error(box.name, _("Cochez cette case pour continuer."))
        for offered, tick in self.ticks():
            if tick.name in data and data[tick.name] != offered.token:
                self.add_error(tick.name, wording.of(registration.DocumentChanged("")))
        self._notice_repeat()
        return data

    def _clean_company(self, data: dict[str, Any], country: str) -> None:
        self._check("company", lambda: party_rules.checked_name(data.get("company") or "", kind=COMPANY))
        self._check("siren", lambda: identity.checked_siren(data.get("siren") or "", country=country))
        siren = self.cleaned_data.get("siren") or ""
        self._check(
            "vat_number",
            lambda: identity.checked_vat_number(data.get("vat_number") or "", country=country, siren=siren),
        )

    def _checked_sip_password(self, data: dict[str, Any]) -> str:
        return party_rules.checked_sip_password(
            data["sip_password"], user_name=data.get("username") or "\0", site_password=data.get("password1")
        )

    def _check(self, field: str, rule: Callable[[], object]) -> None:
        try:
            self.cleaned_data[field] = rule()
        except CadranError as error:
            self.add_error(field, wording.of(error))

    def _notice_repeat(self) -> None:
        """The button pressed twice: the second time the name is taken, by this very registration, whose password it knows."""
        if set(self.errors) == {"username"} and party.is_registration_of(
            username=self.data.get("username", ""),
            email=self.cleaned_data.get("email", ""),
            password=self.cleaned_data.get("password1", ""),
        ):
            self.repeated = True
            del self._errors["username"]

    def problems(self) -> Iterator[tuple[forms.BoundField, str]]:
        """Each field with an error and its first one, in the order of the page, for the summary."""
        for name in [*_ORDER, *(name for name in self.fields if name not in _ORDER)]:
            if name in self.fields and name in self.errors:
                yield self[name], str(self.errors[name][0])

    def try_save(self, request: HttpRequest) -> Any:
        """As slow for an address that has an account as for a new one, whose password is hashed: the time tells nothing."""
        if self.account_already_exists:
            make_password(self.cleaned_data["password1"])
        return super().try_save(request)

    def save(self, request: HttpRequest) -> Any:
        """Register through the journey. Called by try_save when no account has the address; see allauth's SignupForm."""
        data = self.cleaned_data
        kind = party_rules.CustomerKind(data["kind"])
        company = kind is COMPANY
        wish = registration.Wish(
            email=data["email"],
            user_name=data["username"],
            password=data["password1"],
            sip_password=data.get("sip_password") or "",
            name=data["name"],
            first_names=data["first_names"],
            phone=data.get("phone") or "",
            company=(data.get("company") or "") if company else "",
            siren=(data.get("siren") or "") if company else "",
            vat_number=(data.get("vat_number") or "") if company else "",
            kind=kind,
            language=language(),
            country=data["country"],
            adult=bool(data.get("binds") if company else data.get("adult")),
            solvent=bool(data.get("solvent")),
            ticked={offered.document: data[f"accept_{offered.document.value}"] for offered in self.offered},
            ip=client_ip(request),
        )
        customer = registration.register(brand=self.brand.key, wish=wish, at=settings.CIVIL_CLOCK.now())
        return get_user_model().objects.get(pk=customer.user_id)


_CERTIFIED_BY = (("adult", PERSON.value), ("binds", COMPANY.value), ("solvent", COMPANY.value))
_ORDER = (
    *("kind", "company", "siren", "vat_number", "first_names", "name", "country", "phone", "email", "username"),
    *("password1", "sip_password", "adult", "binds", "solvent"),
)
