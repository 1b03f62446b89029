"""The pages for people who look at the interface with a browser."""

from __future__ import annotations

from django.conf import settings
from django.utils.csp import CSP
from django.utils.decorators import method_decorator
from django.views.decorators.csp import csp_override
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.routers import APIRootView

#: Swagger's style sheet holds its icons.
PICTURES_INSIDE = {**settings.SECURE_CSP, "img-src": [CSP.SELF, "data:"]}


class Root(APIRootView):
    """The news, for programs. The OpenAPI document is at `schema/`, a page to try it out at `docs/`."""

    def get_view_name(self) -> str:
        """Return the page's heading."""
        return "Landfast REST"


@method_decorator(csp_override(PICTURES_INSIDE), name="dispatch")
class Docs(SpectacularSwaggerSplitView):
    """The OpenAPI document as a page, its scripts and styles in files of this site."""

    url_name = "rest:schema"
    template_name = "rest/docs.html"
