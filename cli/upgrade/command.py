"""The command: fetches the releases, selects one, merges it, and prints the remaining steps."""

from __future__ import annotations

from dataclasses import dataclass

from cli import host, ownership
from cli.console import StackError, heading
from cli.settings import ROOT, Settings
from cli.upgrade import merge, releases
from cli.upgrade.repository import REFERENCES, Repository, listing

#: The locked packages of Ansible itself, on the machine that deploys.
REQUIREMENTS = "ansible/requirements.txt"
_DONE = {
    "changed": "you changed it, so it is yours",
    "removed": "you removed it, so it stays away",
    "added": "yours has this name already",
}


@dataclass(frozen=True)
class Upgrade:
    """An upgrade from one release to another.

    Args:
        here: the installed version.
        version: the new version.
        base: the commit that both have in common.
        head: the checked-out commit.
        commit: the commit of the new release.
    """

    here: tuple[int, ...]
    version: tuple[int, ...]
    base: str
    head: str
    commit: str

    @property
    def name(self) -> str:
        """The release's name in this repository."""
        return f"{REFERENCES}v{releases.text(self.version)}".replace("refs/", "", 1)


def upgrade(wanted: str, source: str, *, dry_run: bool) -> int:
    """Merge a release of Landfast into this checkout.

    Args:
        wanted: its version; empty for the newest.
        source: the remote or address of the releases; empty for the clone's own.
        dry_run: whether to only print the changes.

    Raises:
        StackError: the upgrade is impossible; nothing was changed then.
    """
    repository = Repository(ROOT)
    with host.only_one(f"stack-{Settings.read().project}"):
        repository.check()
        place = repository.source(source)
        print(f"Fetching the releases of {place}", flush=True)
        repository.fetch(place)
        found = choose(repository, wanted)
        if not found:
            return 0
        trees = merge.Trees(*map(repository.tree, (found.base, found.head, found.commit)))
        result = merge.merge(repository, trees)
        if result.conflicts:
            raise conflicts(found, result)
        heading(f"Landfast {releases.text(found.here)} -> {releases.text(found.version)}")
        changed = [path for path in trees.paths() if trees.ours.get(path) != result.tree.get(path)]
        print(
            f"  files of Landfast's that {'would change' if dry_run else 'change'}: {len(changed)}; none of yours does"
        )
        print("".join(f"  {line}\n" for line in rooms(found, result)), end="")
        after = [*to_do(repository.text(trees.theirs, releases.CHANGELOG), found), *following(changed)]
        if not dry_run:
            repository.advance(repository.write(result.tree, message(found, result), found.head, found.commit))
    print("\n".join([*after, *(["", "This was a dry run: nothing was changed."] if dry_run else [])]))
    return 0


def choose(repository: Repository, wanted: str) -> Upgrade | None:
    """Return the way to a release, or nothing if it is here already, which is printed.

    Args:
        repository: this checkout's, with the releases fetched.
        wanted: a version; empty for the newest.

    Raises:
        StackError: there is no such release, or it is older than the one that is here.
    """
    known = repository.releases()
    if not known:
        raise StackError("no releases are there (tags vX.Y.Z)", "./stack upgrade --from ADDRESS names another place")
    version = releases.number(wanted) if wanted else max(known)
    if version not in known:
        newest = ", ".join(releases.text(each) for each in sorted(known, reverse=True)[:5])
        raise StackError(f"{wanted} is no release", f"the newest are: {newest}")
    here = releases.here(ROOT)
    if version < here and wanted:
        raise StackError(
            f"{releases.text(version)} is older than {releases.text(here)}, which is here",
            "docs/how-to/upgrade.md says how an upgrade is taken back",
        )
    commit = repository.commit(known[version])
    if version <= here or repository.has(commit):
        newest = releases.text(max(known))
        print(f"Landfast {releases.text(version)} is in this checkout already; the newest is {newest}")
        return None
    return Upgrade(here, version, repository.base(commit, known.get(here)), repository.commit("HEAD"), commit)


def conflicts(found: Upgrade, result: merge.Result) -> StackError:
    """Return the error that names each of Landfast's files that cannot be merged."""
    files = listing([f"{path}: {reason}" for path, reason in sorted(result.conflicts.items())])
    paths = " ".join(sorted(result.conflicts))
    return StackError(
        f"the release changes files of Landfast's that were changed here too; nothing was merged:\n{files}",
        f"git diff {found.base[:12]} HEAD -- {paths}\n"
        "    shows your changes. Take them back in a commit, upgrade, and make them again:\n"
        "    docs/how-to/upgrade.md",
    )


def rooms(found: Upgrade, result: merge.Result) -> list[str]:
    """Return a line for each room that does not get the release's changes."""
    see = f"git diff {found.base[:12]} {found.name} --"
    kept = [
        f"{room}: {_DONE[done]}" + ("" if done == "removed" else f"; {see} {room} shows what the release changes")
        for room, done in result.kept.items()
    ]
    bring = f"git checkout {found.name} --"
    return [
        *kept,
        *(f"{room}: new, left out as the demo was removed; {bring} {room} brings it" for room in result.left_out),
    ]


def to_do(changelog: str, found: Upgrade) -> list[str]:
    """Return the steps for operators, release by release."""
    lines: list[str] = []
    for version, text in releases.to_do(changelog, found.here, found.version):
        lines += ["", f"To do for {version}:", *(f"  {line}".rstrip() for line in (text or "Nothing.").splitlines())]
    return lines


def following(changed: list[str]) -> list[str]:
    """Return the next commands."""
    own = sorted(
        path.name
        for path in (ROOT / ownership.INVENTORIES).iterdir()
        if f"{ownership.INVENTORIES}{path.name}/" not in ownership.EXAMPLES
    )
    install = [".venv/ansible/bin/pip install --require-hashes -r ansible/requirements.txt"] * (REQUIREMENTS in changed)
    playbooks = [
        f"ansible-playbook -i inventories/{name} playbooks/{playbook}.yml"
        for name in own or ["NAME"]
        for playbook in ("secrets", "site", "deploy")
    ]
    return [
        *("", "Next, on this machine:", "  ./stack up"),
        *("", "On servers, once that is well:", *(f"  {line}" for line in [*install, "cd ansible", *playbooks])),
    ]


def message(found: Upgrade, result: merge.Result) -> str:
    """Return the message of the merge's commit."""
    subject = f"Upgrade Landfast from {releases.text(found.here)} to {releases.text(found.version)}"
    kept = [f"- {room}: {_DONE[done]}" for room, done in result.kept.items()]
    body = ["", "The release's changes of these were left out:", *kept] if kept else []
    return "\n".join([subject, *body, ""])
