"""A bare machine for the stack: a privileged container with systemd, sshd and room for a Docker of its own."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cli.settings import ca_bundle
from tests.support.host_image import DEBIAN_13, USER, Release, image
from tests.support.stack import COMMAND, LABEL, PREFIX, CommandError, docker
from tests.support.waiting import PATIENCE, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: The project of this run's hosts, so that the leftovers of a killed run are found like those of a stack.
PROJECT = f"{PREFIX}{os.getpid()}-hosts"

#: The variables for apt on the hosts if this machine itself uses a proxy.
PROXIES = ("http_proxy", "https_proxy", "no_proxy")
#: Seconds until a machine answers after it was switched on, and until it is off.
BOOT = 60
SHUTDOWN = 120


@dataclass(frozen=True)
class Network:
    """The hosts' network; addresses stay the same over a reboot."""

    name: str
    prefix: str

    @classmethod
    def create(cls) -> Network:
        """Make a network with free addresses.

        Raises:
            AssertionError: there are none.
        """
        for third in range(256):
            prefix = f"10.213.{(os.getpid() + third) % 256}"
            try:
                label = f"--label={LABEL}={PROJECT}"
                docker("network", "create", label, f"--subnet={prefix}.0/24", f"--ip-range={prefix}.128/25", PROJECT)
            except CommandError as error:
                if "overlaps" not in str(error):
                    raise
            else:
                return cls(PROJECT, prefix)
        raise AssertionError("no network is free")

    def address(self, number: int) -> str:
        """Return the address of the machine with this number."""
        return f"{self.prefix}.{10 + number}"

    def remove(self) -> None:
        """Remove the network, after all of its machines."""
        docker("network", "rm", self.name)


@dataclass(frozen=True)
class Host:
    """One machine.

    Args:
        name: its host name.
        address: its address on the network.
        release: its Debian release.
        user: the user who logs in by SSH.
    """

    name: str
    address: str
    release: Release = DEBIAN_13
    user: str = "root"

    @property
    def container(self) -> str:
        """The name of the machine's container."""
        return f"{PROJECT}-{self.name}"

    def create(self, network: Network, public_key: str, memory: str = "4g") -> None:
        """Create and boot the machine, with its owner's key in place.

        Args:
            network: its network.
            public_key: the key that may log in.
            memory: the size of its memory.
        """
        machine = ["--privileged", "--cgroupns=private", f"--memory={memory}", f"--memory-swap={memory}"]
        machine += ["--tmpfs=/run", "--tmpfs=/run/lock", "--tmpfs=/tmp:exec", "--stop-signal=SIGRTMIN+3"]
        machine += ["--volume=/var/lib/docker", "--env=container=docker"]  # Docker's layers need a real disk
        # A whole stack runs in it, so it gets as many CPU shares as the containers of a stack on the same machine.
        machine += ["--cpu-shares=8192"]
        place = [f"--network={network.name}", f"--ip={self.address}", f"--hostname={self.name}"]
        labels = [f"--label={LABEL}={PROJECT}"]
        # Each machine makes its own host keys at its first start, as with cloud-init.
        init = ["sh", "-c", 'ssh-keygen -A && exec /sbin/init "$@"', "init", *self.release.init]
        docker("run", "--detach", f"--name={self.container}", *labels, *machine, *place, image(self.release), *init)
        self._trust_what_this_machine_trusts()
        home = "/root" if self.user == "root" else f"/home/{self.user}"
        self.write(f"{home}/.ssh/authorized_keys", public_key)
        self.run("chown", "-R", f"{self.user}:", f"{home}/.ssh")
        self.wait_up()

    def _trust_what_this_machine_trusts(self) -> None:
        """Pass on proxies and their certificates, which apt needs on this machine and so on the hosts."""
        settings = {name: os.environ.get(name) or os.environ.get(name.upper()) for name in PROXIES[:2]}
        lines = [
            f'Acquire::{name.removesuffix("_proxy")}::Proxy "{value}";' for name, value in settings.items() if value
        ]
        if lines:
            self.write("/etc/apt/apt.conf.d/90proxy", "\n".join(lines) + "\n")
        bundle = ca_bundle()
        if bundle:
            self.write("/usr/local/share/ca-certificates/surroundings.crt", bundle.read_text(encoding="utf-8"))
            self.run(
                "sh", "-c", "cat /usr/local/share/ca-certificates/surroundings.crt > /etc/ssl/certs/ca-certificates.crt"
            )

    def run(self, *command: str, timeout: float = COMMAND) -> str:
        """Run a command on the machine as root, without SSH, and return its output.

        Raises:
            CommandError: the command failed.
        """
        return docker("exec", self.container, *command, timeout=timeout)

    def succeeds(self, *command: str) -> bool:
        """Return whether a command on the machine succeeds."""
        try:
            self.run(*command)
        except CommandError:
            return False
        return True

    def write(self, path: str, text: str) -> None:
        """Write a file that only root may read on the machine.

        Raises:
            CommandError: the file could not be written.
        """
        script = 'umask 077 && mkdir -p "$(dirname "$0")" && cat > "$0"'
        command = ["docker", "exec", "--interactive", self.container, "sh", "-c", script, path]
        longest = PATIENCE * COMMAND
        result = subprocess.run(command, input=text, capture_output=True, text=True, timeout=longest, check=False)
        if result.returncode:
            raise CommandError(f"{path} could not be written: {result.stderr}")

    def wait_up(self) -> None:
        """Wait until the machine has booted and takes SSH connections."""
        wait_until(self._answers, BOOT, f"{self.name} to answer on port 22")

    def _answers(self) -> bool:
        return self.succeeds("ss", "--version") and ":22 " in self.run("ss", "-Hltn")

    def reboot(self) -> None:
        """Shut the machine down in an orderly way and switch it on again."""
        docker("stop", f"--time={PATIENCE * SHUTDOWN:.0f}", self.container, timeout=SHUTDOWN + 30)
        self.switch_on()

    def kill(self) -> None:
        """Cut the power."""
        docker("kill", self.container)

    def switch_on(self) -> None:
        """Start the killed or stopped machine, and wait until it answers."""
        docker("start", self.container)
        self.wait_up()

    def remove(self) -> None:
        """Remove the machine and its disk."""
        docker("rm", "--force", "--volumes", self.container)

    def journal(self, lines: int = 40) -> str:
        """Return the last lines of the machine's journal."""
        return self.run("journalctl", "--no-pager", "--quiet", f"--lines={lines}")


