"""The news, below a path of the project's choice."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [path("journal/", include("news.urls")), path("admin/", admin.site.urls)]
