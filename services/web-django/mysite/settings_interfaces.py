"""The settings of the REST interface and of GraphQL, which depend on no variable."""

from __future__ import annotations

from typing import Any

REST_FRAMEWORK: dict[str, Any] = {
    # The token first: requests without credentials then get 401 and the header that asks for a token.
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "mysite.rest.authentication.HashedTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticatedOrReadOnly"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "mysite.rest.pagination.Pages",
    "DEFAULT_PARSER_CLASSES": ["mysite.rest.parsers.Json", "mysite.rest.parsers.Form"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    # Counted in the cache. While the cache is away, nothing is counted or refused.
    "DEFAULT_THROTTLE_CLASSES": [
        "mysite.rest.throttling.Anonymous",
        "mysite.rest.throttling.Users",
        "mysite.rest.throttling.Scoped",
    ],
    "DEFAULT_THROTTLE_RATES": {"anon": "120/min", "user": "600/min", "login": "10/min", "comment": "10/min"},
    "EXCEPTION_HANDLER": "mysite.rest.errors.handle",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Landfast REST",
    "DESCRIPTION": "The news, for programs.",
    "VERSION": "1",
    "SCHEMA_PATH_PREFIX": "/rest",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    # The page's scripts and styles are files of this site.
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "ENUM_NAME_OVERRIDES": {
        "ArticleStatusEnum": "news.models.Article.Status",
        "CommentStatusEnum": "news.models.Comment.Status",
    },
}

STRAWBERRY_DJANGO: dict[str, Any] = {
    "FIELD_DESCRIPTION_FROM_HELP_TEXT": True,
    "PAGINATION_DEFAULT_LIMIT": 10,
    "PAGINATION_MAX_LIMIT": 50,
}
