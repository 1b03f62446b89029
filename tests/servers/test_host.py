"""A host's report: its figures, the problems that need a person, and where they are reported."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rollout import host
from tests.support.waiting import PATIENCE

DAY = 86400.0
NOW = 1_800_000_000.0
WELL = host.Report("server-1", 9000, 40000, 900, 2000, NOW + 60 * DAY)
SEEN: dict[str, Any] = {
    "minimum_mb": 2000, "period": (NOW - 30 * DAY, NOW + 60 * DAY), "now": NOW, "reboot": None, "lacking": {},
    "failed": [],
}  # fmt: skip


def found(report: host.Report = WELL, **seen: object) -> dict[str, str]:
    given: dict[str, Any] = {**SEEN, **seen}
    return host.problems(report, **given)


def test_nothing_waits_on_a_host_that_is_well() -> None:
    assert found() == {}
    assert found(period=None) == {}, "the host has no certificate yet"


def test_a_disk_or_a_memory_that_runs_out_is_told_with_its_figures() -> None:
    assert found(replace(WELL, disk_free_mb=1999))["disk"].startswith("1999 MB of disk are free, 2000 are wanted")
    assert found(replace(WELL, memory_free_mb=99))["memory"] == "99 MB of 2000 MB of memory are free"


@pytest.mark.parametrize(
    ("age", "left", "problem"),
    [
        (60, 30, None),  # certbot renews now
        (70, 20, "the certificate ends in 20 days and was not renewed"),
        (91, -1, "the certificate ended 1 days ago"),
        (4, 2, None),  # a certificate for six days is renewed after half of its life
        (5, 1, "the certificate ends in 1 days and was not renewed"),
        (340, 57, None),
    ],
)
def test_a_certificate_that_should_have_been_renewed_is_told(age: float, left: float, problem: str | None) -> None:
    assert found(period=(NOW - age * DAY, NOW + left * DAY)).get("certificate") == problem


def test_a_reboot_that_is_due_is_told_with_its_reason() -> None:
    assert found(reboot=["libc6", "linux-image-6.12"]) == {"reboot": "a reboot is due: libc6, linux-image-6.12"}
    assert found(reboot=[]) == {"reboot": "a reboot is due: for updates"}


@pytest.mark.parametrize("unit", host.UNITS)
def test_a_unit_that_failed_is_told_by_what_it_means(unit: str) -> None:
    assert found(failed=[unit]) == {unit: f"{host.UNITS[unit]}: journalctl -u {unit}"}


def test_it_reads_a_certificate_and_the_memory(tmp_path: Path) -> None:
    certificate = tmp_path / "certificate"
    assert host.validity(certificate) is None
    certificate.write_text("no certificate")
    assert host.validity(certificate) is None
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "10", "-subj", "/CN=x", "-keyout", str(tmp_path / "key"), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE * 60)
    period = host.validity(certificate)
    assert period is not None
    assert period[1] - period[0] - 10 * DAY in {0, 1}  # openssl may read the clock in two different seconds

    text = (
        "MemTotal:        2048000 kB\nMemFree:           51200 kB\nMemAvailable:    1024000 kB\nHugePages_Total:   0\n"
    )
    assert host.memory(text) == (1000, 2000)


def test_it_looks_at_what_the_host_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reboot = tmp_path / "reboot-required"
    reboot.write_text("*** System restart required ***\n")
    (tmp_path / "reboot-required.pkgs").write_text("linux-image-amd64\nlibc6\nlibc6\n")
    monkeypatch.setattr(host, "REBOOT", reboot)
    monkeypatch.setattr(host, "CERTIFICATE", tmp_path / "none")
    monkeypatch.setattr(
        host, "run", lambda *command: "certbot.service loaded failed failed Certbot\n" * (command[0] == "systemctl")
    )

    report = host.inspect(minimum_mb=0)

    assert report.problems["reboot"] == "a reboot is due: libc6, linux-image-amd64"
    assert report.problems["certbot.service"].startswith("the renewal of the certificate failed")
    assert report.disk_mb >= report.disk_free_mb > 0
    assert report.memory_mb > 0
    assert report.certificate_ends is None


def test_a_problem_is_an_error_in_the_journal_once_a_day(tmp_path: Path) -> None:
    ill = replace(WELL, problems={"reboot": "a reboot is due"})

    assert host.watch(ill, tmp_path, NOW) == ["<3>a reboot is due"]
    assert host.watch(ill, tmp_path, NOW + 300) == []
    assert host.watch(replace(ill, problems={**ill.problems, "disk": "full"}), tmp_path, NOW + 600) == ["<3>full"]
    assert host.watch(ill, tmp_path, NOW + DAY) == ["<3>a reboot is due"]
    assert host.watch(WELL, tmp_path, NOW + DAY + 300) == []
    assert host.watch(ill, tmp_path, NOW + DAY + 600) == ["<3>a reboot is due"], "the problem was gone in between"


def test_a_disk_that_takes_no_file_keeps_nothing_from_being_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    assert host.watch(replace(WELL, problems={"disk": "full"}), tmp_path / "file", NOW) == ["<3>full"]


def test_metrics_name_every_kind_of_problem(tmp_path: Path) -> None:
    host.watch(replace(WELL, problems={"certbot.service": "it failed"}), tmp_path / "metrics", NOW)

    lines = (tmp_path / "metrics/host.prom").read_text().splitlines()
    assert 'landfast_host_problem{kind="certbot.service"} 1' in lines
    assert 'landfast_host_problem{kind="reboot"} 0' in lines
    assert len([line for line in lines if line.startswith("landfast_host_problem{")]) == len(host.KINDS)
    assert f"landfast_certificate_end_seconds {WELL.certificate_ends:.0f}" in lines
    assert f"landfast_host_disk_free_bytes {9000 << 20}" in lines
    assert sorted(path.name for path in (tmp_path / "metrics").iterdir()) == ["host.prom", "reported.json"]


def test_it_runs_by_itself_with_nothing_but_python() -> None:
    """Workers of a cluster have only this file, without the rest of the program."""
    source = Path(str(host.__file__)).read_text(encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-I", "-B", "-", "report"],
        input=source,
        capture_output=True,
        text=True,
        timeout=PATIENCE * 60,
        check=True,
    )

    assert json.loads(done.stdout)["memory_mb"] > 0
