"""The article's form."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.admin.widgets import AdminFileWidget, AdminTextareaWidget
from django.core.exceptions import ValidationError
from django.forms import ModelForm, Widget
from django.utils.translation import gettext_lazy as _

from news.models import Article


class PictureWidget(AdminFileWidget):
    """A file chooser that shows the present picture."""

    template_name = "admin/news/widgets/picture.html"


class ArticleForm(ModelForm[Article]):
    """The article's form, with room for a summary of two sentences."""

    class Meta:
        """The widgets that differ from the admin's own."""

        widgets: ClassVar[dict[str, Widget]] = {"summary": AdminTextareaWidget(attrs={"rows": 3})}

    def clean(self) -> None:
        """Require a description of the cover for readers who cannot see it.

        Raises:
            ValidationError: the description is missing.
        """
        super().clean()
        data = self.cleaned_data
        if data.get("cover") and "cover_alt" in data and not data["cover_alt"].strip():
            raise ValidationError({"cover_alt": _("Say what the picture shows, for those who cannot see it.")})
