"""Code that all of the site's forms share, including Django's own and the admin's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.forms.boundfield import BoundField
from django.forms.renderers import DjangoTemplates

if TYPE_CHECKING:
    from django.forms import Widget


class Field(BoundField):
    """A field that gets the focus if it is the first invalid one, whichever field the valid form would focus."""

    def build_widget_attrs(self, attrs: dict[str, Any], widget: Widget | None = None) -> dict[str, Any]:
        """Return the attributes of the field's element."""
        built: dict[str, Any] = super().build_widget_attrs(attrs, widget)
        wrong = [field for field in self.form.visible_fields() if field.errors] if self.form.is_bound else []
        if wrong:
            built["autofocus"] = wrong[0].name == self.name
        return built


class Renderer(DjangoTemplates):
    """Django's usual renderer, with our fields."""

    bound_field_class = Field
