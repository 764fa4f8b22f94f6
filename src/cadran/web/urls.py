"""The addresses of the site."""

from __future__ import annotations

from allauth.account import views as allauth_views
from django.urls import URLPattern, URLResolver, include, path, re_path, register_converter

from cadran.web.accounts import agreed, signup
from cadran.web.api import hook_pages
from cadran.web.api import pages as api_pages
from cadran.web.views import (
    automatic,
    consumption,
    corrected,
    customer,
    desk,
    phones,
    public,
    topup,
    vouchers,
    warning_choice,
)


class VersionConverter:
    """The version of some terms, such as 2018-04."""

    regex = "[A-Za-z0-9][A-Za-z0-9.-]{0,29}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(VersionConverter, "version")

urlpatterns: list[URLPattern | URLResolver] = [
    path("", public.home, name="home"),
    path("health", public.health, name="health"),
    path("prices/", public.prices, name="prices"),
    path("terms/", public.terms, name="terms"),
    path("terms/<version:version>/", public.terms, name="terms_version"),
    path("terms/<version:old>/compare/<version:new>/", agreed.compare, name="terms_compare"),
    path("legal/", public.notice, {"part": "legal"}, name="legal"),
    path("special/", public.notice, {"part": "special"}, name="special"),
    path("descriptions/", public.described, {"part": "descriptions"}, name="descriptions"),
    path("offers/", public.described, {"part": "offers"}, name="offers"),
    path("brand.css", public.brand_css, name="brand_css"),
    path("language/", public.set_language, name="set_language"),
    path("dashboard/", desk.dashboard, name="dashboard"),
    path("dashboard/live/", desk.live, name="live"),
    path("dashboard/favourites/", desk.favourite, name="favourite"),
    path("calls/", consumption.calls, name="calls"),
    path("calls/calls.csv", consumption.calls_csv, name="calls_csv"),
    path("calls/<str:cdr_id>/", consumption.why, name="why"),
    path("calls/<str:cdr_id>/question/", corrected.question, name="question_correction"),
    path("account/reratings/<str:rerating_id>/", corrected.rerating, name="rerating"),
    path("statement/", consumption.statement, name="statement"),
    path("statement/<path:movement>/", consumption.movement, name="movement"),
    path("sip/", phones.sip, name="sip"),
    path("sip/devices/", phones.drop, name="drop_device"),
    path("sip/proposal", signup.proposal, name="sip_proposal"),
    path("payments/", topup.payments, name="payments"),
    path("payments/receipts/<str:number>.pdf", topup.receipt, name="receipt"),
    path("payments/automatic/", automatic.choose, name="automatic_topup"),
    path("topup/", topup.choose, name="topup"),
    path("topup/voucher/", vouchers.redeem, name="voucher_redeem"),
    path("topup/voucher/<str:redemption_id>/", vouchers.shown, name="voucher"),
    path("topup/<str:order_id>/", topup.order, name="topup_order"),
    path("payments/webhooks/card", topup.card_notice, name="card_notice"),
    path("numbers/", customer.numbers, name="numbers"),
    path("preferences/warnings/", warning_choice.choose, name="warning_choice"),
    path("preferences/", customer.preferences, name="preferences"),
    path("account/", customer.account, name="account"),
    path("account/", include("cadran.web.accounts.urls")),
    path("account/api-keys/", api_pages.customer_keys, name="api_keys"),
    path("account/webhooks/", hook_pages.customer_webhooks, name="webhooks"),
    path("account/2fa/", include("allauth.mfa.urls")),
    path("", include("cadran.web.calling.urls")),
    path("easydialer/", include("cadran.web.easydialer.urls")),
    path("office/", include("cadran.web.office.urls")),
    path("api/", include("cadran.web.api.urls")),
    # Sign-in: allauth's views, those that this site uses.
    path("account/signup/", signup.signup, name="account_signup"),
    path("account/login/", allauth_views.login, name="account_login"),
    path("account/logout/", allauth_views.logout, name="account_logout"),
    path("account/inactive/", allauth_views.account_inactive, name="account_inactive"),
    path("account/reauthenticate/", allauth_views.reauthenticate, name="account_reauthenticate"),
    path("account/confirm-email/", allauth_views.email_verification_sent, name="account_email_verification_sent"),
    re_path(
        r"^account/confirm-email/(?P<key>[-:\w]{1,200})/$", allauth_views.confirm_email, name="account_confirm_email"
    ),
    path("account/password/change/", allauth_views.password_change, name="account_change_password"),
    path("account/password/set/", allauth_views.password_set, name="account_set_password"),
    path("account/password/reset/", allauth_views.password_reset, name="account_reset_password"),
    path("account/password/reset/done/", allauth_views.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^account/password/reset/key/(?P<uidb36>[0-9A-Za-z]{1,20})-(?P<key>.{1,200})/$",
        allauth_views.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path(
        "account/password/reset/key/done/",
        allauth_views.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
]

handler400 = "cadran.web.views.public.bad_request"
handler403 = "cadran.web.views.public.forbidden"
handler404 = "cadran.web.views.public.not_found"
handler500 = "cadran.web.views.public.failed"
