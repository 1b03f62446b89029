"""A visitor of the site: keeps cookies, fills in forms like a browser, follows no redirect by itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from typing import Any

import requests

from tests.support.waiting import PATIENCE

#: Seconds after which a request counts as unanswered, and after which a probe does, which is sent again.
TIMEOUT, PROBE = PATIENCE * 20, PATIENCE * 5

_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


@dataclass(frozen=True)
class Answer:
    """The answer to a probe that must not raise: the status is 0 if there was no answer."""

    status: int
    body: str

    def __bool__(self) -> bool:
        """Whether there was a 2xx answer."""
        return 200 <= self.status < 300


class Site:
    """One visitor's session with the site.

    Args:
        url: the site's address, without a slash at its end.
        authority: the file with the certificate of the trusted authority for HTTPS.
    """

    def __init__(self, url: str, authority: str | None = None) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False  # no proxy, no other bundle of authorities
        if authority:
            self.session.verify = authority

    def request(self, method: str, path: str, **options: Any) -> requests.Response:  # noqa: ANN401 - requests' own
        """Send a request to a path (or to an address of this site) and return the response of any status."""
        options.setdefault("timeout", TIMEOUT)
        options.setdefault("allow_redirects", False)
        return self.session.request(method, path if path.startswith("http") else self.url + path, **options)

    def get(self, path: str, **options: Any) -> requests.Response:  # noqa: ANN401 - requests' own
        """Return the response to ``GET path``."""
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> requests.Response:  # noqa: ANN401 - requests' own
        """Return the response to ``POST path``."""
        return self.request("POST", path, **options)

    def probe(self, path: str) -> Answer:
        """Return the answer to ``GET path``, or an empty one if there is none."""
        try:
            response = self.get(path, timeout=PROBE)
        except requests.RequestException as error:
            return Answer(0, str(error))
        return Answer(response.status_code, response.text)

    def submit(self, path: str, fields: dict[str, str]) -> requests.Response:
        """Load a page with a form and submit the form, filled in with ``fields``."""
        page = self.get(path)
        assert page.status_code == 200, f"{path} answered {page.status_code}"
        token = _TOKEN.search(page.text)
        assert token, f"no form on {path}"
        data = {"csrfmiddlewaretoken": unescape(token[1]), **fields}
        return self.post(path, data=data, headers={"Referer": page.url})

    def log_in(self, username: str, password: str, page: str = "/accounts/login/") -> None:
        """Log in on the site's own page, or on the console's."""
        response = self.submit(page, {"username": username, "password": password})
        assert response.status_code == 302, "the login was refused"

    def register(self, username: str, email: str, password: str) -> requests.Response:
        """Make an account; on success its owner is logged in."""
        fields = {"username": username, "email": email, "password1": password, "password2": password}
        return self.submit("/accounts/register/", fields)

    def send_task(self, x: Any, y: Any, **options: Any) -> requests.Response:  # noqa: ANN401 - bad input, too
        """Send a task that adds two numbers."""
        return self.post("/api/v1/tasks/add", json={"x": x, "y": y}, **options)

    def result(self, location: str) -> Any | None:  # noqa: ANN401 - the task's own result
        """Return a finished task's result; None while it is not finished."""
        response = self.get(location)
        if response.status_code != 200:
            return None
        document: dict[str, Any] = response.json()
        return document["result"] if document["ready"] else None
