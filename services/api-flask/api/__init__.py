"""The Flask API. :func:`api.app.create_app` builds it; uWSGI serves ``api.renewed_wsgi``."""
