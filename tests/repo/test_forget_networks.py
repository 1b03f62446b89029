"""Before Docker starts, remains of overlay networks from its last run are removed; nothing else is."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from tests.support.stack import ROOT

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = ROOT / "ansible/roles/swarm/files/forget-networks"
#: The links of a host: its own, Docker's, those of containers, and two remains of Docker's last run.
LINKS = r"""1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN\    link/loopback
2: eth0@if41: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP\    link/ether 02:42:0a:d5:e8:0b
3: docker_gwbridge: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP\    link/ether 02:42:2f:1c:5e:99
5: vx-lan: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UP\    link/ether 02:00:00:00:00:05
9: vx-001002-jyzd0: <BROADCAST,MULTICAST> mtu 1450 qdisc noop state DOWN\    link/ether da:b7:b0:4d:97:15
10: ov-001002-jyzd0: <BROADCAST,MULTICAST> mtu 1450 qdisc noop state DOWN\    link/ether da:b7:b0:4d:97:16
24: vethf2f4a09@if23: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP\    link/ether 3a:4b
"""


def test_only_what_a_former_docker_left_of_overlay_networks_is_deleted(tmp_path: Path) -> None:
    links, log = tmp_path / "links", tmp_path / "log"
    links.write_text(LINKS, encoding="ascii")
    ip = tmp_path / "ip"
    ip.write_text(f'#!/bin/sh\n[ "$1" = -oneline ] && exec cat "{links}"\necho "$@" >> "{log}"\n', encoding="ascii")
    ip.chmod(0o755)

    environment = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    run = subprocess.run(["sh", str(SCRIPT)], env=environment, capture_output=True, text=True, check=True)

    assert log.read_text(encoding="ascii").splitlines() == [
        "link delete vx-001002-jyzd0",
        "link delete ov-001002-jyzd0",
    ]
    assert run.stdout.splitlines() == ["a former Docker left vx-001002-jyzd0", "a former Docker left ov-001002-jyzd0"]
