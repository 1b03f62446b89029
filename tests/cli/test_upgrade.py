"""An upgrade replaces Landfast's files and keeps the user's, or changes nothing and says why."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

import pytest

from tests.support import upgrades
from tests.support.upgrades import OWN, ROOMS, Work

#: Each test runs Git dozens of times.
pytestmark = pytest.mark.slow

LISTS = ("compose.yaml", "compose.override.yaml")


@dataclass(frozen=True)
class Upgraded:
    """An upgraded clone.

    Args:
        work: the clone.
        before: its files before the upgrade.
        said: the command's output.
    """

    work: Work
    before: dict[str, bytes]
    said: str


@pytest.fixture(scope="module")
def upgraded(landfast: Work, tmp_path_factory: pytest.TempPathFactory) -> Upgraded:
    """Return a clone with its own applications, upgraded from 1.0.0 to 1.2.0."""
    work = landfast.clone(tmp_path_factory.mktemp("upgraded") / "my clone")
    upgrades.own_applications(work)
    before = work.state()[2]
    return Upgraded(work, before, work.upgraded())


def test_own_applications_settings_and_inventory_stay_byte_for_byte(upgraded: Upgraded) -> None:
    mine = ("services", "ansible/inventories", ".env")
    before, after = (
        {name: content for name, content in files.items() if name.startswith(mine)}
        for files in (upgraded.before, upgraded.work.state()[2])
    )

    assert OWN.keys() <= before.keys()
    assert after == {**before, "services/overrides.txt": b"# of 1.1.0\n"}
    assert not any((upgraded.work.root / "services" / room).exists() for room in (*ROOMS, "letters"))


def test_landfasts_files_are_those_of_the_release(landfast: Work, upgraded: Upgraded) -> None:
    git = upgraded.work.git

    differing = set(git("diff", "--name-only", "landfast/v1.2.0", "HEAD", "--", ":!services/*/*").split())
    assert differing == {*LISTS, "ansible/inventories/mine/hosts.yml"}
    assert git("status", "--porcelain") == ""
    assert git("rev-parse", "HEAD^2") == landfast.git("rev-parse", "v1.2.0^{commit}")


def test_the_list_stays_and_the_lines_around_it_come(landfast: Work, upgraded: Upgraded) -> None:
    theirs = landfast.git("show", "v1.2.0:compose.yaml")
    listed = "".join(f"      - services/{room}/compose.yaml\n" for room in (*ROOMS, "letters"))
    mine = "      # ours\n      - services/shop/compose.yaml\n      - 'services/blog/compose.yaml' # sold by Ada\n"
    assert listed in theirs
    assert upgraded.work.read("compose.yaml") == theirs.replace(listed, mine)
    laptop = upgraded.work.read("compose.override.yaml")
    assert "# Said anew in 1.1.0." in laptop
    names = ("compose.laptop.yaml", "compose.more.yaml", "services/shop/compose.override.yaml")
    assert laptop.endswith("".join(f"      - {name}\n" for name in names) + "# The end.\n")


def test_it_prints_the_steps_for_operators_release_by_release_and_the_next_commands(upgraded: Upgraded) -> None:
    said = upgraded.said

    assert "Landfast 1.0.0 -> 1.2.0" in said
    todo = ["To do for 1.1.0:", "  - Run `site.yml` once.", "  - Read this,", "    and this.", "", "To do for 1.2.0:"]
    assert "\n".join([*todo, "  - Nothing.", ""]) in said
    assert "who had it before" not in said
    assert "Nothing that is released" not in said
    assert said.index("./stack up\n") < said.index("ansible-playbook -i inventories/mine playbooks/secrets.yml")


def test_rooms_that_stay_away_are_named(upgraded: Upgraded) -> None:
    assert "services/web-django/: you removed it, so it stays away" in upgraded.said
    assert "services/letters/: new, left out as the demo was removed" in upgraded.said


@pytest.mark.parametrize("version", ["1.1.0", "1.2.0"])
def test_the_demo_as_it_was_becomes_the_releases_with_its_new_rooms(landfast: Work, fresh: Work, version: str) -> None:
    said = fresh.upgraded(version)

    assert fresh.git("rev-parse", "HEAD^{tree}") == landfast.git("rev-parse", f"v{version}^{{tree}}")
    assert "services/" not in said


def test_an_application_beside_the_demo_stays_in_the_list_with_the_new_rooms(fresh: Work) -> None:
    fresh.write({"services/shop/compose.yaml": "services: {}\n"})
    fresh.replace("compose.yaml", "      - services/web", "      - services/shop/compose.yaml\n      - services/web")
    fresh.commit()

    fresh.upgraded()

    rooms = ("shop", *ROOMS, "letters")
    assert "".join(f"      - services/{room}/compose.yaml\n" for room in rooms) in fresh.read("compose.yaml")


def test_a_room_that_was_changed_is_the_users_and_is_named(fresh: Work) -> None:
    fresh.replace("services/web-django/manage.py", "\n", "\n# mine\n")
    fresh.commit()
    before = fresh.git("rev-parse", "HEAD:services/web-django")

    said = fresh.upgraded()

    assert fresh.git("rev-parse", "HEAD:services/web-django") == before
    assert "services/web-django/: you changed it, so it is yours" in said
    assert "services/web-django/: you changed it" in fresh.git("log", "-1", "--format=%B")
    assert fresh.read("services/worker/tasks/more.py") == "MORE = 1\n"
    assert not (fresh.root / "services/api-flask/alembic.ini").exists()


def test_a_room_of_ones_own_stays_though_the_release_has_one_of_its_name(fresh: Work) -> None:
    fresh.write({"services/letters/compose.yaml": "services: {mine: {}}\n"})
    fresh.commit()

    said = fresh.upgraded()

    assert fresh.read("services/letters/compose.yaml") == "services: {mine: {}}\n"
    assert not (fresh.root / "services/letters/compose.override.yaml").exists()
    assert "services/letters/compose.override.yaml" not in fresh.read("compose.override.yaml")
    assert "services/letters/: yours has this name already" in said


def test_the_users_rooms_stay_so_from_release_to_release(own: Work) -> None:
    own.upgraded("1.1.0")
    rooms = own.git("rev-parse", "HEAD:services")

    said = own.upgraded("v1.2.0")

    assert own.git("rev-parse", "HEAD:services") == rooms
    assert own.read("nginx/more.conf") == "# of 1.2.0\n"
    assert "To do for 1.1.0" not in said


@pytest.mark.parametrize("lost", ["squash", "archive"])
def test_the_next_release_comes_though_history_has_lost_the_last_one(landfast: Work, own: Work, lost: str) -> None:
    own.upgraded("1.1.0")
    if lost == "squash":
        own.git("reset", "--soft", "HEAD~1")
    else:
        shutil.rmtree(own.root / ".git")
        own.git("init", "--quiet")
    own.commit("All at once")

    own.upgraded("--from", str(landfast.root))

    assert own.read("nginx/more.conf") == "# of 1.2.0\n"
    assert own.read("services/shop/compose.yaml") == OWN["services/shop/compose.yaml"]


def test_a_change_of_landfasts_file_elsewhere_is_kept_in_the_merge(own: Work) -> None:
    own.write({"nginx/nginx.conf": f"{own.read('nginx/nginx.conf')}# mine\n"})
    own.commit()

    own.upgraded()

    assert "# of 1.2.0" in own.read("nginx/nginx.conf")
    assert own.read("nginx/nginx.conf").endswith("# mine\n")


def test_a_release_that_is_here_already_changes_nothing(own: Work) -> None:
    own.upgraded()
    before = own.state()

    assert "Landfast 1.2.0 is in this checkout already" in own.upgraded()
    assert "Landfast 1.2.0 is in this checkout already" in own.upgraded("1.2.0")
    assert own.state() == before


def test_an_upgrade_can_be_taken_back(own: Work) -> None:
    before = own.state()
    own.upgraded()

    own.git("reset", "--keep", "ORIG_HEAD")

    assert own.state() == before


def test_a_dry_run_prints_the_same_and_changes_nothing(own: Work) -> None:
    before = own.state()

    said = own.upgraded("--dry-run")

    assert own.state() == before
    assert "To do for 1.1.0" in said
    assert "files of Landfast's that would change: 9; none of yours does" in said
    assert said.endswith("This was a dry run: nothing was changed.\n")
