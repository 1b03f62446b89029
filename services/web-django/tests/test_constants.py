"""Parts of pages that depend on nothing but the language."""

from __future__ import annotations

from django.template import engines
from django.utils.translation import override

PAGE = (
    "{% load constants %}{% constant %}{% load i18n %}{% translate 'Yes' %} {{ number }}{% endconstant %}, {{ number }}"
)


def test_a_constant_part_is_rendered_once_for_each_language_and_the_rest_each_time() -> None:
    template = engines["django"].from_string(PAGE)

    def render(language: str, number: int) -> str:
        with override(language):
            return str(template.render({"number": number}))

    assert render("en", 1) == "Yes 1, 1"
    assert render("ru", 2) == "Да 2, 2"
    assert (render("en", 3), render("ru", 4)) == ("Yes 1, 3", "Да 2, 4")


def test_a_template_that_is_loaded_anew_has_new_constant_parts() -> None:
    pages = [engines["django"].from_string(PAGE).render({"number": number}) for number in (1, 2)]

    assert pages == ["Yes 1, 1", "Yes 2, 2"]
