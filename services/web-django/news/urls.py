"""The URLs of the news pages."""

from __future__ import annotations

from django.urls import path

from news import feeds, interaction, views

app_name = "news"

urlpatterns = [
    path("", views.ArticleListView.as_view(), name="list"),
    path("search/", views.SearchView.as_view(), name="search"),
    path("news/category/<slug:slug>/", views.CategoryView.as_view(), name="category"),
    path("news/tag/<slug:slug>/", views.TagView.as_view(), name="tag"),
    path("news/<slug:slug>/", views.ArticleDetailView.as_view(), name="detail"),
    path("news/<slug:slug>/comment/", interaction.comment, name="comment"),
    path("newsletter/", interaction.subscribe, name="newsletter"),
    path("newsletter/confirm/<str:token>/", interaction.confirm, name="newsletter-confirm"),
    path("newsletter/leave/<str:token>/", interaction.leave, name="newsletter-leave"),
    path("feed/", feeds.ArticleFeed(), name="feed"),
    path("sitemap.xml", feeds.sitemap, name="sitemap"),
    path("robots.txt", feeds.robots, name="robots"),
]
