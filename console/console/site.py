"""The console's pages: Django's admin, with links to the operators' other pages on its front page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.admin import AdminSite
from django.utils.translation import gettext_lazy as _
from landfast_runtime.env import Env

from console import config

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.template.response import TemplateResponse

#: The other pages behind the same login, by address.
PLACES = {
    "/rabbitmq/": ("RabbitMQ", _("queues and connections")),
    "/console/readiness/": (_("Readiness"), _("whether all dependencies are ready")),
    "/console/second-factor/": (_("Second factor"), _("your authenticator app, security keys and recovery codes")),
}
#: The apps whose models have no pages.
WITHOUT_PAGES = {"account", "mfa"}
OF_FLOWER = _("workers, and the tasks that they ran")


class Site(AdminSite):
    """The site for operators, the staff of the console; staff of applications have no access."""

    site_header = site_title = "Landfast"
    index_title = _("Console")
    site_url = None  # a stack may have no site

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:  # noqa: ANN401 - Django's
        """Register models, but not allauth's: their pages would show operators each other's secrets."""
        models: list[Any] = [model_or_iterable] if isinstance(model_or_iterable, type) else list(model_or_iterable)
        shown = [each for each in models if each._meta.app_label not in WITHOUT_PAGES]  # noqa: SLF001 - it is public
        super().register(shown, admin_class, **options)

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Show the front page."""
        places = [
            *((address, name, OF_FLOWER) for address, name in config.flowers(Env()).items()),
            *((address, name, purpose) for address, (name, purpose) in PLACES.items()),
        ]
        return super().index(request, {"places": places, **(extra_context or {})})
