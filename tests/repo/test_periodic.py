"""Periodic commands: their timetables, and the program that runs them, as processes of the shells that there are."""

from __future__ import annotations

import calendar
import os
import shutil
import signal
import subprocess
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import pytest

from cli.settings import ROOT
from contract.derived import derive
from tests.support.contracts import HOUSE, shop
from tests.support.started import started
from tests.support.waiting import PATIENCE, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

#: POSIX shells, if this machine has them: Debian's, bash as such a one, and Alpine's.
SHELLS = [shell for shell in (["dash"], ["bash", "--posix"], ["busybox", "sh"]) if shutil.which(shell[0])]

SERVICE = (
    'services: {{shop: {{extends: {{service: periodic}}, command: [a], x-environment: {{WHO: shop}}, x-every: "{}"}}}}'
)
JSON_LINES = ROOT / "images/base/bin/json-lines"

#: In place of the programs of these names: a clock that stands until a test sets it, and a short sleep.
FAKES = {
    "date": '#!/bin/sh\ncase $1 in +%s) exec cat "$CLOCK" ;; *) echo 2026-11-30T00:00:00Z ;; esac\n',
    "sleep": "#!/bin/sh\nexec /bin/sleep 0.02\n",
}
#: A container's folder for temporary files.
TEMPORARY = "temporary"
#: Seconds since 1970 of a Monday's midnight.
MONDAY = calendar.timegm((2026, 11, 30, 0, 0, 0))


class Loop(NamedTuple):
    """The program with a command of its own: each of its runs writes the variable ``WHO`` and the time, if that is set.

    Args:
        process: the program.
        folder: where it is, and its clock.
    """

    process: subprocess.Popen[str]
    folder: Path

    def line(self) -> str:
        """Return the next line that it says."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def set_clock(self, now: int) -> None:
        """Set the clock that it sees."""
        new = self.folder / "clock.new"
        new.write_text(f"{now}\n")
        new.rename(self.folder / "clock")

    def health(self) -> tuple[int, str]:
        """Return the exit status of its health check, and what that says."""
        command = ["sh", f"{self.folder}/periodically", "--health"]
        done = subprocess.run(command, env=variables(self.folder), capture_output=True, text=True, check=False)
        return done.returncode, done.stdout.strip()

    def stop(self) -> int:
        """Ask it to stop, and return its exit status."""
        self.process.terminate()
        return self.process.wait(20 * PATIENCE)


def variables(folder: Path) -> dict[str, str]:
    """Return a container's variables."""
    return {
        "PATH": f"{folder}/fakes:{os.environ['PATH']}",
        "TMPDIR": f"{folder}/{TEMPORARY}",
        "CLOCK": f"{folder}/clock",
    }


@contextmanager
def running(
    folder: Path,
    every: str,
    *command: str,
    shell: list[str] = SHELLS[0],
    before: tuple[str, ...] = (),
    fakes: Mapping[str, str] = FAKES,
) -> Iterator[Loop]:
    """Run the program that a timetable makes."""
    contents = derive([HOUSE, shop(SERVICE.format(every))]).contents
    for name in ("periodically", "with-environment"):
        (folder / name).write_text(contents[f"shop.{name}"])
    for name in ("fakes", TEMPORARY):
        (folder / name).mkdir()
    for name, text in fakes.items():
        (folder / "fakes" / name).write_text(text)
        (folder / "fakes" / name).chmod(0o755)
    with started(*before, *shell, f"{folder}/periodically", *command, env=variables(folder)) as process:
        yield Loop(process, folder)


def first_run(folder: Path, every: str, now: int) -> int:
    """Return when the first run comes after a start."""
    (folder / "clock").write_text(f"{now}\n")
    with running(folder, every, "true") as loop:
        return now + int(loop.line().partition("first run is in ")[2].partition(" ")[0])