@dataclass(frozen=True)
class Login:
    """The login to the hosts: a key, and the file of known host keys.

    Args:
        directory: the folder of both; its path must be short, because OpenSSH puts sockets there too.
    """

    directory: Path

    @classmethod
    def create(cls, directory: Path) -> Login:
        """Make a key in ``directory``."""
        login = cls(directory)
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "landfast-test", "-f", str(login.key)]
        subprocess.run(command, check=True, timeout=PATIENCE * COMMAND)
        return login

    @property
    def key(self) -> Path:
        """The private key."""
        return self.directory / "id"

    @property
    def public_key(self) -> str:
        """The line for ``authorized_keys``."""
        return self.key.with_suffix(".pub").read_text(encoding="ascii")

    @property
    def options(self) -> tuple[str, ...]:
        """The options of ``ssh``, which exclude the user's own configuration."""
        known = f"UserKnownHostsFile={self.directory / 'known_hosts'}"
        return ("-F", "none", "-o", known, "-o", "StrictHostKeyChecking=accept-new", "-o", "IdentitiesOnly=yes")

    def ssh(
        self, host: Host, *command: str, user: str = "", options: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on a host over SSH and return the result.

        Args:
            host: the host.
            command: the command, which a shell on the host parses.
            user: the user; the host's own user by default.
            options: more options of ``ssh``, which take precedence.
        """
        target = f"{user or host.user}@{host.address}"
        words = ["ssh", *options, *self.options, "-i", str(self.key), "-o", "BatchMode=yes", target, *command]
        return subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE * COMMAND, check=False)


def machines(count: int, network: Network, release: Release = DEBIAN_13) -> Iterator[Host]:
    """Return machines, not created yet: server-1, server-2 and so on."""
    return (Host(f"server-{number}", network.address(number), release) for number in range(1, count + 1))


__all__ = ["USER", "Host", "Login", "Network", "machines"]
