"""A report on this host: disk, memory, certificate, and problems. It needs only Python.

``host.py report`` prints the report as JSON, for ``landfast status``. ``host.py watch``, which a timer calls, writes
metrics for Prometheus' node exporter, and logs each problem to the journal as an error: at once, and daily until it is
solved.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DATA = Path("/var/lib/landfast")
CERTIFICATE = Path("/etc/landfast/tls/current/tls_certificate")
#: The Debian mirror's last answer; only the first manager asks (rollout/fresh_packages.py).
UPDATES = DATA / "releases/updates.json"
#: unattended-upgrades makes this file when a new kernel or library needs a reboot.
REBOOT = Path("/run/reboot-required")
MEMORY = Path("/proc/meminfo")

#: Free disk below which the host has a problem: a deploy needs that much (release_minimum_disk_mb).
MINIMUM_MB = 2000
#: A host has a problem if less than one part in so many of its memory is available.
MEMORY_SHARE = 20
#: Seconds before its expiry at which a certificate should have been renewed: certbot renews 30 days before. A
#: short-lived certificate should have been renewed when three quarters of its time are over.
RENEWAL = 21 * 86400
#: Seconds between two reports of the same problem.
REMINDER = 86400

#: Units whose failure would go unnoticed, and its meaning.
UNITS: Mapping[str, str] = {
    "certbot.service": "the renewal of the certificate failed",
    "landfast-distribute.service": "the certificate was not copied to every host",
    "landfast-tls.service": "Nginx could not read its new certificate",
    "landfast-clean-registry.service": "old releases could not be removed from the registry",
    "apt-daily-upgrade.service": "security updates could not be installed",
    "landfast-updates.service": "the Debian mirror could not be asked for the images' security updates",
    "landfast-update.service": "the images' security updates could not be rolled out",
    "landfast-backup.service": "the last backup failed",
    "landfast-drill.service": "the rehearsal of a restore failed",
}

#: Every kind of problem, for the metrics: a kind without a problem is 0.
KINDS = ("disk", "memory", "certificate", "reboot", "images", *UNITS)


@dataclass
class Report:
    """The report on a host.

    Args:
        name: the host's name in Swarm.
        disk_free_mb: free space on the disk with Docker's data.
        disk_mb: the size of that disk.
        memory_free_mb: memory that processes may still take.
        memory_mb: all memory.
        certificate_ends: seconds since 1970; None without a certificate.
        problems: kind -> problem, for an operator.
    """

    name: str
    disk_free_mb: int
    disk_mb: int
    memory_free_mb: int
    memory_mb: int
    certificate_ends: float | None = None
    problems: dict[str, str] = field(default_factory=dict)


def memory(text: str) -> tuple[int, int]:
    """Return the available and the total megabytes of memory from the text of ``/proc/meminfo``."""
    sizes = {line.partition(":")[0]: int(line.split()[1]) >> 10 for line in text.splitlines() if ":" in line}
    return sizes.get("MemAvailable", 0), sizes.get("MemTotal", 0)


def validity(certificate: Path) -> tuple[float, float] | None:
    """Return the begin and the end of a certificate's validity, in seconds since 1970; None if it cannot be read."""
    output = run("openssl", "x509", "-in", str(certificate), "-noout", "-dates")
    dates = dict(line.partition("=")[::2] for line in output.splitlines())
    try:
        begins, ends = (
            datetime.strptime(dates[name], "%b %d %H:%M:%S %Y %Z").replace(tzinfo=timezone.utc).timestamp()
            for name in ("notBefore", "notAfter")
        )
    except (KeyError, ValueError):
        return None
    return begins, ends


def lacking(path: Path) -> dict[str, list[str]]:
    """Return the images that lacked security updates when the mirror was last asked, each with its packages."""
    with suppress(OSError, ValueError):
        return dict(json.loads(path.read_text(encoding="utf-8")).get("lacking") or {})
    return {}


def failed_units() -> list[str]:
    """Return the units that have failed."""
    output = run("systemctl", "list-units", "--failed", "--plain", "--no-legend", *UNITS)
    return [line.split()[0] for line in output.splitlines() if line.strip()]


