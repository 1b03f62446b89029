"""The mails that the stack has sent, from its inbox."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import requests

from tests.support.waiting import PATIENCE, wait_until

#: Seconds that a mail may take from the page to the inbox.
DELIVERY = 30


@dataclass(frozen=True)
class Mail:
    """One mail."""

    subject: str
    sender: str
    recipients: tuple[str, ...]
    text: str
    html: str
    key: str
    """Its ``Message-ID``."""

    @property
    def link(self) -> str:
        """The first link of the text that is not the site's front page."""
        found = re.search(r"https?://[^/\s]+/\S+", self.text)
        assert found, f"no link in: {self.text}"
        return found[0]

    @classmethod
    def parse(cls, document: dict[str, Any]) -> Mail:
        """Return the mail in a document of MailDev's API."""
        return cls(
            subject=document["subject"],
            sender=document["from"][0]["address"],
            recipients=tuple(recipient["address"] for recipient in document["to"]),
            text=document.get("text") or "",
            html=document.get("html") or "",
            key=document["headers"].get("message-id", ""),
        )


@dataclass(frozen=True)
class Inbox:
    """MailDev at an address."""

    url: str

    def mails_to(self, address: str) -> list[Mail]:
        """Return the mails to one recipient."""
        return [mail for mail in self.mails() if address in mail.recipients]

    def mails(self) -> list[Mail]:
        """Return all mails."""
        return [Mail.parse(document) for document in self.documents()]

    def documents(self) -> list[dict[str, Any]]:
        """Return all mails as documents of MailDev's API."""
        response = requests.get(f"{self.url}/api/email", timeout=PATIENCE * 30)
        response.raise_for_status()
        documents: list[dict[str, Any]] = response.json()
        return documents

    def wait_for_mail(self, address: str, timeout: float = DELIVERY, *, subject: str = "") -> Mail:
        """Return the first mail to a recipient whose subject contains some words, once it has arrived."""

        def found() -> list[Mail]:
            return [mail for mail in self.mails_to(address) if subject in mail.subject]

        return wait_until(found, timeout, f"a mail to {address} about {subject!r}")[0]
