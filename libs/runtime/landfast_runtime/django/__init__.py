"""Parts that Django projects share: middleware, the address of a visitor, password hashing, logs and a command.

Add ``landfast_runtime.django`` to ``INSTALLED_APPS`` for ``manage.py pending``. The rest is named in the settings.
"""
