"""Backups are copied to an SFTP server and to S3-compatible storage; each fault there is named, and loses nothing."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

import pytest

from tests.support import tool_image
from tests.support.leftovers import remove_leftovers, remove_project
from tests.support.stack import LABEL, PREFIX, CommandError, docker
from tests.support.waiting import PATIENCE, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

# Three more images are built, two of them only for these tests.
pytestmark = pytest.mark.long

PROJECT = f"{PREFIX}{os.getpid()}-elsewhere"
LABELLED = f"--label={LABEL}={PROJECT}"
COPIER, SFTP, S3 = "landfast-test-elsewhere", "landfast-test-sftp", "landfast-test-s3"
HOME, BUCKET = "/home/keeper", "landfast-backups"
#: The exit statuses of refused settings, and of a place that has something else (sysexits.h).
CONFIG, DATA = 78, 65
FULL = "postgres/backup/main/20261201-000000F"
#: A small repository: a backup, its list, a segment of the log, a file of restic's, and its own name.
FILL = f"""
cd /var/lib/backup && mkdir -p {FULL} postgres/archive/main/17-1 files/data files/locks
echo manifest > {FULL}/backup.manifest; echo data > {FULL}/bundle; echo list > postgres/backup/main/backup.info
echo segment > postgres/archive/main/17-1/000001; echo pack > files/data/aa; echo lock > files/locks/b; echo {{id}} > id
chown -R 10007:10007 .
"""
numbers = count()


@dataclass(frozen=True)
class Servers:
    """The servers, the network to them, and the keys.

    Args:
        network: the network's name in Docker.
        sftp: the container of the SFTP server.
        host_key: its public key.
        secrets: the volume with the keys that both servers accept.
    """

    network: str
    sftp: str
    host_key: str
    secrets: str

    def at_sftp(self, script: str) -> str:
        """Run a script as root on the SFTP server."""
        return docker("exec", self.sftp, "sh", "-c", script)


@dataclass(frozen=True)
class Repository:
    """A repository here, and its place elsewhere.

    Args:
        servers: the servers.
        volume: the volume with the repository.
        address: the place.
        changed: settings other than the usual.
    """

    servers: Servers
    volume: str
    address: str
    changed: dict[str, str] = field(default_factory=dict)

    def here(self, script: str) -> str:
        """Run a script as root where the repository is."""
        mount = f"--volume={self.volume}:/var/lib/backup"
        return docker("run", "--rm", "--user=0", "--network=none", mount, "--entrypoint=bash", COPIER, "-ec", script)

    def command(self, verb: str, *options: str, secrets: str = "") -> list[str]:
        """Return the command that runs ``elsewhere``, hardened as the service is."""
        settings = {"BACKUP_ELSEWHERE": self.address, "BACKUP_HOST_KEYS": self.servers.host_key, **self.changed}
        mode = "" if verb == "fetch" else ":ro"
        rights = ["--user=0:10007"] + [f"--cap-add={name}" for name in ("CHOWN", "DAC_OVERRIDE", "FOWNER")]
        return [
            *("run", "--init", LABELLED, "--read-only", "--tmpfs=/tmp:mode=1777", "--cap-drop=ALL", *options),
            *(rights if verb == "fetch" else []),
            *(f"--network={self.servers.network}", f"--volume={self.volume}:/var/lib/backup{mode}"),
            f"--volume={secrets or self.servers.secrets}:/run/secrets:ro",
            *(f"--env={name}={value}" for name, value in settings.items()),
            *("--entrypoint=elsewhere", COPIER, verb),
        ]

    def run(self, verb: str, *, secrets: str = "") -> tuple[int, str]:
        """Run ``elsewhere`` and return its exit status and all its output."""
        command = ["docker", *self.command(verb, "--rm", secrets=secrets)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE * 120, check=False)
        return done.returncode, done.stdout + done.stderr

    def succeed(self, verb: str) -> str:
        """Run ``elsewhere``, which succeeds, and return its output."""
        status, said = self.run(verb)
        assert status == 0, said
        return said

    @property
    def files(self) -> list[str]:
        """The files of the repository here, without locks, and their checksums."""
        return self.here(
            "cd /var/lib/backup && find . -type f ! -path '*/locks/*' -exec md5sum {} + | sort"
        ).splitlines()


def volume(script: str = "") -> str:
    """Return a new volume, in which a script has run."""
    name = docker("volume", "create", LABELLED, f"{PROJECT}-{next(numbers)}").strip()
    if script:
        docker("run", "--rm", "--user=0", f"--volume={name}:/v", "--entrypoint=bash", SFTP, "-ec", f"cd /v; {script}")
    return name


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """An SFTP server and an S3 server."""
    remove_leftovers()
    tool_image.build(COPIER, "images/backup-elsewhere")
    tool_image.build(SFTP, "tests/images/sftp")
    tool_image.build(S3, "tests/images/s3")
    try:
        network = docker("network", "create", LABELLED, PROJECT).strip()
        secrets = volume(
            "ssh-keygen -q -t ed25519 -N '' -f key; mv key sftp_key; mv key.pub public;"
            "printf landfast > s3_access_key; printf correct-horse > s3_secret_key; chmod 0444 *"
        )
        options = ("run", "--detach", LABELLED, f"--network={PROJECT}")
        small = f"--tmpfs={HOME}/small:size=1m,mode=0777"
        sftp = docker(*options, "--network-alias=sftp", small, f"--volume={secrets}:/keys:ro", SFTP).strip()
        docker("exec", sftp, "install", "-o", "keeper", "/keys/public", f"{HOME}/.ssh/authorized_keys")
        host_key = " ".join(docker("exec", sftp, "cat", "/etc/ssh/ssh_host_ed25519_key.pub").split()[:2])
        s3 = docker(*options, "--network-alias=s3", S3).strip()
        create = f"import urllib.request as u; u.urlopen(u.Request('http://127.0.0.1:5000/{BUCKET}', method='PUT'))"

        def made() -> bool:
            try:
                docker("exec", s3, "python3", "-c", create)
            except CommandError:
                return False
            return True

        wait_until(made, 60, "the S3 server answers")
        yield Servers(network, sftp, host_key, secrets)
    finally:
        remove_project(PROJECT)


@pytest.fixture(params=["sftp", "s3"])
def both(servers: Servers, request: pytest.FixtureRequest) -> Repository:
    """A repository whose place is on either server."""
    name = f"of-{next(numbers)}"
    addresses = {
        "sftp": f"sftp://keeper@sftp:2222{HOME}/backups/{name}",
        "s3": f"s3://{BUCKET}/{name}?endpoint=http://s3:5000&region=eu-1",
    }
    return filled(servers, addresses[request.param])


@pytest.fixture
def repository(servers: Servers) -> Repository:
    """A repository whose place is on the SFTP server."""
    return filled(servers, f"sftp://keeper@sftp:2222{HOME}/backups/of-{next(numbers)}")


def filled(servers: Servers, address: str) -> Repository:
    """Return a repository with a backup, of which nothing is elsewhere yet."""
    found = Repository(servers, volume(), address)
    found.here(FILL.format(id=found.volume))
    return found


def path(repository: Repository) -> str:
    """Return the path of a repository's place on the SFTP server."""
    return f"/{repository.address.partition('://')[2].partition('/')[2]}"


