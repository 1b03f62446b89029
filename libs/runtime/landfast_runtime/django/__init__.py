"""Code that Django projects share: middleware, visitors' addresses, password hashing, logs and a command.

Add ``landfast_runtime.django`` to ``INSTALLED_APPS`` for ``manage.py pending``. Settings refer to the rest by name.
"""