def run(*command: str) -> str:
    """Return the output of a command; an empty string if it cannot be run or fails."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def inspect(minimum_mb: int = MINIMUM_MB, now: float | None = None) -> Report:
    """Return the report on this host.

    Args:
        minimum_mb: free disk below which the host has a problem.
        now: seconds since 1970; the current time by default.
    """
    disk = os.statvfs(DATA if DATA.exists() else "/")
    free, whole = memory(MEMORY.read_text(encoding="ascii"))
    report = Report(
        socket.gethostname(), disk.f_bavail * disk.f_frsize >> 20, disk.f_blocks * disk.f_frsize >> 20, free, whole
    )
    period = validity(CERTIFICATE)
    if period:
        report.certificate_ends = period[1]
    reasons = REBOOT.with_suffix(".pkgs")
    packages = reasons.read_text(encoding="utf-8").split() if reasons.exists() else []
    report.problems = problems(
        report,
        minimum_mb=minimum_mb,
        period=period,
        now=time.time() if now is None else now,
        reboot=sorted(set(packages)) if REBOOT.exists() else None,
        lacking=lacking(UPDATES),
        failed=failed_units(),
    )
    return report


def problems(
    report: Report,
    *,
    minimum_mb: int,
    period: tuple[float, float] | None,
    now: float,
    reboot: Sequence[str] | None,
    lacking: Mapping[str, Sequence[str]],
    failed: Sequence[str],
) -> dict[str, str]:
    """Return the problems: kind -> the problem and the remedy.

    Args:
        report: the host's figures.
        minimum_mb: free disk below which the host has a problem.
        period: the begin and the end of its certificate's validity.
        now: seconds since 1970.
        reboot: the packages that need a reboot; None if no reboot is due.
        lacking: image -> its packages that lack a security update.
        failed: units that have failed.
    """
    found = {}
    if report.disk_free_mb < minimum_mb:
        found["disk"] = f"{report.disk_free_mb} MB of disk are free, {minimum_mb} are wanted: playbooks/clean.yml"
    if report.memory_mb and report.memory_free_mb * MEMORY_SHARE < report.memory_mb:
        found["memory"] = f"{report.memory_free_mb} MB of {report.memory_mb} MB of memory are free"
    if period:
        begins, ends = period
        days = int((ends - now) // 86400)
        if ends < now:
            found["certificate"] = f"the certificate ended {-days} days ago"
        elif ends - now < min(RENEWAL, (ends - begins) / 4):
            found["certificate"] = f"the certificate ends in {days} days and was not renewed"
    if reboot is not None:
        found["reboot"] = f"a reboot is due: {', '.join(reboot) or 'for updates'}"
    if lacking:
        number = sum(map(len, lacking.values()))
        found["images"] = f"{', '.join(sorted(lacking))} lack {number} security updates: playbooks/update.yml"
    for unit in failed:
        found[unit] = f"{UNITS.get(unit, 'a unit failed')}: journalctl -u {unit}"
    return found


def metrics(report: Report) -> str:
    """Return a report in Prometheus' text format, for the node exporter's textfile collector."""
    lines = [
        "# HELP landfast_host_problem Whether this host has a problem that needs an operator.",
        "# TYPE landfast_host_problem gauge",
        *(f'landfast_host_problem{{kind="{kind}"}} {int(kind in report.problems)}' for kind in KINDS),
        "# HELP landfast_host_disk_free_bytes Free space on the disk with Docker's data.",
        "# TYPE landfast_host_disk_free_bytes gauge",
        f"landfast_host_disk_free_bytes {report.disk_free_mb << 20}",
        "# HELP landfast_host_memory_available_bytes Memory that processes may still take.",
        "# TYPE landfast_host_memory_available_bytes gauge",
        f"landfast_host_memory_available_bytes {report.memory_free_mb << 20}",
    ]
    if report.certificate_ends is not None:
        lines += [
            "# HELP landfast_certificate_end_seconds When the site's certificate expires.",
            "# TYPE landfast_certificate_end_seconds gauge",
            f"landfast_certificate_end_seconds {report.certificate_ends:.0f}",
        ]
    return "\n".join((*lines, ""))


def watch(report: Report, folder: Path, now: float) -> list[str]:
    """Write metrics into ``folder``, and return the lines for the journal: problems that are new, or a day old.

    A full disk prevents no report: each problem counts as new then.

    Args:
        report: the report on the host.
        folder: the folder of ``host.prom`` for the node exporter.
        now: seconds since 1970.
    """
    reported: dict[str, float] = {}
    memory_file = folder / "reported.json"
    with suppress(OSError, ValueError):
        reported = {str(kind): float(at) for kind, at in json.loads(memory_file.read_text(encoding="utf-8")).items()}
    fresh = [kind for kind in report.problems if now - reported.get(kind, 0) >= REMINDER]
    reported = {kind: now if kind in fresh else reported[kind] for kind in report.problems}
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in ((memory_file, json.dumps(reported)), (folder / "host.prom", metrics(report))):
            temporary = path.with_name(f".{path.name}.new")
            temporary.write_text(content, encoding="utf-8")
            temporary.replace(path)
    # The number before a line is its severity in the journal: 3 is an error (sd-daemon(3)).
    return [f"<3>{report.problems[kind]}" for kind in fresh]


def main() -> int:
    """Run the command that the arguments name."""
    parser = argparse.ArgumentParser(prog="host.py", description=__doc__)
    parser.add_argument("command", choices=("report", "watch"))
    parser.add_argument("--minimum-mb", type=int, default=MINIMUM_MB)
    arguments = parser.parse_args()
    report = inspect(arguments.minimum_mb)
    lines = [json.dumps(asdict(report))]
    if arguments.command == "watch":
        lines = watch(report, DATA / "metrics", time.time())
    print("\n".join(lines), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
