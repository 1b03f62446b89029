"""A mail server beside the hosts: the laptop's inbox, which servers reach like the mail server of their owner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.support.host import PROJECT
from tests.support.inbox import Inbox
from tests.support.stack import BUILD, LABEL, CommandError, Stack, docker
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.support.host import Network

NUMBER = 101
NAME, IMAGE = f"{PROJECT}-mail", f"{PROJECT}/mail"
#: Compose files with the inbox.
FILES = ("compose.house.yaml", "compose.laptop.yaml")


@dataclass(frozen=True)
class MailServer:
    """A container on the hosts' network that takes all mail.

    Args:
        address: where it takes mail.
    """

    address: str

    @classmethod
    def create(cls, network: Network) -> MailServer:
        """Build the inbox and start it.

        Args:
            network: the hosts' network.
        """
        Stack(PROJECT, files=FILES).compose("build", "mail", timeout=BUILD, progress="plain")
        server = cls(network.address(NUMBER))
        place = [f"--network={network.name}", f"--ip={server.address}", f"--label={LABEL}={PROJECT}"]
        docker("run", "--detach", f"--name={NAME}", "--cap-drop=ALL", *place, IMAGE)
        wait_until(server.listens, 60, lambda: f"the mail server:\n{docker('logs', NAME, merge=True)}")
        return server

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of servers that send their mail to it."""
        return {"SMTP_HOST": self.address, "SMTP_PORT": 1025, "SMTP_TLS": "none"}

    @property
    def inbox(self) -> Inbox:
        """The mails that it has taken."""
        return Inbox(f"http://{self.address}:1080")

    def listens(self) -> bool:
        """Return whether it takes mail and shows it."""
        ports = "tcp-probe 1025 '' 220 && tcp-probe 1080 'GET /api/healthz HTTP/1.0\\r\\n\\r\\n' '200 OK'"
        try:
            docker("exec", NAME, "sh", "-c", ports)
        except CommandError:
            return False
        return True

    def remove(self) -> None:
        """Remove it, its mails and its image."""
        docker("rm", "--force", "--volumes", NAME)
        docker("rmi", IMAGE)