@pytest.mark.parametrize(
    ("every", "begin", "times"),
    [
        ("15 3 * * *", "2026-11-30 08:00", ["12-01 03:15", "12-02 03:15"]),
        ("15 3 * * *", "2026-11-30 03:15", ["12-01 03:15"]),
        ("*/20 8-9 * * 1-5", "2026-12-04 09:30", ["12-04 09:40", "12-07 08:00", "12-07 08:20"]),
        ("0,30 */12 * * *", "2026-12-31 12:00", ["12-31 12:30", "01-01 00:00", "01-01 00:30", "01-01 12:00"]),
        ("0 0 29 2 *", "2026-12-31 12:00", ["02-29 00:00", "02-29 00:00"]),
        ("0 0 1 3 *", "2100-02-27 12:00", ["03-01 00:00"]),
        ("0 0 1 1-12/3 *", "2026-01-01 00:00", ["04-01 00:00", "07-01 00:00", "10-01 00:00", "01-01 00:00"]),
        ("0 0 * * 7", "2026-11-30 00:00", ["12-06 00:00", "12-13 00:00"]),
        ("0 0 1 * 5", "2026-11-30 00:00", ["12-01 00:00", "12-04 00:00"]),  # as cron has it: either
        ("0 0 */2 * 1", "2026-11-30 00:00", ["12-07 00:00", "12-21 00:00"]),  # and both, because of the *
        ("59 23 31 * *", "2026-11-30 00:00", ["12-31 23:59", "01-31 23:59", "03-31 23:59"]),
        ("30m", "2026-11-30 08:07", ["11-30 08:07"]),
    ],
)
def test_the_times_are_those_of_cron_by_utc(tmp_path: Path, every: str, begin: str, times: list[str]) -> None:
    now, found = int(datetime.fromisoformat(f"{begin}+00:00").timestamp()), []
    for _ in times:
        folder = tmp_path / str(now)
        folder.mkdir()
        now = first_run(folder, every, now)
        found.append(f"{datetime.fromtimestamp(now, UTC):%m-%d %H:%M}")

    assert found == times


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_every_shell_runs_it_at_once_and_then_in_time_until_it_is_stopped(tmp_path: Path, shell: list[str]) -> None:
    with running(tmp_path, "1s", "sh", "-c", "echo $WHO $(date +%s)", shell=shell, fakes={}) as loop:
        assert '"service":"shop","message":"the first run is in 0 seconds"' in loop.line()
        runs = [loop.line().split() for _ in range(3)]
        assert [who for who, _ in runs] == ["shop"] * 3
        assert len({time for _, time in runs}) == 3
        assert loop.health() == (0, "")
        assert loop.stop() == 0


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_every_shell_knows_cron_s_times(tmp_path: Path, shell: list[str]) -> None:
    with running(tmp_path, "0 0 1 1 *", "true", shell=shell, fakes={}) as loop:
        rest = int(loop.line().partition("first run is in ")[2].partition(" ")[0])
        now = datetime.now(UTC)
        new_year = datetime(now.year + 1, 1, 1, tzinfo=UTC)

        assert abs((new_year - now).total_seconds() - rest) < 30


def test_runs_follow_each_other_and_a_time_that_comes_meanwhile_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "clock").write_text("1000\n")
    slow = 'date +%s; until [ -e "$TMPDIR/go" ]; do sleep 1; done'
    with running(tmp_path, "90s", "sh", "-c", slow) as loop:
        loop.line()
        assert loop.line() == "1000"
        loop.set_clock(1200)  # two times have passed
        (tmp_path / "temporary/go").touch()
        wait_until(lambda: "1330 0 waits\n" in (tmp_path / "temporary/periodically").read_text(), 10, "the run's end")
        loop.set_clock(1270)

        assert loop.line() == "1270"


def test_one_that_is_asked_to_stop_lets_its_command_end(tmp_path: Path) -> None:
    slow = 'echo runs; until [ -e "$TMPDIR/go" ]; do sleep 1; done; echo ended'
    with running(tmp_path, "1h", "sh", "-c", slow, fakes={}) as loop:
        loop.line()
        assert loop.line() == "runs"
        loop.process.terminate()
        with pytest.raises(subprocess.TimeoutExpired):
            loop.process.wait(1)
        (tmp_path / "temporary/go").touch()

        assert loop.line() == "ended"
        assert loop.process.wait(20 * PATIENCE) == 0


def test_one_that_sleeps_holds_no_log_when_it_is_stopped(tmp_path: Path) -> None:
    with running(tmp_path, "1h", "echo", "done", before=(str(JSON_LINES), "shop"), fakes={}) as loop:
        loop.line()
        assert '"message":"done"' in loop.line()

        assert loop.stop() == 0


