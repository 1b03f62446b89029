"""Django's admin, hardened against hostile or mistyped addresses: they cause at most a message.

Django reads filters, selections and the initial values of a new row from the address or a form without validation by
their fields, and raises exceptions that nothing catches. This site validates them for every registered model.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from accounts import guard
from accounts.models import User
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import ERROR_FLAG
from django.contrib.admin.widgets import AutocompleteMixin, AutocompleteSelect, AutocompleteSelectMultiple
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import DataError
from django.db.models import Field, ManyToManyField
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse

from mysite.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from django.db.models import Model
    from django.http import HttpRequest, HttpResponse

logger = logging.getLogger(__name__)

#: Exceptions of filters whose value is invalid for the database or a calendar, such as the year 99999.
UNANSWERABLE = (DataError, OverflowError, ValueError)


class PossibleRows(AutocompleteMixin):
    """Validates choices of rows: Django's own queries the database with any value, and crashes."""

    def optgroups(self, name: str, value: Sequence[str], attr: dict[str, Any] | None = None) -> list[Any]:
        """Return the chosen rows."""
        possible = [row for row in value if python_value(self.field.target_field, row) is not None]
        return super().optgroups(name, possible, attr)


class PossibleRow(PossibleRows, AutocompleteSelect):
    """A field for the choice of a row."""


class SomePossibleRows(PossibleRows, AutocompleteSelectMultiple):
    """A field for the choice of rows."""


class Site(admin.AdminSite):
    """The site, which makes every registered admin :class:`Careful`."""

    def register(
        self,
        model_or_iterable: type[Model] | Iterable[type[Model]],
        admin_class: type[admin.ModelAdmin[Any]] | None = None,
        **options: Any,  # noqa: ANN401 - attributes of the admin
    ) -> None:
        """Register models like Django's own site."""
        base = admin_class or admin.ModelAdmin
        careful = type(base.__name__, (Careful, base), {"__module__": base.__module__})
        super().register(model_or_iterable, careful, **options)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Change the password, with a limit of wrong current ones.

        Raises:
            ExceededError: too many wrong ones were given.
        """
        if request.method == "POST" and isinstance(request.user, User):
            guard.check_own_password(request.user, request.POST.get("old_password", ""))
        return super().password_change(request, extra_context)


class Careful(admin.ModelAdmin[Any]):
    """Validates addresses and selections."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the list; after an invalid filter, the whole list with a message, as Django does for some filters.

        Raises:
            Refused: a selected row cannot exist.
        """
        if request.method == "POST":
            self._check_selection(request)
            return super().changelist_view(request, extra_context)
        try:
            response = super().changelist_view(request, extra_context)
            # Now, because the query runs only here.
            return response.render() if isinstance(response, TemplateResponse) else response
        except UNANSWERABLE as error:
            if not request.GET or ERROR_FLAG in request.GET:
                raise  # not a filter's error
            logger.warning("the admin cannot filter by %r: %s", request.GET.dict(), error)
            return HttpResponseRedirect(f"{request.path}?{ERROR_FLAG}=1")

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Return a new row's initial values from the address, without invalid ones."""
        return {
            name: value
            for name, given in super().get_changeform_initial_data(request).items()
            if (value := self._value(name, given)) is not None
        }

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:  # noqa: ANN401 - Django's
        """Return the form's field, with a widget that validates as well."""
        if db_field.name in self.get_autocomplete_fields(request):
            options.setdefault("widget", PossibleRow(db_field, self.admin_site, using=options.get("using")))
        return super().formfield_for_foreignkey(db_field, request, **options)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:  # noqa: ANN401 - as above
        """Return the form's field, with a widget that validates as well."""
        if db_field.name in self.get_autocomplete_fields(request):
            options.setdefault("widget", SomePossibleRows(db_field, self.admin_site, using=options.get("using")))
        return super().formfield_for_manytomany(db_field, request, **options)

    def _check_selection(self, request: HttpRequest) -> None:
        for chosen in request.POST.getlist(ACTION_CHECKBOX_NAME):
            if python_value(self.opts.pk, chosen) is None:
                raise Refused(f"There is no row {chosen[:50]!r} to select.")

    def _value(self, name: str, given: Any) -> Any:  # noqa: ANN401 - any field's value
        try:
            field = self.opts.get_field(name)
        except FieldDoesNotExist:
            return given  # a field of the form only
        if isinstance(field, ManyToManyField):
            return [row for row in given if python_value(field.target_field, row) is not None]
        return python_value(field, given) if isinstance(field, Field) else given


def python_value(field: Field[Any, Any], given: Any) -> Any:  # noqa: ANN401 - any field's value
    """Return a value of ``field``; None if ``given`` is invalid."""
    try:
        return field.to_python(given)
    except (ValidationError, OverflowError):
        return None
