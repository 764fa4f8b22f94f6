"""The addresses of this part of the site."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path, re_path

from cadran.web.accounts import agreed, connection, deposit, email, leaving, reports, security

urlpatterns: list[URLPattern | URLResolver] = [
    path("security/", security.overview, name="security"),
    path("security/sign-ins/<int:sign_in_id>/end/", security.end_sign_in, name="end_sign_in"),
    path("security/sign-out-everywhere/", security.sign_out_everywhere, name="sign_out_everywhere"),
    path("locked/", security.locked, name="account_locked"),
    path("email/", email.change, name="change_email"),
    re_path(r"^email/confirm/(?P<token>[-:.\w]{1,600})/$", email.confirm, name="confirm_new_email"),
    path("report/", reports.report, name="report"),
    path("cases/", reports.cases, name="cases"),
    path("cases/follow/", reports.follow, name="follow_case"),
    path("cases/<str:number>/", reports.case, name="case"),
    path("terms/", agreed.accepted, name="accepted_terms"),
    path("terms/approval/", agreed.approval, name="terms_approval"),
    path("connection/", connection.check, name="connection"),
    path("connection/down/", connection.down, name="connection_down"),
    path("connection/up/", connection.up, name="connection_up"),
    path("connection/result/", connection.result, name="connection_result"),
    path("data/", leaving.own_data, name="own_data"),
    path("close/", leaving.close, name="close_account"),
    path("registration/", deposit.state, name="registration"),
    path("registration/document/", deposit.document, name="registration_document"),
]
