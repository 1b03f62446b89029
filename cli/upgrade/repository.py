"""The Git repository of a checkout: reads its trees, and makes commits from trees without changing a file."""

from __future__ import annotations

import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from cli.console import StackError
from cli.upgrade import releases

#: The references of fetched releases. Tags of the same name may be the user's own.
REFERENCES = "refs/landfast/"
#: Remotes for releases, unless the user names one; the first existing one is used.
REMOTES = ("upstream", "origin")
#: Seconds for a command of Git, and for a server that sends all releases.
GIT_TIMEOUT = 300
FETCH_TIMEOUT = 900
#: The files of an unfinished operation of Git, and the command that aborts it.
UNFINISHED = {
    "MERGE_HEAD": "git merge --abort",
    "CHERRY_PICK_HEAD": "git cherry-pick --abort",
    "REVERT_HEAD": "git revert --abort",
    "rebase-merge": "git rebase --abort",
    "rebase-apply": "git rebase --abort",
}

_PLAIN = ("100644", "100755")


class Entry(NamedTuple):
    """A file in a tree: its mode and the name of its content."""

    mode: str
    content: str

    @property
    def plain(self) -> bool:
        """Whether it is a regular file, not a symbolic link or a submodule."""
        return self.mode in _PLAIN


Tree = dict[str, Entry]


