"""The cost of guessing a stored password; other tests use a cheaper hasher."""

from __future__ import annotations

from django.contrib.auth.hashers import check_password, make_password
from django.test import override_settings
from mysite.settings import PASSWORD_HASHERS


@override_settings(PASSWORD_HASHERS=PASSWORD_HASHERS)
def test_it_stores_passwords_at_the_cost_that_owasp_asks_for() -> None:
    stored = make_password("eleven-tame-herons")

    assert stored.startswith("argon2$argon2id$")
    assert "$m=19456,t=2,p=1$" in stored
    assert check_password("eleven-tame-herons", stored)
    assert not check_password("eleven-wild-herons", stored)
