"""``./stack backup``, ``restore`` and ``drill``: what they choose, which commands they build, and what they refuse."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cli.backup import catalogue, condition, containers, drill, kit, make, restore
from cli.backup.catalogue import Backup, Snapshot, Target
from cli.backup.containers import Place
from cli.backup.repository import Repository, kept
from cli.console import StackError
from cli.main import parser

NOW = datetime(2026, 11, 29, 14, 0, tzinfo=UTC)
FULL = Backup("20261128-020000F", "full", NOW - timedelta(hours=36), NOW - timedelta(hours=35), 4_000_000)
DIFF = Backup("20261128-020000F_20261129-020000D", "diff", NOW - timedelta(hours=12), NOW - timedelta(hours=11), 1)
IMPORT = Snapshot("aa", NOW - timedelta(hours=20), "point", NOW - timedelta(hours=20), "before-import")
PLACE = Place(
    {"backup": "site/backup", "backup-elsewhere": "site/backup-elsewhere", "postgres": "site/postgres"},
    {"service-secrets": "site_service-secrets", "media": "site_media", "secrets": "site_secrets"},
    "site_backups",
    elsewhere="s3://b",
    outside="site_backup-egress",
    copier={"BACKUP_ELSEWHERE": "s3://b"},
)


def stanza(code: int = 0, *backups: object) -> str:
    return json.dumps([{"name": "main", "status": {"code": code, "message": "as it is"}, "backup": list(backups)}])


def chosen(*, at: str = "", to: str = "") -> Target:
    return catalogue.choose([FULL, DIFF], [IMPORT], at=at, to=to, now=NOW)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("2026-11-29 14:03:07+00", "2026-11-29 14:03:07.000000+00"),
        ("2026-11-29T14:03:07.25Z", "2026-11-29 14:03:07.250000+00"),
        ("2026-11-29 14:03 +02:00", "2026-11-29 12:03:00.000000+00"),
        ("2026-11-29 14:03:07-0330", "2026-11-29 17:33:07.000000+00"),
    ],
)
def test_it_reads_times_as_people_and_postgresql_write_them(typed: str, expected: str) -> None:
    assert catalogue.postgres_time(catalogue.parse_time(typed)) == expected


def test_a_time_without_an_offset_is_local() -> None:
    local = datetime(2026, 11, 29, 14, 3, 7).astimezone()

    assert catalogue.parse_time("2026-11-29 14:03:07") == local


@pytest.mark.parametrize(
    "typed", ["", "yesterday", "2026-13-01", "14:03:07", "2026-11-29 25:00", "2026-11-29 14:03 CET"]
)
def test_what_is_no_time_is_refused_with_an_example(typed: str) -> None:
    with pytest.raises(StackError, match=r'is no time\n  write it like "2026-11-29 14:03:07\+00"'):
        catalogue.parse_time(typed)


def test_it_lists_the_backups_that_have_no_error() -> None:
    def entry(label: str, ended: int, *, error: bool) -> object:
        times = {"start": ended - 10, "stop": ended}
        return {
            "label": label,
            "type": "full",
            "timestamp": times,
            "info": {"repository": {"delta": 7}},
            "error": error,
        }

    found = catalogue.backups(
        stanza(0, entry("b", 2000, error=False), entry("a", 1000, error=False), entry("c", 3000, error=True))
    )

    assert [(each.label, each.ended.timestamp(), each.size) for each in found] == [("a", 1000, 7), ("b", 2000, 7)]


@pytest.mark.parametrize("text", ["", "[]", stanza(1), stanza(2)])
def test_an_empty_repository_has_no_backup(text: str) -> None:
    assert catalogue.backups(text) == []


def test_a_repository_that_cannot_be_read_says_why_and_what_may_be_wrong() -> None:
    with pytest.raises(StackError, match=r"as it is\n  a wrong key"):
        catalogue.backups(stanza(99))


def test_it_reads_snapshots_and_their_notes() -> None:
    text = json.dumps(
        [
            {"short_id": "b", "time": "2026-11-29T13:00:00.123456789+01:00", "tags": ["files"]},
            {
                "short_id": "a",
                "time": "2026-11-29T11:00:00Z",
                "tags": ["point", "name=x", "at=2026-11-29 10:59:59.5+00"],
            },
        ]
    )

    point, files = catalogue.snapshots(text)

    assert (point.id, point.kind, point.name) == ("a", "point", "x")
    assert point.at == datetime(2026, 11, 29, 10, 59, 59, 500_000, UTC)
    assert (files.id, files.kind, files.at) == ("b", "files", None)


def test_latest_begins_with_the_newest_backup_and_ends_with_the_archive() -> None:
    assert chosen().arguments == [DIFF.label, "default"]


def test_a_time_begins_with_the_last_backup_that_ended_before() -> None:
    assert chosen(at="2026-11-29 00:00+00").arguments == [FULL.label, "time", "2026-11-29 00:00:00.000000+00"]
    assert chosen(at="2026-11-29 13:59:59+00").arguments[:2] == [DIFF.label, "time"]


def test_a_name_is_that_of_a_moment_or_of_a_backup() -> None:
    assert chosen(to="before-import").arguments == [FULL.label, "time", "2026-11-28 18:00:00.000000+00"]
    assert chosen(to=FULL.label).arguments == [FULL.label, "immediate"]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"at": "2026-11-29 14:00:01+00"}, "2026-11-29 14:00:01+00 is in the future: it is 2026-11-29 14:00:00+00"),
        ({"at": "2026-11-28 02:59:59+00"}, "is before the end of the first backup, 2026-11-28 03:00:00+00"),
        ({"to": "before-lunch"}, "no backup and no moment has the name before-lunch\n  there are: before-import, 2026"),
    ],
)
def test_a_moment_that_cannot_be_restored_is_refused(wanted: dict[str, str], said: str) -> None:
    with pytest.raises(StackError) as caught:
        chosen(**wanted)
    assert said in str(caught.value)


def test_without_a_backup_nothing_is_restored() -> None:
    with pytest.raises(StackError, match=r"there is no backup\n  \./stack backup makes one"):
        catalogue.choose([], [], now=NOW)


def segments(*names: str) -> str:
    """Return a list of archived files, of which each is a minute younger than the one before."""
    began = NOW.timestamp() - 3600
    files = {f"17-1/{name[:16]}/{name}-{'a' * 40}.zst": began + 60 * each for each, name in enumerate(names)}
    found = {name: {"type": "file", "size": 1, "time": int(when)} for name, when in files.items()}
    return json.dumps({".": {"type": "path"}, "archive.info": {"type": "file", "size": 1, "time": 1}, **found})


def minutes(number: float) -> datetime:
    return NOW - timedelta(hours=1) + timedelta(minutes=number)


def test_the_archive_of_a_backup_ends_at_its_first_gap_and_in_its_own_timeline() -> None:
    backup = replace(FULL, log="0000000200000001000000FE")
    following = ["0000000200000001000000FF", "000000020000000200000000"]
    gap, other = "000000020000000200000001", "000000030000000200000000"

    assert catalogue.archived_until(segments(backup.log), backup) == minutes(0)
    assert catalogue.archived_until(segments(backup.log, *following), backup) == minutes(2)
    assert catalogue.archived_until(segments(backup.log, following[0], gap), backup) == minutes(1)
    assert catalogue.archived_until(segments(backup.log, following[0], other), backup) == minutes(1)
    assert catalogue.archived_until(segments(*following), backup) is None
    assert catalogue.archived_until("{}", backup) is None


def test_a_moment_after_the_end_of_the_archive_is_refused() -> None:
    backup = replace(FULL, log="000000010000000000000002")
    archived = segments(backup.log, "000000010000000000000003")

    catalogue.check_archived(archived, Target(backup, "time", minutes(1.01)))
    catalogue.check_archived(archived, Target(backup, "default"))
    with pytest.raises(
        StackError, match=r"the archive ends at 2026-11-29 13:01:00\+00, before 2026-11-29 13:02:00\+00"
    ):
        catalogue.check_archived(archived, Target(backup, "time", minutes(2)))
    with pytest.raises(StackError, match="nothing was changed"):
        catalogue.check_archived("{}", Target(backup, "time", minutes(2)))


def test_files_come_from_the_first_snapshot_after_the_moment_or_from_the_last_one() -> None:
    early, late = (Snapshot(name, NOW - timedelta(hours=age), "files") for name, age in (("a", 9), ("b", 3)))

    assert catalogue.files_for([early, late], NOW - timedelta(hours=10)) == early
    assert catalogue.files_for([early, late], NOW - timedelta(hours=5)) == late
    assert catalogue.files_for([early, late], NOW) == late
    assert catalogue.files_for([early, late], None) == late
    assert catalogue.files_for([IMPORT], NOW) is None


def test_a_full_backup_is_due_once_a_week() -> None:
    assert catalogue.due_kind([], NOW) == "full"
    assert catalogue.due_kind([FULL, DIFF], NOW) == "diff"
    assert catalogue.due_kind([FULL, DIFF], NOW + timedelta(days=6)) == "full"


def test_it_finds_the_names_of_volumes_and_the_folder_of_a_repository() -> None:
    def config(source: str) -> dict[str, object]:
        mounts = [
            {"target": "/run/secrets", "source": "service-secrets"},
            {"target": "/var/lib/backup", "source": source},
        ]
        copier = {
            "image": "site/backup-elsewhere",
            "environment": {"BACKUP_ELSEWHERE": "s3://b", "BACKUP_HOST_KEYS": ""},
        }
        services = {
            "backup": {"image": "site/backup", "volumes": mounts},
            "backup-elsewhere": copier,
            "postgres": {"image": "site/postgres"},
        }
        networks = {"backup-egress": {"name": "site_backup-egress"}}
        return {"services": services, "networks": networks, "volumes": {"backups": {"name": "site_backups"}}}

    assert Place.of(config("backups")).repository == "site_backups"
    assert Place.of(config("backups")).elsewhere == "s3://b"
    assert Place.of(config("/mnt/disk")).repository == "/mnt/disk"


def test_containers_with_files_have_no_network_and_only_what_they_need() -> None:
    saving = containers.files(PLACE, "save", volumes=["media"])
    restoring = containers.files(PLACE, "restore", "id", "media", volumes=["media"], restores=True)
    reading = containers.files(PLACE, "list", reads=True)

    for command in (saving, restoring, reading):
        assert {"--network=none", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges:true"} <= {
            *command
        }
    assert "--volume=site_media:/files/media:ro" in saving
    assert [each for each in saving if each.startswith("--cap-add")] == ["--cap-add=DAC_READ_SEARCH"]
    assert "--volume=site_media:/files/media" in restoring
    assert "--volume=site_backups:/var/lib/backup:ro" in reading


def test_a_drill_sees_the_repository_read_only_and_no_volume_of_the_stack() -> None:
    command = containers.drill(PLACE, Target(FULL, "time", NOW).arguments)

    assert "--network=none" in command
    assert [each for each in command if "volume" in each] == [
        "--mount=type=volume,target=/var/lib/postgresql/data",
        "--mount=type=volume,source=site_service-secrets,target=/run/secrets,readonly,volume-subpath=backup",
        "--volume=site_backups:/var/lib/backup:ro",
    ]
    assert command[-4:] == ["drill", FULL.label, "time", "2026-11-29 14:00:00.000000+00"]


def test_the_container_that_copies_elsewhere_has_neither_the_passphrase_nor_the_repository_to_write() -> None:
    command = containers.copy(PLACE, "push")

    assert [each for each in command if "network" in each] == ["--network=site_backup-egress"]
    assert [each for each in command if "volume" in each] == [
        "--mount=type=volume,source=site_service-secrets,target=/run/secrets,readonly,volume-subpath=backup-elsewhere",
        "--volume=site_backups:/var/lib/backup:ro",
    ]
    assert not [each for each in command if each.startswith(("--cap-add", "--user"))]
    assert "--network=none" in containers.copy(PLACE, "check", checks=True)


@pytest.mark.parametrize(
    ("ages", "number", "days", "expected"),
    [
        ([], 2, 7, 2),
        ([20, 13, 6], 2, 7, 3),  # the new one, that of 6 days ago, and the one before it, which the 7 days need
        ([20, 13, 6], 2, 14, 4),
        ([20, 13, 6], 5, 7, 5),
        ([20, 13, 6], 1, 0, 2),
    ],
)
def test_full_backups_stay_by_number_and_by_age(ages: list[int], number: int, days: int, expected: int) -> None:
    found = [Backup(f"{age}F", "full", NOW, NOW - timedelta(days=age), 1) for age in ages]

    assert catalogue.fulls_to_keep(found, "full", NOW, number=number, days=days) == expected


@pytest.mark.parametrize(
    ("name", "value"), [("BACKUP_KEEP_FULL", "0"), ("BACKUP_KEEP_FULL", "two"), ("BACKUP_KEEP_DAYS", "-1")]
)
def test_a_number_of_backups_that_is_none_is_refused_by_name(name: str, value: str) -> None:
    usual = {"BACKUP_KEEP_FULL": "2", "BACKUP_KEEP_DAYS": "7"}

    assert kept(usual) == (2, 7)
    with pytest.raises(StackError, match=f"{name} is '{value}'"):
        kept({**usual, name: value})


def test_with_a_clock_that_is_off_no_backup_is_made() -> None:
    make.check_clock([FULL, DIFF], NOW)
    make.check_clock([FULL, DIFF], DIFF.ended)
    with pytest.raises(StackError, match=r"the newest backup is of 2026-11-29 03:00:00\+00.*\n  set the clock"):
        make.check_clock([FULL, DIFF], DIFF.ended - timedelta(hours=1))


def test_migrations_that_the_code_does_not_know_are_named() -> None:
    present = "migration|django|landfast|web|news.0001\nmigration|alembic|landfast|api|0004\n"
    older = "recovered|2026\nmigration|alembic|landfast|api|0003\n"
    newer = f"{present}migration|django|landfast|web|news.0002\nmigration|alembic|shop|public|0005\n"

    assert catalogue.unknown_migrations(older, present, {"0003", "0004"}) == []
    assert catalogue.unknown_migrations(newer, present, {"0003", "0004"}) == [
        "landfast: web: news.0002",
        "shop: public: 0005",
    ]


def test_revisions_are_found_in_the_checkout() -> None:
    assert "0001" in restore.Revisions()
    assert "0000" not in restore.Revisions()


def test_differences_name_each_table() -> None:
    recorded = drill.parse(
        "landfast|web.tag|10|5\nlandfast|web.note|3|7\nlandfast|web.gone|1|1\nshop|public.item|2|2\n"
    )
    restored = drill.parse("landfast|web.tag|10|6\nlandfast|web.note|2|7\nshop|public.item|2|2\nshop|public.new|0|0\n")

    assert drill.differences(recorded, restored) == [
        "landfast: web.gone is missing",
        "shop: public.new was not recorded",
        "landfast: web.tag had 10 rows, and has 10 of other content",
        "landfast: web.note had 3 rows, and has 2",
    ]
    assert drill.differences(recorded, recorded) == []


def test_a_restore_says_what_it_takes_and_what_is_lost() -> None:
    files = Snapshot("a", NOW, "files")

    said = "\n".join(restore.Choice(Target(FULL, "time", NOW), files, ["media"]).lines)

    assert "goes back to 2026-11-29 14:00:00+00" in said
    assert f"from the full backup {FULL.label}" in said
    assert "media, as of 2026-11-29 14:00:00+00" in said
    assert "everything that was written later is lost" in said


def test_without_a_terminal_a_restore_wants_agreement_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.console.may_ask", lambda: False)

    restore.agree(yes=True)
    with pytest.raises(StackError, match="with --yes"):
        restore.agree(yes=False)


@pytest.mark.parametrize("name", ["before import", "-x", "1st", "a,b", "a" * 64])
def test_a_name_that_could_be_taken_for_something_else_is_refused(name: str) -> None:
    with pytest.raises(StackError, match="is no name"):
        make.check_name(name)


@pytest.mark.parametrize(
    "arguments", [["restore"], ["restore", "latest", "--at", "2026-11-29"], ["backup", "--full", "--diff"]]
)
def test_it_refuses_what_contradicts_itself(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(arguments)
    assert "usage" in capsys.readouterr().err


@pytest.mark.parametrize(("number", "words"), [(12, "12 B"), (4_200_000, "4 MB"), (3e12, "3.0 TB")])
def test_sizes_are_for_people(number: float, words: str) -> None:
    assert make.size(number) == words


@pytest.mark.parametrize(
    ("status", "age", "said"),
    [
        ("", "", []),
        ("off", "", []),
        ("on|33554432|1073741824|\n", "12\n", []),
        ("on|268435456|1073741824|", "", ["256 MiB of PostgreSQL's log wait for their archive; at 1024 MiB they are"]),
        ("on|0|1073741824|dropped", "", ["PostgreSQL's log was dropped without being archived"]),
        ("on|0|1073741824|", "7200", ["for 120 min the second place has not got all backups"]),
    ],
)
def test_the_doctor_names_log_that_waits_or_was_dropped_and_a_place_that_lacks_backups(
    status: str, age: str, said: list[str]
) -> None:
    found = [each.words for each in condition.problems(status, age)]

    assert len(found) == len(said)
    assert all(words.startswith(begin) for words, begin in zip(found, said, strict=True))


def test_the_recovery_kit_has_the_place_and_the_keys_that_open_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Repository, "read", lambda: Repository(PLACE, {}, stays=False, keep=(2, 7)))
    monkeypatch.setattr(Repository, "ask", lambda _, command, __: f"value of {command[-1]}\n")

    assert kit.kit("site", yes=True) == 0

    said = capsys.readouterr().out
    assert "passphrase   value of backup_passphrase\nBACKUP_ELSEWHERE=s3://b\n" in said
    assert "backup_s3_secret_key\nvalue of backup_s3_secret_key\n" in said
    assert "1. Write the lines BACKUP_... above into .env" in said
