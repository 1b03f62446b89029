"""The Flask API. :func:`api.app.create_app` builds it; ``api.wsgi`` is what uWSGI serves."""
