"""Articles: a reusable app without knowledge of the project around it. It needs a ``base.html`` for its templates."""

import django_stubs_ext

# The generic forms, views and admin have their model as a type parameter, in every project.
django_stubs_ext.monkeypatch()