@dataclass(frozen=True)
class Repository:
    """A checkout with its repository.

    Args:
        root: its folder.
    """

    root: Path

    def git(self, *arguments: str, given: bytes = b"", timeout: float = GIT_TIMEOUT, index: str = "") -> str:
        """Run Git and return its output.

        Args:
            arguments: its arguments.
            given: its standard input.
            timeout: seconds after which it is stopped.
            index: a separate index file, instead of the checkout's.

        Raises:
            StackError: it failed; the message has Git's error.
        """
        done = self._run(arguments, given, timeout, index)
        if done.returncode != 0:
            raise StackError(f"git {arguments[0]}: {os.fsdecode(done.stderr).strip()}")
        return os.fsdecode(done.stdout)

    def says(self, *arguments: str) -> bool:
        """Return whether a command of Git succeeds."""
        return self._run(arguments).returncode == 0

    def _run(
        self, arguments: tuple[str, ...], given: bytes = b"", timeout: float = GIT_TIMEOUT, index: str = ""
    ) -> subprocess.CompletedProcess[bytes]:
        command = ["git", "-C", str(self.root), *arguments]
        variables = {**os.environ, **({"GIT_INDEX_FILE": index} if index else {})}
        try:
            return subprocess.run(
                command, input=given, capture_output=True, check=False, timeout=timeout, env=variables
            )
        except OSError as error:
            raise StackError(f"git cannot be run: {error.strerror}", "install it: apt-get install git") from None
        except subprocess.TimeoutExpired:
            raise StackError(f"git {arguments[0]} did not end within {timeout:.0f} s", "try again later") from None

    def check(self) -> None:
        """Make sure that a merge can begin here.

        Raises:
            StackError: this is not a checkout, an operation of Git is unfinished, no branch is checked out, or there
                are uncommitted changes.
        """
        if not self.says("rev-parse", "--verify", "--quiet", "HEAD^{commit}"):
            raise StackError(
                f"{self.root} is no clone of Landfast, and an upgrade is a merge",
                "clone it with git, and move your files",
            )
        for name, remedy in UNFINISHED.items():
            if (self.root / self.git("rev-parse", "--git-path", name).rstrip("\n")).exists():
                raise StackError(f"Git is in the middle of something ({name})", f"finish it, or give it up: {remedy}")
        if not self.says("symbolic-ref", "--quiet", "HEAD"):
            raise StackError("no branch is checked out, so the merge would be lost", "git switch BRANCH")
        # New uncommitted files may stay: Git refuses to overwrite one.
        changed = self.git("status", "--porcelain", "--untracked-files=no").splitlines()
        if changed:
            raise StackError(
                f"changes are in no commit:\n{listing(changed)}", "commit them, or set them aside: git stash"
            )

    def source(self, wanted: str) -> str:
        """Return the remote or address of the releases.

        Args:
            wanted: the remote or address that the user named; may be empty.

        Raises:
            StackError: the user named none, and there is no remote of a known name.
        """
        remotes = self.git("remote").split()
        found = wanted or next((name for name in REMOTES if name in remotes), "")
        if not found:
            raise StackError(
                "this clone has no remote that releases could come from", "./stack upgrade --from ADDRESS names one"
            )
        return found

    def fetch(self, source: str) -> None:
        """Fetch the releases of a remote or address.

        Raises:
            StackError: it does not answer.
        """
        wanted = f"+refs/tags/v*:{REFERENCES}v*"
        arguments = ("fetch", "--quiet", "--no-tags", "--prune", "--no-write-fetch-head", "--", source, wanted)
        try:
            self.git(*arguments, timeout=FETCH_TIMEOUT)
        except StackError as error:
            raise StackError(
                f"the releases cannot be fetched: {error}",
                "fix that, or name another place: ./stack upgrade --from ADDRESS",
            ) from None

    def releases(self) -> dict[tuple[int, ...], str]:
        """Return the fetched releases: version and reference."""
        names = self.git("for-each-ref", "--format=%(refname)", REFERENCES).split()
        found = ((releases.number(name[len(REFERENCES) :]), name) for name in names)
        return {version: name for version, name in found if version}

    def commit(self, reference: str) -> str:
        """Return the commit of a reference."""
        return self.git("rev-parse", "--verify", f"{reference}^{{commit}}").strip()

    def has(self, commit: str) -> bool:
        """Return whether the checked-out branch contains a commit."""
        return self.says("merge-base", "--is-ancestor", commit, "HEAD")

    def base(self, other: str, release: str | None) -> str:
        """Return the common ancestor of this checkout and another commit.

        Args:
            other: the other commit.
            release: the reference of the installed release. It is the ancestor if the history lacks it: after a
                squash, in a shallow clone, in files from an archive.

        Raises:
            StackError: there is no common ancestor.
        """
        if release and not self.has(release):
            return self.commit(release)
        done = self._run(("merge-base", "HEAD", other))
        if done.returncode != 0:
            raise StackError(
                "this checkout and the release have no commit in common, and the release of VERSION is not there",
                "git fetch --unshallow brings the history of a shallow clone",
            )
        return os.fsdecode(done.stdout).strip()

    def tree(self, commit: str) -> Tree:
        """Return the files of a commit."""
        listed = self.git("ls-tree", "-r", "-z", "--full-tree", commit).split("\0")
        found = (line.partition("\t") for line in listed if line)
        return {path: Entry(about.split()[0], about.split()[2]) for about, _, path in found}

    def text(self, tree: Tree, path: str) -> str:
        """Return the content of a file in a tree; empty if the tree does not have it."""
        return self.git("cat-file", "blob", tree[path].content) if path in tree else ""

    def merged(self, base: str, ours: str, theirs: str) -> str | None:
        """Merge three texts; return the name of the result's content, or None if there is a conflict."""
        with tempfile.TemporaryDirectory() as folder:
            names = []
            for name, content in (("ours", ours), ("base", base), ("theirs", theirs)):
                path = Path(folder) / name
                path.write_bytes(os.fsencode(content))
                names.append(str(path))
            done = self._run(("merge-file", "--stdout", *names))
        if done.returncode != 0:
            return None
        return self.git("hash-object", "-w", "--stdin", given=done.stdout).strip()

    def write(self, tree: Tree, message: str, *parents: str) -> str:
        """Return a commit with the files of ``tree``; the checkout itself does not change.

        Raises:
            StackError: Git failed, for example because it has no author.
        """
        lines = "".join(f"{entry.mode} {entry.content}\t{path}\0" for path, entry in tree.items())
        with tempfile.TemporaryDirectory() as folder:
            index = str(Path(folder) / "index")
            self.git("update-index", "-z", "--index-info", given=os.fsencode(lines), index=index)
            name = self.git("write-tree", index=index).strip()
        options = [word for parent in parents for word in ("-p", parent)]
        return self.git("commit-tree", name, *options, given=os.fsencode(message)).strip()

    def advance(self, commit: str) -> None:
        """Move branch and files forward to a commit.

        Raises:
            StackError: an uncommitted file, perhaps an ignored one, would be overwritten; nothing was changed.
        """
        options = ("--ff-only", "--no-squash", "--no-stat", "--no-overwrite-ignore", "--no-verify-signatures")
        try:
            self.git("merge", "--quiet", *options, commit, timeout=FETCH_TIMEOUT)
        except StackError as error:
            raise StackError(f"nothing was changed: {error}", "move or commit these files, then try again") from None


def listing(lines: list[str]) -> str:
    """Return lines for people, indented; only the first 20 of many."""
    shown = 20
    more = [f"... and {len(lines) - shown} more"] if len(lines) > shown else []
    return "\n".join(f"    {line}" for line in [*lines[:shown], *more])
