"""The part of the records that all managers share: the releases, the last lines of the log, the change at work.

It is a config of Swarm, on whose content the managers agree. Each change makes a config with the next number, and
removes the former one. Two managers cannot make the same number, so two changes of the cluster cannot begin at the same
time (docs/adr/0055).
"""

from __future__ import annotations

import base64
import json
import socket
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from rollout import quorum
from rollout.errors import BusyError, RolloutError
from rollout.records import now, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rollout.engine import Engine
    from rollout.records import Records

#: The configs' names begin so; their label has the number.
NAME, LABEL = "landfast-records", "landfast.records"
#: The number of the document that this manager last read or wrote, and whether it has changes that were not sent.
FILE = "shared.json"
#: Lines of the log that are shared.
LINES = 50
#: Attempts to write, while other managers write too.
ATTEMPTS = 5


@dataclass(frozen=True)
class Run:
    """A change of the cluster that is at work, or was interrupted.

    Args:
        id: the name of its files.
        what: deploy, rollback ...
        release: the release.
        who: the operator.
        since: when it began.
        host: the manager on which its program runs.
    """

    id: str
    what: str
    release: str
    who: str
    since: str
    host: str

    def __str__(self) -> str:
        """Return a phrase for people."""
        return f"{self.what} of {self.release} by {self.who}"


@dataclass(frozen=True)
class Document:
    """The shared document.

    Args:
        number: its number; 0 if there is none yet.
        state: the successful releases, as in ``state.json``.
        log: the last lines of the log.
        run: the change at work; None if there is none.
    """

    number: int = 0
    state: tuple[dict[str, str], ...] = ()
    log: tuple[str, ...] = ()
    run: Run | None = None


def read(engine: Engine) -> Document:
    """Return the newest document.

    Raises:
        RolloutError: Docker does not answer, or there is no majority of managers.
    """
    found = {int(entry["Spec"]["Labels"][LABEL]): entry for entry in engine.get("/configs", label=LABEL)}
    if not found:
        return Document()
    number = max(found)
    content = json.loads(base64.b64decode(found[number]["Spec"]["Data"]))
    run = Run(**content["run"]) if content["run"] else None
    return Document(number, tuple(content["state"]), tuple(content["log"]), run)


def pull(engine: Engine, records: Records) -> Document:
    """Bring this manager's records up to date, and return the shared document.

    Raises:
        RolloutError: Docker does not answer, or there is no majority of managers.
    """
    document, (number, unsent) = read(engine), known(records)
    if document.number > number:
        accept(records, document)
    elif unsent:
        document = push(engine, records)
    quorum.remember(records, engine.nodes())
    return document


def accept(records: Records, document: Document) -> None:
    """Write the shared state and the missing lines of the log into this manager's records."""
    if list(document.state) != records.entries:
        write(records.folder / "state.json", list(document.state))
    records.merge_log(document.log)
    remember(records, document.number)


def push(
    engine: Engine, records: Records, change: Callable[[Document], Document] = lambda document: document
) -> Document:
    """Share this manager's state and log; return the new document.

    Args:
        engine: Docker.
        records: the records of releases.
        change: changes the document before it is written; it may raise an error to refuse.

    Raises:
        RolloutError: Docker does not answer, or other managers write all the time.
    """
    for _ in range(ATTEMPTS):
        former = read(engine)
        records.merge_log(former.log)
        new = change(replace(former, state=tuple(records.entries), log=tuple(records.log_lines()[-LINES:])))
        new = replace(new, number=former.number + 1)
        content = json.dumps({"state": new.state, "log": new.log, "run": asdict(new.run) if new.run else None})
        name = f"{NAME}-{new.number}"
        try:
            engine.run("config", "create", f"--label={LABEL}={new.number}", name, "-", given=content)
        except RolloutError as error:
            if "already exists" not in str(error):
                raise
            continue
        remember(records, new.number)
        remove_former(engine, new.number)
        return new
    raise RolloutError("other managers change the shared records all the time")


def remove_former(engine: Engine, number: int) -> None:
    """Remove the documents before ``number``. The next change removes those that stay."""
    with suppress(RolloutError):
        for entry in engine.get("/configs", label=LABEL):
            if int(entry["Spec"]["Labels"][LABEL]) < number:
                engine.run("config", "rm", entry["Spec"]["Name"])


def share(engine: Engine, records: Records, report: Callable[[str], None]) -> None:
    """Share this manager's state and log. If that fails, the next command here does it.

    Args:
        engine: Docker.
        records: the records of releases.
        report: reports progress.
    """
    try:
        push(engine, records)
    except RolloutError as error:
        number, _ = known(records)
        with suppress(OSError):
            remember(records, number, unsent=True)
        report(f"the other managers do not know of this yet: {error.reason}")


def known(records: Records) -> tuple[int, bool]:
    """Return the number of the last document known here, and whether changes were not sent."""
    with suppress(OSError, ValueError):
        content: dict[str, Any] = json.loads((records.folder / FILE).read_text(encoding="utf-8"))
        return int(content["number"]), bool(content["unsent"])
    return 0, False


def remember(records: Records, number: int, *, unsent: bool = False) -> None:
    """Write the number of the document, and whether changes were not sent."""
    write(records.folder / FILE, {"number": number, "unsent": unsent})


@contextmanager
def begun(engine: Engine, records: Records, name: str, what: str, release: str, who: str) -> Iterator[None]:
    """Let all managers know of a change during the block. If the program is killed, the document goes on to name it.

    Args:
        engine: Docker.
        records: the records of releases.
        name: the name of the change's files.
        what: deploy, rollback ...
        release: the release.
        who: the operator.

    Raises:
        BusyError: another manager changes the cluster.
        RolloutError: Docker does not answer.
    """
    run = Run(name, what, release, who, now(), socket.gethostname())
    pull(engine, records)

    def begin(document: Document) -> Document:
        other = document.run
        if other and other.host != run.host and is_ready(engine, other.host):
            raise BusyError(f"{other} is at work on {other.host} since {other.since}")
        return replace(document, run=run)

    push(engine, records, begin)
    try:
        yield
    except Exception:
        end(engine, records, run)
        raise
    end(engine, records, run)


def end(engine: Engine, records: Records, run: Run) -> None:
    """Share that ``run`` has ended. If that fails, the next command on this manager does it."""

    def finish(document: Document) -> Document:
        return replace(document, run=None) if document.run and document.run.id == run.id else document

    with suppress(RolloutError):
        push(engine, records, finish)


def is_ready(engine: Engine, host: str) -> bool:
    """Return whether Swarm finds a host ready."""
    return any(node["Status"]["State"] == "ready" for node in engine.nodes() if node["Description"]["Hostname"] == host)
