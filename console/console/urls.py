"""The console's addresses."""

from __future__ import annotations

from allauth.account import views
from django.contrib import admin
from django.urls import include, path

from console import access, readiness

urlpatterns = [
    path("healthz", readiness.healthz, name="healthz"),
    path("readyz", readiness.readyz, name="readyz"),
    path("console/readiness/", readiness.page, name="readiness"),
    path("internal/auth/operator", access.operator, name="operator"),
    path("internal/login", access.log_in, name="log_in"),
    # Of allauth's pages only these: operators neither register nor reset passwords themselves.
    path("console/login/", views.login, name="account_login"),
    path("console/logout/", views.logout, name="account_logout"),
    path("console/reauthenticate/", views.reauthenticate, name="account_reauthenticate"),
    path("console/second-factor/", include("allauth.mfa.urls")),
    path("console/", admin.site.urls),
]

handler500 = "console.middleware.server_error"