def test_what_is_copied_there_and_fetched_on_an_empty_machine_is_the_same(both: Repository) -> None:
    both.succeed("push")
    both.succeed("compare")
    other = Repository(both.servers, volume(), both.address)
    other.succeed("fetch")

    assert other.files == both.files
    of_others = "find /var/lib/backup/postgres ! -user 10007"
    assert other.here(of_others) == "", "the engine could not read or change them"


def test_what_is_here_no_more_is_removed_there_by_prune_alone(both: Repository) -> None:
    both.succeed("push")
    both.here("rm /var/lib/backup/postgres/archive/main/17-1/000001")
    both.succeed("push")
    other, pruned = (Repository(both.servers, volume(), both.address) for _ in range(2))
    other.succeed("fetch")
    both.succeed("prune")
    pruned.succeed("fetch")

    assert len(other.files) == len(both.files) + 1
    assert pruned.files == both.files


def test_a_changed_list_is_copied_though_its_size_is_the_same(both: Repository) -> None:
    both.succeed("push")
    both.here("echo tsil > /var/lib/backup/postgres/backup/main/backup.info")
    both.succeed("push")

    both.succeed("compare")


def test_a_flipped_byte_there_is_found_and_named(repository: Repository) -> None:
    repository.succeed("push")
    repository.servers.at_sftp(f"printf D | dd of={path(repository)}/{FULL}/bundle conv=notrunc status=none")

    status, said = repository.run("compare")

    assert status == 1
    assert f"{FULL}/bundle" in said


