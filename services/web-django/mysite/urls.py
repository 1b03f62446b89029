"""The site's URLs."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from mysite import health, icon

urlpatterns = [
    path("", include("news.urls")),
    path("accounts/", include("accounts.urls")),
    path("rest/", include("mysite.rest.urls")),
    path("graphql/", include("mysite.graphql.urls")),
    path("admin/", admin.site.urls),
    path("favicon.ico", icon.icon),
    path("healthz", health.healthz, name="healthz"),
]

handler400 = "mysite.errors.bad_request"
handler404 = "mysite.errors.not_found"
handler500 = "mysite.errors.server_error"
