"""The addresses of this part of the site."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from cadran.web.calling import choices, contacts, numbers, overview

urlpatterns: list[URLPattern | URLResolver] = [
    path("access/", overview.access_numbers, name="access_numbers"),
    path("calling/", overview.calling, name="calling"),
    path("calling/minute/", choices.minute, name="minute_choice"),
    path("callers/", numbers.listed, name="calling_numbers"),
    path("callers/remove/", numbers.remove, name="remove_calling_number"),
    path("callers/<slug:proof_id>/", numbers.prove, name="prove_number"),
    path("pin/", choices.pin, name="pin"),
    path("contacts/", contacts.listed, name="contacts"),
    path("contacts/book/", contacts.book, name="contact_book"),
    path("contacts/contacts.vcf", contacts.download, name="contacts_file"),
    path("contacts/<slug:contact_id>/", contacts.one, name="contact"),
    path("contacts/<slug:contact_id>/remove/", contacts.remove, name="remove_contact"),
]
