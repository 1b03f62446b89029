"""``./stack recovery-kit``: what a person keeps elsewhere, so that the backups can be opened on another machine."""

from __future__ import annotations

from cli import compose, console
from cli.backup.repository import Repository
from cli.console import StackError

TEXT = """\
Recovery kit of {project}. Keep it where the machine's end does not reach it, and where nobody else reads it.

repository   {repository}
passphrase   {passphrase}
{elsewhere}
Without the passphrase nobody can open the backups. On an empty machine, in a checkout of this repository:

1. {bring}
2. ./stack up
3. printf %s 'PASSPHRASE' | docker compose run --rm --no-deps -T secrets set backup_passphrase{keys}
4. ./stack restore latest --secrets
"""
#: The first step with a repository on this machine only, and with a place elsewhere, from which a restore fetches.
BRING = "Bring the repository there, and name its folder in .env: BACKUP_FOLDER=/path/of/the/repository"
FETCH = "Write the lines BACKUP_... above into .env; COMPOSE_PROFILES=backup comes after the restore"
#: The secrets that open the place elsewhere, by the scheme of its address.
KEYS = {"sftp": ("backup_sftp_key",), "s3": ("backup_s3_access_key", "backup_s3_secret_key")}


def kit(project: str, *, yes: bool) -> int:
    """Print the recovery kit, after asking.

    Args:
        project: the stack's name.
        yes: whether the user has agreed beforehand.

    Raises:
        StackError: the user does not agree, or cannot be asked.
    """
    if not yes:
        if not console.may_ask():
            raise StackError("the kit has the key of all backups", "with --yes it is printed without asking")
        if not console.confirm("Print the key of all backups on this screen?"):
            raise StackError("nothing was printed")
    repository = Repository.read()
    passphrase = repository.ask(compose.show_secret("backup_passphrase"), "the passphrase cannot be read").strip()
    where = repository.place.repository
    volume = "" if where.startswith("/") else f" (a volume of this machine: it is lost with it. {OTHER})"
    elsewhere = keys = ""
    if repository.place.elsewhere:
        elsewhere = "".join(f"{name}={value}\n" for name, value in sorted(repository.place.copier.items()) if value)
        for name in KEYS[repository.place.elsewhere.partition(":")[0]]:
            value = repository.ask(compose.show_secret(name), f"{name} cannot be read").strip()
            elsewhere += f"\n{name}\n{value}\n"
            keys += f"\n   and so {name}, from a file: ... secrets set {name} < FILE"
    given = {"repository": where + volume, "passphrase": passphrase, "elsewhere": elsewhere, "keys": keys}
    print(TEXT.format(project=project, bring=FETCH if elsewhere else BRING, **given))
    return 0


OTHER = "BACKUP_FOLDER in .env names a folder, such as one of another disk"
