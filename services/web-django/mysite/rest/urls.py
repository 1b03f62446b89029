"""The URLs below ``/rest/``."""

from __future__ import annotations

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView
from rest_framework.routers import DefaultRouter

from mysite.rest import pages, views

app_name = "rest"

router = DefaultRouter()
router.APIRootView = pages.Root
router.register("articles", views.ArticleViewSet, basename="article")
router.register("categories", views.CategoryViewSet, basename="category")
router.register("tags", views.TagViewSet, basename="tag")
router.register("comments", views.CommentViewSet, basename="comment")

urlpatterns = [
    path("token/", views.TokenView.as_view(), name="token"),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", pages.Docs.as_view(), name="docs"),
    path("", include(router.urls)),
]
