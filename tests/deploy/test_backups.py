"""A server's backups: everything is deleted, and comes back as it was at the second before; and what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.support.playbook import play
from tests.support.requesting import fetch
from tests.support.scenario import NAME
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.support.host import Host
    from tests.support.playbook import Inventory

# A server of its own, and a rollout for each restore.
pytestmark = pytest.mark.long

#: What `playbooks/site.yml` says while all backups are on one machine.
WARNING = "are lost with it"
#: A file of the site on its volume, below Docker's folder of volumes.
PICTURE = "/var/lib/docker/volumes/landfast_media/_data/kept.txt"
#: The repository, once it was brought back to a new machine.
COPY = "/var/lib/landfast/backups"
#: Loses all that a new machine lacks, except for a copy of the repository.
LOSE = f"""
set -e
docker service rm $(docker service ls -q)
until [ -z "$(docker ps --quiet --filter label=com.docker.stack.namespace=landfast)" ]; do sleep 0.5; done
cp -a /var/lib/docker/volumes/landfast_backups/_data {COPY}
docker ps -aq | xargs --no-run-if-empty docker rm -f
docker volume rm $(docker volume ls -q)
rm -r /var/lib/landfast/releases /var/lib/landfast/metrics /var/lib/landfast/backup-images.json
rm -r /etc/landfast/secrets /etc/landfast/backups.json
"""
ARTICLES = "SELECT count(*), coalesce(sum(id), 0) FROM web.news_article"


def query(host: Host, statement: str) -> str:
    """Return what PostgreSQL on the host answers."""
    script = (
        "docker exec $(docker ps -q -f label=com.docker.swarm.service.name=landfast_postgres) "
        'psql --no-psqlrc -qAtc "$0" landfast'
    )
    return host.run("sh", "-c", script, statement).strip()


def backups(host: Host) -> str:
    """Return the list of backups."""
    return host.run("landfast", "backups")


def is_ready(host: Host) -> bool:
    return fetch(host.address, NAME, "/readyz").status == 200


def test_the_first_deploy_makes_the_first_backup_and_names_the_place_of_all(single: Inventory, host: Host) -> None:
    run = play(single, "site")

    assert WARNING in run.words
    wait_until(lambda: "full" in backups(host), 180, lambda: backups(host), interval=2)
    units = ("landfast-backup.timer", "landfast-drill.timer")
    assert host.run("systemctl", "is-enabled", *units).split() == ["enabled", "enabled"]
    assert host.run("systemctl", "is-active", *units).split() == ["active", "active"]
    again = play(single, "site")
    assert again.changed == 0, again.output
    assert WARNING in again.words
    assert WARNING not in play(single, "site", variables={"release_backup_elsewhere": True}).words


def test_a_deploy_makes_a_restore_point(single: Inventory, host: Host) -> None:
    play(single, "deploy")

    assert "release-" in backups(host)


def test_a_deploy_with_old_backups_is_refused_unless_told_otherwise(single: Inventory, host: Host) -> None:
    before = backups(host)

    refused = play(single, "deploy", check=False, variables={"release_backup_max_hours": 0})
    assert refused.code
    assert "the newest backup ended" in refused.words
    assert "release_without_backup=true" in refused.words

    play(single, "deploy", variables={"release_backup_max_hours": 0, "release_without_backup": True})
    assert backups(host) == before, "and has no restore point"


def test_moments_that_cannot_be_restored_are_refused_and_nothing_stops(single: Inventory, host: Host) -> None:
    containers = host.run("docker", "ps", "--quiet")

    for wanted, words in (
        ({"at": "2000-01-01 00:00+00"}, "is before the end of the first backup"),
        ({"at": "2100-01-01 00:00+00"}, "is in the future"),
        ({"to": "nowhere"}, "has the name nowhere"),
        ({}, "name a moment"),
        ({"to": "latest"}, "add -e confirm=true"),  # nobody can be asked here
    ):
        refused = play(single, "restore", check=False, variables=wanted)
        assert refused.code
        assert words in refused.words
    assert host.run("docker", "ps", "--quiet") == containers


def test_what_was_deleted_comes_back_as_of_the_second_before(single: Inventory, host: Host) -> None:
    host.run("sh", "-c", f"echo kept > {PICTURE}")
    said = play(single, "backup", variables={"named": "before-the-end"}).words
    assert "before-the-end" in said
    # Written after the backup: only the archived log has it.
    query(host, "CREATE TABLE web.late AS SELECT generate_series(1, 1000) AS number")
    articles = query(host, ARTICLES)
    second_before = query(host, "SELECT clock_timestamp() AT TIME ZONE 'UTC'") + "+00"
    query(host, "SELECT pg_sleep(1)")  # the server's own clock goes on
    query(host, "TRUNCATE web.news_article CASCADE")
    query(host, "DROP TABLE web.late")
    host.run("rm", PICTURE)

    run = play(single, "restore", variables={"at": second_before, "confirm": True}, timeout=900)

    assert "PostgreSQL is back as of" in run.words
    wait_until(lambda: is_ready(host), 60, lambda: host.run("landfast", "status"), interval=1)
    assert query(host, ARTICLES) == articles
    assert query(host, "SELECT count(*) FROM web.late") == "1000"
    assert host.run("cat", PICTURE).strip() == "kept"
    assert "restore" in host.run("tail", "-n", "1", "/var/lib/landfast/releases/log")


def test_a_lost_host_comes_back_from_a_copy_of_its_repository(single: Inventory, host: Host) -> None:
    articles = query(host, ARTICLES)
    query(host, "CREATE TABLE web.last AS SELECT generate_series(1, 1000) AS number")
    query(host, "SELECT pg_switch_wal()")
    archived = "SELECT last_archived_wal >= pg_walfile_name(pg_current_wal_lsn() - 16777216) FROM pg_stat_archiver"
    wait_until(lambda: query(host, archived) == "t", 90, lambda: query(host, "SELECT * FROM pg_stat_archiver"))
    host.run("sh", "-c", LOSE)
    folder = {"landfast_settings": {"BACKUP_FOLDER": COPY}}

    play(replace(single, variables={**single.variables, **folder}), "site", timeout=900)
    assert query(host, "SELECT to_regclass('web.last')") == "", "the new database is empty"
    wanted = {"to": "latest", "confirm": True}
    run = play(replace(single, variables={**single.variables, **folder}), "restore", variables=wanted, timeout=900)

    assert "warning" in run.words, "the new, empty database cannot be archived"
    wait_until(lambda: is_ready(host), 60, lambda: host.run("landfast", "status"), interval=1)
    assert query(host, ARTICLES) == articles
    assert query(host, "SELECT count(*) FROM web.last") == "1000"
    assert host.run("cat", PICTURE).strip() == "kept"


def test_the_drill_finds_the_backup_as_recorded_and_a_failed_one_is_a_problem_of_the_host(
    single: Inventory, host: Host
) -> None:
    play(single, "backup", variables={"kind": "full"})

    host.run("systemctl", "start", "landfast-drill")
    journal = host.run("journalctl", "--unit=landfast-drill", "--output=cat", "--no-pager")
    assert "are as recorded" in journal
    assert "landfast_drill_success 1" in host.run("cat", "/var/lib/landfast/metrics/drill.prom")

    spoil = (
        f"cd {COPY}/postgres/backup/main;"
        "file=$(find *F/bundle -type f | sort | tail -n 1);"
        'printf X | dd of="$file" bs=1 seek=$(($(stat --format=%s "$file") / 2)) conv=notrunc status=none'
    )
    host.run("sh", "-c", spoil)
    assert not host.succeeds("systemctl", "start", "landfast-drill")
    assert "the rehearsal of a restore failed" in host.run("landfast", "status")
    assert "landfast_drill_success 0" in host.run("cat", "/var/lib/landfast/metrics/drill.prom")


def test_a_moment_after_the_end_of_the_archive_is_refused_before_anything_stops(single: Inventory, host: Host) -> None:
    # As if archiving had failed since the backup: nothing of the log is in the repository any more.
    host.run(
        *("sh", "-c"),
        f"rm -r {COPY}/postgres/archive/main/17-1/*/*[0-9A-F]-*",
    )
    containers = host.run("docker", "ps", "--quiet")

    moment = datetime.now(UTC) - timedelta(seconds=1)
    refused = play(single, "restore", check=False, variables={"at": f"{moment:%Y-%m-%d %H:%M:%S}+00", "confirm": True})

    assert "the archive ends at" in refused.words
    assert host.run("docker", "ps", "--quiet") == containers
