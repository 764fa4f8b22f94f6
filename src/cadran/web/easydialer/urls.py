"""The addresses of EasyDialer. Its worker rules what lies below, and nothing else of the site."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from cadran.web.easydialer import app, callbacks, dialling

urlpatterns: list[URLPattern | URLResolver] = [
    path("", dialling.home, name="easydialer"),
    path("prepare/", dialling.prepare, name="easydialer_prepare"),
    path("ready/<slug:prepared_id>/", dialling.ready, name="easydialer_ready"),
    path("ready/<slug:prepared_id>/withdraw/", dialling.withdraw, name="easydialer_withdraw"),
    path("callback/", callbacks.order, name="easydialer_callback"),
    path("callback/<slug:key>/", callbacks.one, name="easydialer_state"),
    path("callback/<slug:key>/live/", callbacks.live, name="easydialer_live"),
    path("callback/<slug:key>/end/", callbacks.end, name="easydialer_end"),
    path("manifest.webmanifest", app.manifest, name="easydialer_manifest"),
    path("worker.js", app.worker, name="easydialer_worker"),
    path("offline/", app.offline, name="easydialer_offline"),
]
