"""Articles: a reusable app that knows nothing of the project around it. It needs a ``base.html`` to stand in."""

import django_stubs_ext

# Its forms, views and admin name the model that they are for, whatever project loads them.
django_stubs_ext.monkeypatch()
