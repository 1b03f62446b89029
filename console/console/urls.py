"""The console's addresses."""

from __future__ import annotations

from django.contrib import admin
from django.urls import path

from console import access, readiness

urlpatterns = [
    path("healthz", readiness.healthz, name="healthz"),
    path("readyz", readiness.readyz, name="readyz"),
    path("console/readiness/", readiness.page, name="readiness"),
    path("internal/auth/operator", access.operator, name="operator"),
    path("console/", admin.site.urls),
]

handler500 = "console.middleware.server_error"
