"""The addresses of the site."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.urls import include, path


def health(request: HttpRequest) -> JsonResponse:
    """Answers as soon as pages can be served."""
    return JsonResponse({"status": "ok"})


urlpatterns = [
    path("health", health, name="health"),
    path("account/", include("allauth.account.urls")),
]
