"""The registration page, with its proposal of a SIP password; the rest of sign-in is allauth's, with our templates."""

from __future__ import annotations

from typing import Any

import structlog
from allauth.account import views as allauth_views
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_GET

from cadran.party import operations as party_operations
from cadran.party import vault
from cadran.units.errors import CadranError
from cadran.web import wording

log = structlog.get_logger()


class SignupView(allauth_views.SignupView):  # type: ignore[misc]
    """The registration page. The button `propose` gives another SIP password without JavaScript, keeping what was typed."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if "propose" not in request.POST:
            return super().post(request, *args, **kwargs)  # type: ignore[no-any-return]
        typed = request.POST.copy()
        typed["sip_password"] = vault.propose_sip_password()
        form = self.get_form_class()(initial={name: typed[name] for name in typed})
        form.fields["password1"].widget.render_value = True
        response = self.render_to_response(self.get_context_data(form=form, proposed=True))
        add_never_cache_headers(response)
        return response  # type: ignore[no-any-return]

    def form_valid(self, form: Any) -> HttpResponse:
        if form.repeated:
            return redirect("account_email_verification_sent")
        try:
            return super().form_valid(form)  # type: ignore[no-any-return]
        except party_operations.EmailTaken:  # lost a race against the same address: said as for any known address
            return redirect("account_email_verification_sent")
        except CadranError as error:
            log.info("registration-refused", error=error.error_id)
            field = "username" if isinstance(error, party_operations.UserNameTaken) else None
            form.add_error(field, wording.of(error))
            return self.form_invalid(form)  # type: ignore[no-any-return]


signup = SignupView.as_view()


@require_GET
def proposal(request: HttpRequest) -> HttpResponse:
    """A fresh strong SIP password as plain text, for the button with JavaScript."""
    response = HttpResponse(vault.propose_sip_password(), content_type="text/plain; charset=utf-8")
    add_never_cache_headers(response)
    return response