def test_a_failure_is_logged_is_told_by_the_health_check_and_is_over_with_the_next_success(tmp_path: Path) -> None:
    (tmp_path / "clock").write_text(f"{MONDAY}\n")
    once = 'mkdir "$TMPDIR/tried" 2>&- && exit 7; echo well'
    with running(tmp_path, "30 * * * *", "sh", "-c", once) as loop:
        loop.line()
        loop.set_clock(MONDAY + 1800)
        said = loop.line()
        assert '"level":"error"' in said
        assert '"message":"the command ended with 7; it runs again in 3600 seconds"' in said
        assert loop.health() == (1, "the last run ended with 7")

        loop.set_clock(MONDAY + 1800 + 3600)

        assert loop.line() == "well"
        wait_until(lambda: loop.health() == (0, ""), 10, "health")


def test_with_an_interval_a_failed_run_is_repeated_soon_then_less_often_and_then_in_time(tmp_path: Path) -> None:
    (tmp_path / "clock").write_text(f"{MONDAY}\n")
    with running(tmp_path, "2m", "sh", "-c", '[ -e "$TMPDIR/mended" ] && date +%s') as loop:
        loop.line()
        for failed, pause in [(0, 15), (15, 30), (45, 60), (105, 15), (120, 120)]:
            loop.set_clock(MONDAY + failed)
            assert f"it runs again in {pause} seconds" in loop.line()
        (tmp_path / TEMPORARY / "mended").touch()
        loop.set_clock(MONDAY + 240)
        assert loop.line() == str(MONDAY + 240)
        wait_until(lambda: loop.health() == (0, ""), 10, "health")
        (tmp_path / TEMPORARY / "mended").unlink()
        loop.set_clock(MONDAY + 360)

        assert "it runs again in 15 seconds" in loop.line(), "a success counts"


def test_a_run_that_is_not_begun_in_time_is_told_by_the_health_check(tmp_path: Path) -> None:
    (tmp_path / "clock").write_text(f"{MONDAY}\n")
    with running(tmp_path, "30m", "echo", "runs") as loop:
        loop.line()
        assert loop.line() == "runs"
        state = tmp_path / TEMPORARY / "periodically"
        wait_until(lambda: state.read_text().endswith(" waits\n"), 10, "the run's end")
        os.killpg(loop.process.pid, signal.SIGSTOP)  # it does nothing any more
        loop.set_clock(MONDAY + 1800 + 60)
        assert loop.health() == (0, "")
        loop.set_clock(MONDAY + 1800 + 61)

        status, said = loop.health()

    assert (status, said.startswith("the next run is late: ")) == (1, True)


def test_a_run_that_takes_longer_than_its_interval_is_healthy_or_servers_would_end_it(tmp_path: Path) -> None:
    (tmp_path / "clock").write_text(f"{MONDAY}\n")
    with running(tmp_path, "30m", "sh", "-c", "echo runs; exec /bin/sleep 1000") as loop:
        loop.line()
        assert loop.line() == "runs"
        loop.set_clock(MONDAY + 24 * 3600)

        assert loop.health() == (0, "")


def test_an_image_without_the_programs_that_it_needs_is_told_which(tmp_path: Path) -> None:
    with running(tmp_path, "1s", "true", fakes={}) as loop:
        loop.line()
    shell = shutil.which(SHELLS[0][0])
    (tmp_path / "fakes/date").symlink_to(str(shutil.which("date")))

    command = [str(shell), f"{tmp_path}/periodically", "true"]
    run = subprocess.run(command, env={"PATH": f"{tmp_path}/fakes"}, capture_output=True, text=True, check=False)

    assert (run.returncode, run.stderr) == (1, "periodically: this image lacks mv\n")


def test_one_whose_state_is_gone_is_not_healthy(tmp_path: Path) -> None:
    with running(tmp_path, "30m", "echo", "runs", fakes={}) as loop:
        loop.line()
        loop.line()
        wait_until(lambda: loop.health() == (0, ""), 10, "health")
        loop.stop()
        (tmp_path / "temporary/periodically").unlink()

        assert loop.health()[0] == 1