def test_each_new_file_follows_and_after_a_fault_all_that_came_meanwhile(repository: Repository) -> None:
    segments = f"{path(repository)}/postgres/archive/main/17-1"
    copier = docker(*repository.command("follow", "--detach")).strip()

    def there() -> str:
        return repository.servers.at_sftp(f"ls {segments} 2>/dev/null || true")

    wait_until(lambda: "000001" in there(), 60, lambda: docker("logs", copier, merge=True))
    repository.here("echo more > /var/lib/backup/postgres/archive/main/17-1/000002")
    wait_until(lambda: "000002" in there(), 60, lambda: docker("logs", copier, merge=True))
    repository.servers.at_sftp(f"chown root:root {segments}")
    repository.here("echo more > /var/lib/backup/postgres/archive/main/17-1/000003")
    wait_until(lambda: "could not be copied" in docker("logs", copier, merge=True), 60, there)
    assert int(docker("exec", copier, "elsewhere", "age")) > 0
    repository.servers.at_sftp(f"chown keeper:keeper {segments}")

    wait_until(lambda: "000003" in there(), 60, lambda: docker("logs", copier, merge=True))
    wait_until(lambda: "elsewhere again" in docker("logs", copier, merge=True), 60, there)
    docker("rm", "--force", copier)


def test_a_place_with_another_stack_s_backups_is_refused_and_stays_as_it_is(repository: Repository) -> None:
    repository.succeed("push")
    other = filled(repository.servers, repository.address)

    for verb in ("push", "prune", "compare"):
        status, said = other.run(verb)
        assert status == DATA, said
        assert "has the backups of another stack, which stay as they are: name another path" in said
    repository.succeed("compare")


def test_a_place_with_other_files_is_refused(repository: Repository) -> None:
    repository.servers.at_sftp(f"mkdir -p {path(repository)}; echo x > {path(repository)}/photo")

    status, said = repository.run("push")

    assert (status, "has other files: name an empty folder" in said) == (DATA, True)


def test_a_full_place_is_named_and_with_room_again_all_is_there(repository: Repository) -> None:
    small = Repository(repository.servers, repository.volume, f"sftp://keeper@sftp:2222{HOME}/small/of")
    before = small.files
    small.here("head -c 2M /dev/urandom > /var/lib/backup/postgres/archive/main/17-1/000002")

    status, said = small.run("push")

    assert status == 1
    assert "000002" in said
    assert set(before) <= set(small.files)
    small.servers.at_sftp(f"rm -r {HOME}/small/of")
    small.here("head -c 1000 /dev/urandom > /var/lib/backup/postgres/archive/main/17-1/000002")
    small.succeed("push")
    small.succeed("compare")


def test_a_read_only_place_is_named(repository: Repository) -> None:
    repository.servers.at_sftp(f"mkdir -p {path(repository)}")  # it belongs to root

    status, said = repository.run("push")

    assert (status, "permission denied" in said) == (1, True), said


