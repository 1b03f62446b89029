from app_name import settings_laptop, wsgi


def test_gunicorn_finds_the_application() -> None:
    assert callable(wsgi.application)


def test_a_laptop_shows_tracebacks() -> None:
    assert settings_laptop.DEBUG
