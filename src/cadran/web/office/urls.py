"""The addresses of the back office."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from cadran.web.office.desk import urls as desk
from cadran.web.office.views import start

app_name = "office"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", start.start, name="start"),
    *desk.urlpatterns,
]
