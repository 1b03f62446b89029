"""The interface's pages for browsers."""

from __future__ import annotations

from django.conf import settings
from django.urls import reverse
from django.utils.csp import CSP
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.views.decorators.csp import csp_override
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.routers import APIRootView

#: Swagger's style sheet contains its icons.
PICTURES_INSIDE = {**settings.SECURE_CSP, "img-src": [CSP.SELF, "data:"]}


class Root(APIRootView):
    """The news, for programs."""

    def get_view_name(self) -> str:
        """Return the page's heading."""
        return "Landfast REST"

    def get_view_description(self, html: bool = False) -> str:  # noqa: FBT001, FBT002 - the framework's own signature
        """Return the text below the heading, with links on the page for people."""
        text = "The news, for programs. {} describes it, {} tries it out."
        schema, docs = reverse("rest:schema"), reverse("rest:docs")
        if not html:
            return text.format(schema, docs)
        link = '<a href="{0}">{0}</a>'
        return format_html(text, format_html(link, schema), format_html(link, docs))


@method_decorator(csp_override(PICTURES_INSIDE), name="dispatch")
class Docs(SpectacularSwaggerSplitView):
    """The OpenAPI document as a page, its scripts and styles in files of this site."""

    url_name = "rest:schema"
    template_name = "rest/docs.html"
