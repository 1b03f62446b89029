"""The article's form."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.admin.widgets import AdminFileWidget, AdminTextareaWidget
from django.core.exceptions import ValidationError
from django.forms import ModelForm, Widget
from django.utils.translation import gettext_lazy as _

from news.models import Article


class PictureWidget(AdminFileWidget):
    """A file chooser that shows the picture that is there."""

    template_name = "admin/news/widgets/picture.html"


class ArticleForm(ModelForm[Article]):
    """The article's form, with room for a summary of two sentences."""

    class Meta:
        """Which widget differs from the admin's own."""

        widgets: ClassVar[dict[str, Widget]] = {"summary": AdminTextareaWidget(attrs={"rows": 3})}

    def clean(self) -> None:
        """See that a cover is described for those who cannot see it.

        Raises:
            ValidationError: it is not.
        """
        super().clean()
        data = self.cleaned_data
        if data.get("cover") and "cover_alt" in data and not data["cover_alt"].strip():
            raise ValidationError({"cover_alt": _("Say what the picture shows, for those who cannot see it.")})
