"""The addresses of the pages about the API. The API itself, under v1/, is answered by its doorway before any page is looked for."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from cadran.web.api import pages

urlpatterns: list[URLPattern | URLResolver] = [
    path("", pages.documentation, name="api_documentation"),
    path("problems/", pages.problem_table, name="api_problems"),
]