def test_a_place_that_is_away_is_named(repository: Repository) -> None:
    away = Repository(repository.servers, repository.volume, "sftp://keeper@sftp:2223/backups")

    status, said = away.run("push")

    assert status == 1
    assert "connect" in said
    assert "2223" in said


def test_a_wrong_key_and_another_host_s_key_are_named(repository: Repository) -> None:
    wrong = volume("ssh-keygen -q -t ed25519 -N '' -f key; mv key sftp_key; chmod 0444 sftp_key")
    public = docker("run", "--rm", f"--volume={wrong}:/v", "--entrypoint=cat", SFTP, "/v/key.pub")

    status, said = repository.run("push", secrets=wrong)
    assert (status, "unable to authenticate" in said) == (1, True), said

    pinned = {"BACKUP_HOST_KEYS": " ".join(public.split()[:2])}
    status, said = Repository(repository.servers, repository.volume, repository.address, pinned).run("push")
    assert (status, "key mismatch" in said) == (1, True), said


def test_a_copy_and_a_fetch_that_were_killed_go_on_when_run_again(repository: Repository) -> None:
    repository.here("for i in {1..400}; do head -c 100K /dev/urandom > /var/lib/backup/files/data/$i; done")
    some = f"find {path(repository)} -name '[0-9]*' 2>/dev/null | wc -l"
    copier = docker(*repository.command("push", "--detach")).strip()
    wait_until(
        lambda: int(repository.servers.at_sftp(some)) > 1, 60, lambda: docker("logs", copier, merge=True) or "no files"
    )
    docker("rm", "--force", copier)

    repository.succeed("push")
    repository.succeed("compare")

    other = Repository(repository.servers, volume(), repository.address)
    fetcher = docker(*other.command("fetch", "--detach")).strip()
    wait_until(lambda: "fetching" in other.here("ls /var/lib/backup"), 60, "it fetches")
    docker("rm", "--force", fetcher)
    other.succeed("fetch")
    assert other.files == repository.files


def test_a_repository_with_backups_is_not_replaced_by_a_fetch(repository: Repository) -> None:
    repository.succeed("push")
    before = repository.files

    status, said = repository.run("fetch")

    assert (status, "there are backups here" in said) == (DATA, True)
    assert repository.files == before


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"BACKUP_ELSEWHERE": "ftp://host/path"}, "BACKUP_ELSEWHERE must be sftp://USER@HOST[:PORT]/PATH or s3://"),
        ({"BACKUP_ELSEWHERE": "sftp://host/path"}, "BACKUP_ELSEWHERE must be"),
        ({"BACKUP_ELSEWHERE": "s3://bucket?endpoint=s3"}, "'endpoint=s3' is neither endpoint=https://... nor region="),
        ({"BACKUP_HOST_KEYS": ""}, "BACKUP_HOST_KEYS is empty"),
        ({"BACKUP_HOST_KEYS": "SHA256:abc"}, "'SHA256:abc' is no key"),
    ],
)
def test_a_setting_that_is_none_is_refused_before_a_connection(
    repository: Repository, changed: dict[str, str], said: str
) -> None:
    status, output = Repository(repository.servers, repository.volume, repository.address, changed).run("check")

    assert (status, said in output) == (CONFIG, True), output


@pytest.mark.parametrize(
    ("address", "secret"), [("sftp://keeper@sftp/x", "backup_sftp_key"), ("s3://bucket/x", "backup_s3_access_key")]
)
def test_a_secret_that_is_missing_is_named(repository: Repository, address: str, secret: str) -> None:
    status, said = Repository(repository.servers, repository.volume, address).run("check", secrets=volume())

    assert (status, f"the secret {secret} is missing" in said) == (CONFIG, True), said


def test_no_key_is_among_the_settings_of_the_container(repository: Repository) -> None:
    copier = docker(*repository.command("follow", "--detach")).strip()
    secret = docker("exec", copier, "cat", "/run/secrets/s3_secret_key")

    assert secret not in docker("inspect", copier)
    assert "PRIVATE KEY" not in docker("inspect", copier)
    docker("rm", "--force", copier)
