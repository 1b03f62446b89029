"""Programs that a test run starts: what they print, and how much of the processors they took."""

from __future__ import annotations

import codecs
import os
import select
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Seconds between two looks whether a program that prints nothing has ended, and bytes that are read at once.
POLL, BLOCK = 0.5, 1 << 16

#: Seconds between two looks whether a program that has closed its output has ended.
SOON = 0.05

#: The kernel counts the time of processors in so many parts of a second.
TICKS = os.sysconf("SC_CLK_TCK")


class Ended(NamedTuple):
    """How a program ended.

    Args:
        status: its exit status.
        output: all that it printed, unless that was shown while it ran.
        processor: the processor seconds that it took, with the programs that it waited for.
    """

    status: int
    output: str = ""
    processor: float = 0


class Program(subprocess.Popen[str]):
    """A program whose processor time is known when it has ended.

    The kernel tells it once, to whoever collects the end. It leaves out the programs that nobody waited for, such as
    those that bubblewrap starts: these are looked at while they run, and what they took after the last look is missed.
    """

    processor = 0.0
    _looked = 0.0
    _collecting = threading.Lock()  # one for all: it is held for a moment

    def poll(self) -> int | None:
        """Return the exit status, none while it runs."""
        with self._collecting:
            if self.returncode is None:
                self._look()
                pid, status, usage = os.wait4(self.pid, os.WNOHANG)
                if pid:
                    self.returncode = os.waitstatus_to_exitcode(status)
                    self.processor = max(self.processor, usage.ru_utime + usage.ru_stime)
        return self.returncode

    def _look(self) -> None:
        """Note what it and its programs have taken so far, as often as is worth it: who prints much is polled often."""
        now = time.monotonic()
        if now - self._looked >= POLL:
            self._looked, self.processor = now, max(self.processor, _taken(self.pid))

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended and return the exit status.

        Args:
            timeout: seconds to wait, without an end by default.

        Raises:
            TimeoutExpired: it has not ended by then.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while (status := self.poll()) is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            time.sleep(SOON)
        return status

    def lines(self) -> Iterator[str]:
        """Yield what it prints, line by line, until it has ended.

        Its end is what counts, not that of its output: a program that it left behind may hold that open for hours.
        """
        assert self.stdout  # noqa: S101 - for mypy: it is a pipe
        descriptor = self.stdout.fileno()
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        text = ""
        while True:
            ended = self.poll() is not None
            if select.select([descriptor], [], [], 0 if ended else POLL)[0]:
                data = os.read(descriptor, BLOCK)
                ended = not data
                *whole, text = (text + decoder.decode(data)).split("\n")
                yield from (f"{line}\n" for line in whole)
            if ended:
                break
        if text:
            yield text


def _taken(pid: int) -> float:
    """Return the processor seconds of a program and of those that it has started; 0 where Linux does not tell."""
    process = Path("/proc", str(pid))
    try:
        fields = (process / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        children = (process / "task" / str(pid) / "children").read_text(encoding="ascii").split()
    except OSError:
        return 0.0
    own_and_waited_for = sum(map(int, fields[11:15])) / TICKS
    return own_and_waited_for + sum(_taken(int(child)) for child in children)


class Moment(NamedTuple):
    """A moment of a run.

    Args:
        time: in seconds, as ``time.monotonic`` has it.
        worked: the seconds that all processors of this machine have worked since it started, none where Linux does not
            tell. Docker, its containers and whatever else runs here are among it.
    """

    time: float
    worked: float | None = None

    @classmethod
    def now(cls) -> Moment:
        """Return this moment."""
        try:
            with Path("/proc/stat").open(encoding="ascii") as file:
                user, nice, system, _idle, _waiting, hard, soft, *_ = map(int, file.readline().split()[1:])
        except (OSError, ValueError):
            return cls(time.monotonic())
        return cls(time.monotonic(), (user + nice + system + hard + soft) / TICKS)
