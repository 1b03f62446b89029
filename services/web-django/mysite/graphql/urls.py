"""The URL of GraphQL. Introspection and GraphiQL exist only where code is edited."""

from __future__ import annotations

from django.urls import path

from mysite import config
from mysite.graphql.schema import schema
from mysite.graphql.views import View

app_name = "graphql"

_local = config.site().live_reload

urlpatterns = [path("", View.as_view(schema=schema(local=_local), local=_local), name="graphql")]
