"""The commands for applications: their calls of Docker, their output, and the files that they do not touch."""

from __future__ import annotations

import json
import re
import shutil
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from cli import applications, completion, doctor, host, main, outdated, prepare, process
from cli.app import check, listing, lists, plan, remove, trial
from cli.app.plan import Plan
from cli.console import Phases, StackError
from cli.preflight import State
from cli.process import Output
from cli.settings import ROOT, Settings
from contract import plans
from tests.support import contracts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

PLAN = Plan(
    services=["shop", "shop-worker", "migrate-shop"],
    hosts=["shop.localhost"],
    locations={"/": "shop:8000"},
    uwsgi=[],
    smoke=[{"host": "shop.localhost", "path": "/", "status": 200, "contains": "Shop"}],
    databases=["shop"],
    schemas=[],
    vhosts=["shop"],
    users=["shop"],
    networks=["shop", "shop-data", "shop-egress"],
    secrets=["postgres_shop_password", "rabbitmq_shop_password", "shop_secret_key"],
    volumes=["uploads"],
    metrics={"shop": {"service": "shop:9100", "path": "/metrics"}},
    egress=["smtp"],
)
FILE = "services/shop/compose.yaml"
HOUSE: dict[str, Any] = {"nginx": {"image": "a/nginx", "networks": {"edge": None}}}
AFTER = {"name": "a", "services": HOUSE, "networks": {"edge": {"name": "a_edge"}}, "volumes": {}}
BEFORE = {
    "name": "a",
    "services": {
        "nginx": {"image": "a/nginx", "networks": {"edge": None, "shop": None}},
        "shop": {"image": "a/shop", "read_only": True},
    },
    "networks": {"edge": {"name": "a_edge"}, "shop": {"name": "a_shop"}},
    "volumes": {"uploads": {"name": "a_uploads"}},
}


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a checkout with an application ``shop``, in which the commands work instead of this checkout."""
    for name in ("compose.house.yaml", "compose.laptop.yaml"):
        shutil.copy2(ROOT / name, tmp_path)
    for name in lists.LISTS:
        lines = f"include:\n  - path:\n      - compose.house.yaml\n      - services/shop/{name} # mine\n"
        (tmp_path / name).write_text(lines, encoding="utf-8")
    (tmp_path / "services").mkdir()
    for name in ("shop", "idle"):
        shutil.copytree(ROOT / "services/web-django", tmp_path / f"services/{name}", ignore=only("compose.yaml"))
    for module in (listing, plan, remove, host):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(applications.rooms, "__defaults__", (tmp_path,))
    monkeypatch.setattr(applications.files, "__defaults__", ("", tmp_path))
    return tmp_path


def only(name: str) -> Callable[[str, list[str]], list[str]]:
    return lambda _, found: [each for each in found if each != name]


class Docker:
    """Answers commands, and records them.

    Args:
        answers: the beginning of a command, after the options -> its outcome.
    """

    def __init__(self, answers: dict[str, Output]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def capture(self, command: Sequence[str], **_: object) -> Output:
        line = re.sub(r"^docker compose --project-directory \S+ (--profile=\* )?", "compose ", " ".join(command))
        self.asked.append(line)
        return next((answer for start, answer in self.answers.items() if line.startswith(start)), Output(0))

    def run(self, command: Sequence[str], **options: object) -> int:
        return self.capture(command, **options).code


@pytest.fixture
def docker(monkeypatch: pytest.MonkeyPatch) -> Docker:
    """A Docker where the application runs, and Compose's view of the stack before and after it went."""
    found = Docker({"docker ps": Output(0, "c1\n"), "docker run": Output(0, json.dumps({FILE: vars(PLAN)}))})
    views = iter((BEFORE, AFTER))
    monkeypatch.setattr(plan, "configuration", lambda: next(views))
    monkeypatch.setattr(process, "capture", found.capture)
    monkeypatch.setattr(process, "run", found.run)
    monkeypatch.setattr(outdated, "remove", lambda _: ["redis"])
    return found


def text(checkout: Path) -> str:
    return "".join((checkout / name).read_text(encoding="utf-8") for name in lists.LISTS)


def test_what_is_removed_leaves_lists_and_networks_and_its_containers_stop(checkout: Path, docker: Docker) -> None:
    assert main.main(["app", "remove", "shop", "--yes"]) == 0

    assert text(checkout) == "include:\n  - path:\n      - compose.house.yaml\n" * 2
    assert (checkout / "services/shop/compose.yaml").is_file()
    changed = [
        line for line in docker.asked if line.startswith(("docker stop", "docker rm", "docker net", "compose up"))
    ]
    assert changed == [
        "docker stop c1",
        "docker rm c1",
        "compose up --detach --no-build --wait --wait-timeout 900 nginx redis",
        "docker network rm a_shop",
    ]


@pytest.mark.usefixtures("checkout", "docker")
def test_whoever_removes_is_told_how_to_delete_what_stays(capsys: pytest.CaptureFixture[str]) -> None:
    master = (f"/secrets/master/{secret}" for secret in PLAN.secrets)

    main.main(["app", "remove", "shop", "--yes"])

    assert [line.strip() for line in capsys.readouterr().out.splitlines()[1:]] == [
        "rm -r services/shop",
        "docker volume rm a_uploads",
        "docker image rm a/shop",
        "./stack psql -c 'DROP DATABASE shop WITH (FORCE)' -c 'DROP OWNED BY shop' -c 'DROP ROLE shop'",
        "docker compose exec rabbitmq rabbitmqctl delete_vhost shop",
        "docker compose exec rabbitmq rabbitmqctl delete_user shop",
        f"docker compose run --rm --no-deps --entrypoint rm secrets -f {' '.join(master)}",
    ]


@pytest.mark.usefixtures("docker")
@pytest.mark.parametrize("answer", ["", "n", "q"])
def test_nothing_is_removed_unless_somebody_agrees(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    before = text(checkout)
    monkeypatch.setattr("cli.console.may_ask", lambda: bool(answer))
    monkeypatch.setattr("builtins.input", lambda _: answer)

    assert main.main(["app", "remove", "shop"]) == 1
    assert text(checkout) == before


def test_an_application_that_others_need_stays(checkout: Path, docker: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    before = text(checkout)
    views = iter((BEFORE, StackError('service "b" depends on undefined service "shop"')))

    def view() -> dict[str, Any]:
        found = next(views)
        if isinstance(found, StackError):
            raise found
        return found

    monkeypatch.setattr(plan, "configuration", view)

    with pytest.raises(StackError, match=r"others depend on shop, so it stays:\n.*undefined service"):
        remove.remove("shop", yes=True)

    assert text(checkout) == before
    assert not [line for line in docker.asked if line.startswith("docker rm")]


@pytest.mark.usefixtures("docker")
def test_without_docker_the_lists_change_all_the_same(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(remove, "configured", dict)

    assert remove.remove("shop", yes=True) == 0

    assert "shop" not in text(checkout)
    assert "`docker compose up --detach --remove-orphans` removes its containers" in capsys.readouterr().out


@pytest.mark.usefixtures("checkout")
def test_nothing_is_called_removed_while_docker_does_not_answer(
    docker: Docker, capsys: pytest.CaptureFixture[str]
) -> None:
    docker.answers |= {"docker ps": Output(1, "", "Cannot connect to the Docker daemon")}

    assert remove.remove("shop", yes=True) == 0

    said = capsys.readouterr().out
    assert "Its containers stay for now: Cannot connect to the Docker daemon" in said
    assert "containers are removed" not in said
    assert "Not listed, because its contract could not be read: its databases" in said


def test_a_list_of_containers_that_docker_does_not_give_is_no_empty_list(docker: Docker) -> None:
    docker.answers |= {"compose ps": Output(1, "", "Cannot connect to the Docker daemon")}

    with pytest.raises(StackError, match="Cannot connect"):
        doctor.find_containers()


@pytest.mark.usefixtures("checkout")
def test_a_name_that_no_application_has_comes_with_the_nearest() -> None:
    with pytest.raises(StackError, match="there is no application shopp\n  did you mean shop"):
        remove.remove("shopp", yes=True)
    with pytest.raises(StackError, match="idle is on no list"):
        remove.remove("idle", yes=True)


@pytest.mark.usefixtures("checkout")
def test_the_list_has_applications_on_the_list_and_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("cli.doctor.find_containers", list)
    monkeypatch.setattr(plan, "read_all", dict)

    assert main.main(["app", "list"]) == 0

    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[1][:2] == ["shop", "yes"]
    assert ["idle", "no"] in [row[:2] for row in rows]
    assert {"web-django", "migrate-web"} <= {row[-1] for row in rows}


@pytest.mark.parametrize(
    ("http", "found"),
    [
        ("    hosts: [a.example, &b b.example]\n    locations:\n      /: {service: x}\n", ["a.example", "b.example"]),
        (
            "    hosts:\n      - a.example\n      - 'b.example' # two\n    locations:\n      /: {}\n",
            ["a.example", "b.example"],
        ),
        ("    hosts:\n    - a.example\n    locations:\n      /:\n        service: x:1\n", ["a.example"]),
    ],
)
def test_addresses_are_found_however_the_contract_is_written(tmp_path: Path, http: str, found: list[str]) -> None:
    file = tmp_path / "compose.yaml"
    file.write_text(f"x-landfast:\n  http:\n{http}  database: {{}}\nservices:\n", encoding="utf-8")

    settings = Settings.read({"HTTP_PORT": "80"}, tmp_path / "none")
    assert listing.addresses(file, settings) == [f"http://{host}:80/" for host in found]


def test_the_demo_s_plans_are_those_of_its_contracts(capsys: pytest.CaptureFixture[str]) -> None:
    assert plans.main(ROOT) == 0
    all_of_them = {file: Plan(**each) for file, each in json.loads(capsys.readouterr().out).items()}
    found = all_of_them["services/web-django/compose.yaml"]

    assert found.services == ["web-django", "web-worker", "web-mail", "web-beat", "migrate-web", "static"]
    assert (found.locations, found.schemas, found.vhosts) == ({"/": "web-django:8000"}, ["web"], ["web"])
    assert {"django_secret_key", "postgres_web_password", "rabbitmq_web_password"} <= set(found.secrets)
    assert found.volumes == ["media"]
    assert all_of_them["compose.house.yaml"].volumes == ["secrets"]
    assert all_of_them["compose.house.yaml"].metrics["relay"] == {"service": "relay:9100", "path": "/metrics"}

    assert all_of_them["services/worker/compose.yaml"].secrets == [
        "postgres_worker_password",
        "rabbitmq_worker_password",
        "redis_worker_password",
    ]


def test_a_wrong_contract_is_told_in_its_own_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "compose.house.yaml").write_text("services: {}\n", encoding="utf-8")
    (tmp_path / "compose.yaml").write_text("include: [services/a/compose.yaml]\n", encoding="utf-8")
    (tmp_path / "services/a").mkdir(parents=True)
    (tmp_path / "services/a/compose.yaml").write_text("x-landfast: {databse: {}}\n", encoding="utf-8")

    assert plans.main(tmp_path) == 1
    assert "unknown key 'databse'; did you mean database?" in capsys.readouterr().err


@pytest.mark.usefixtures("checkout", "docker")
def test_programs_read_all_that_follows_from_contracts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["app", "list", "--json"]) == 0

    assert json.loads(capsys.readouterr().out) == {FILE: vars(PLAN)}


def test_applications_are_completed() -> None:
    assert completion.words(["app", "check", "web"], main.parser()) == ["web-django"]
    assert completion.words(["app", "new", "--from", ""], main.parser()) == ["celery", "django", "flask", "image"]
    assert completion.words(["app", ""], main.parser()) == ["check", "list", "new", "remove"]


def test_contracts_are_read_without_a_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    command = plan.reader("mine")

    assert command[:5] == ["docker", "run", "--rm", "--pull=never", "--network=none"]
    assert command[-4:] == ["--entrypoint=python3", "mine/secrets", "-m", "contract.plans"]
    mounts = [each for each in command if each.startswith("--mount=")]
    assert all(each.startswith("--mount=type=bind,") and each.endswith(",readonly") for each in mounts)
    assert f"--mount=type=bind,source={ROOT}/services,target=/stack/services,readonly" in mounts

    monkeypatch.setattr(process, "capture", lambda *_, **__: Output(1, "", "wrong\n"))
    with pytest.raises(StackError, match=r"^wrong\n  contract/README\.md has every key"):
        plan.read("shop")


@pytest.mark.parametrize(
    ("image", "run", "said"),
    [
        (Output(1, "", "Error: No such image: a/secrets"), Output(125), "is not built yet\n  ./stack up builds it"),
        (Output(1, "", "no daemon"), Output(125, "", "no daemon"), "no daemon\n  ./stack doctor checks Docker"),
    ],
)
def test_contracts_that_cannot_be_read_are_not_called_wrong(
    monkeypatch: pytest.MonkeyPatch, image: Output, run: Output, said: str
) -> None:
    monkeypatch.setattr(process, "capture", lambda command, **_: image if command[1] == "image" else run)

    with pytest.raises(plan.UnreadError) as caught:
        plan.read_all()
    assert said in str(caught.value)


def test_files_that_compose_cannot_read_are_named_with_their_line(docker: Docker) -> None:
    found = "services/shop/compose.yaml, line 5: this is not valid YAML"
    docker.answers |= {"compose config": Output(15, "", "yaml: line 4"), "docker run": Output(1, "", found)}

    with pytest.raises(StackError, match=found):
        plan.check_files()


def test_a_first_start_names_the_file_by_compose_s_own_words(checkout: Path) -> None:
    def capture(command: Sequence[str], **_: object) -> Output:
        if command[1] == "image":
            return Output(1, "", "No such image")
        broken = any(f"{checkout}/{name}" in line for line in command for name in ("services/shop", "compose.yaml"))
        return Output(15, "", "yaml: line 4: did not find") if broken or "--quiet" in command[-1:] else Output(0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "capture", lambda command, **_: capture(command))
        (checkout / "compose.house.yaml").unlink()
        (checkout / "compose.laptop.yaml").unlink()
        with pytest.raises(StackError, match=r"^services/shop/compose\.yaml: near this line: yaml: line 4"):
            plan.check_files()


def test_a_problem_other_than_broken_yaml_is_compose_s_own(docker: Docker) -> None:
    docker.answers |= {"compose config": Output(1, "", 'service "b" depends on undefined service "a"')}

    with pytest.raises(StackError, match=r"cannot read its files\n  service .b. depends on undefined service"):
        plan.check_files()


def test_a_wrong_contract_ends_a_check_before_anything_is_built(
    checkout: Path, docker: Docker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(plan, "never_two", set)
    docker.answers |= {"docker run": Output(1, "", f"{FILE}: x-landfast: unknown key 'databse'")}

    assert main.main(["app", "check", "shop"]) == 1

    assert f"FAILED  contract    {FILE}: x-landfast: unknown key 'databse'" in capsys.readouterr().out
    assert not [line for line in docker.asked if "build" in line]
    assert (checkout / FILE).is_file()


def test_contracts_are_read_after_the_build_if_their_reader_was_not_there(docker: Docker) -> None:
    docker.answers |= {"docker image": Output(1, "", "No such image")}

    assert plan.check() == {}


@pytest.mark.usefixtures("checkout")
def test_the_list_ends_with_the_mistakes_of_contracts(docker: Docker, capsys: pytest.CaptureFixture[str]) -> None:
    docker.answers |= {"docker run": Output(1, "", f"{FILE}: x-landfast: unknown key 'databse'")}

    assert main.main(["app", "list"]) == 1

    printed = capsys.readouterr()
    assert "shop" in printed.out
    assert "unknown key 'databse'" in printed.err


@pytest.mark.usefixtures("checkout")
def test_the_list_says_that_contracts_are_not_checked(docker: Docker, capsys: pytest.CaptureFixture[str]) -> None:
    docker.answers |= {"docker image": Output(1, "", "No such image")}

    assert main.main(["app", "list"]) == 0

    assert "The contracts are not checked: the image" in capsys.readouterr().out


def test_writes_are_looked_for_with_a_root_that_may_be_written_to(docker: Docker) -> None:
    seen: list[dict[str, Any]] = []

    def capture(command: Sequence[str], **options: object) -> Output:
        if "--file" in command:
            with open(command[command.index("--file") + 1], encoding="utf-8") as file:  # noqa: PTH123 - a name
                seen.append(json.load(file))
        return docker.capture(command, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "capture", capture)
        with trial.writable(BEFORE, "shop") as name:
            assert name.startswith("a-try-shop-")

    assert seen[0]["services"]["shop"] == {"image": "a/shop", "read_only": False}
    assert seen[0]["services"]["nginx"] == BEFORE["services"]["nginx"]  # type: ignore[index]
    assert docker.asked[-1] == f"docker rm --force --volumes {name}"


@pytest.mark.usefixtures("checkout")
def test_a_check_begins_with_the_list(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["app", "check", "idle"]) == 1

    assert "compose.yaml does not name idle: add the line - services/idle/compose.yaml" in capsys.readouterr().out

    def refuse() -> None:
        raise StackError("services/shop/compose.yaml: yaml: line 3")

    monkeypatch.setattr(plan, "configuration", refuse)
    assert main.main(["app", "check", "shop"]) == 1
    assert "FAILED  compose     services/shop/compose.yaml: yaml: line 3" in capsys.readouterr().out


def test_what_lasts_is_started_and_what_a_profile_has_is_left_alone() -> None:
    services = {"shop": {}, "shop-worker": {"profiles": ["more"]}, "migrate-shop": {"restart": "no"}}
    configuration = {"services": services}

    found = check.without_profiles(PLAN, configuration)

    assert found.services == ["shop", "migrate-shop"]
    assert check.to_start(found, configuration) == ["shop", "nginx", "rabbitmq"]


def test_a_check_starts_what_has_new_files_to_read_too(docker: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outdated, "remove", lambda _: ["console", "nginx"])
    services = {"shop": {}, "shop-worker": {}, "migrate-shop": {"restart": "no"}}

    check.start(PLAN, {"services": services}, Settings.read({}, ROOT / "none"))

    assert docker.asked[-1].endswith("--quiet-pull shop shop-worker nginx rabbitmq console")


def visitors_get(monkeypatch: pytest.MonkeyPatch, *answers: trial.Answer) -> list[tuple[str, str]]:
    """Let Nginx give one answer after another, the last for good; return what it is asked for."""
    asked: list[tuple[str, str]] = []

    def get(_port: int, host_name: str, path: str) -> trial.Answer:
        asked.append((host_name, path))
        return answers[min(len(asked), len(answers)) - 1]

    monkeypatch.setattr(trial, "get", get)
    monkeypatch.setattr(trial, "LOOK", 0)
    return asked


@pytest.mark.usefixtures("checkout")
def test_a_start_that_compose_refuses_is_reported_in_its_words(docker: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = Output(1, "", "Network a_shop Creating\nfailed to create network a_shop: no address pool")
    monkeypatch.setattr(check, "start", lambda *_: refused)
    monkeypatch.setattr(plan, "configuration", lambda: BEFORE)
    monkeypatch.setattr(plan, "never_two", set)
    monkeypatch.setattr(prepare, "prepare", lambda *_, **__: {})
    docker.answers |= {
        "docker run": Output(0, json.dumps({FILE: vars(replace(PLAN, services=["shop"], egress=[]))})),
        "compose ps": Output(0, ""),
    }

    found = list(check.tried("shop", Settings.read({}, ROOT / "none"), Phases(), [], yes=True))

    assert [each.text for each in found if each.state is State.FAILED] == [
        "failed to create network a_shop: no address pool: ./stack doctor shows the reason"
    ]


def test_visitors_answers_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = visitors_get(monkeypatch, trial.Answer(503), trial.Answer(200, "Shop"))
    own = {**PLAN.smoke[0], "host": ""}

    found = list(check.smoke([*PLAN.smoke, own], Settings.read({"HTTP_PORT": "80"}, ROOT / "none")))

    assert [each.state for each in found] == [State.OK, State.OK]
    assert asked == [("shop.localhost:80", "/"), ("shop.localhost:80", "/"), ("localhost:80", "/")]


def test_an_application_without_a_name_is_asked_by_the_stack_s_own(
    docker: Docker, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = visitors_get(monkeypatch, trial.Answer(200, "Shop"))
    own = {"HTTP_PORT": "80", "PUBLIC_URL": "http://mybox.lan:80"}
    settings, nameless = Settings.read(own, ROOT / "none"), replace(PLAN, hosts=[])

    list(check.smoke([{**PLAN.smoke[0], "host": ""}], settings))
    list(check.pages(nameless, settings))

    assert asked == [("mybox.lan:80", "/")] * 2
    assert docker.asked[-1].endswith("shop 8000 / mybox.lan")


def test_a_start_is_not_over_while_visitors_get_wrong_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    visitors_get(monkeypatch, trial.Answer(200, "Shop"))
    main.ask(Settings.read({"HTTP_PORT": "80"}, ROOT / "none"), [PLAN])

    visitors_get(monkeypatch, trial.Answer(200, "Welcome to nginx!"))
    monkeypatch.setattr(check, "ANSWERS_WITHIN", 0)
    with pytest.raises(StackError, match=r"wrong answers:\n  http://shop\.localhost:80/ answers without 'Shop'"):
        main.ask(Settings.read({"HTTP_PORT": "80"}, ROOT / "none"), [PLAN])


def test_a_timetable_and_what_servers_stop_first_must_never_be_two(monkeypatch: pytest.MonkeyPatch) -> None:
    services = {
        "shop": {"entrypoint": None, "deploy": {"update_config": {"order": "start-first"}}},
        "shop-beat": {"deploy": {"update_config": {"order": "stop-first"}}},
        "shop-periodic": {"entrypoint": ["sh", "/run/secrets/periodically"]},
        "migrate-shop": {},
    }
    asked: list[str] = []

    def capture(command: Sequence[str]) -> Output:
        asked.extend(command)
        return Output(0, json.dumps({"services": services}))

    monkeypatch.setattr(process, "capture", capture)

    assert plan.never_two() == {"shop-beat", "shop-periodic"}
    assert {f"--file={ROOT}/compose.yaml", f"--file={ROOT}/compose.servers.yaml"} <= set(asked)


def test_a_service_of_which_there_must_never_be_two_is_not_run_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    @contextmanager
    def writable(_: object, service: str) -> Iterator[str]:
        tried.append(service)
        yield service

    monkeypatch.setattr(trial, "writable", writable)
    monkeypatch.setattr(trial, "settled", lambda _: {})
    known = replace(PLAN, services=["shop-worker", "shop-beat"])
    configuration = {"services": {name: {"read_only": True} for name in known.services}}

    *_, found = check.writes(known, configuration, Settings.read({}, ROOT / "none"), {"shop-beat"})

    assert tried == ["shop-worker"]
    assert (found.state, found.text) == (State.OK, "shop-beat is not tried: a second container of it must not run")


def test_a_migration_is_run_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = iter((Output(0), Output(1, "", "exists")))
    monkeypatch.setattr(trial, "run_once", lambda _: next(outputs))
    services = {"shop": {"restart": "unless-stopped"}, "shop-worker": {}, "migrate-shop": {"restart": "no"}}

    (found,) = check.migrations(PLAN, {"services": services})

    assert (found.state, found.text.partition(":")[0]) == (State.FAILED, "migrate-shop failed in run 2")


def test_the_plan_has_the_places_of_the_uwsgi_protocol_and_the_networks() -> None:
    said = (
        "x-landfast: {http: {locations: {/: {service: 'shop:80'}, /a/: {service: 'shop:3031', protocol: uwsgi}}}, "
        "readiness: {shop: {service: 'shop:3032', protocol: uwsgi}, work: {queue: shop}}}\n"
        "services: {shop: }\nnetworks: {shop: {internal: true}, shop-egress: }"
    )
    found = plans.plans([contracts.HOUSE, contracts.shop(said)])[FILE]

    assert found["uwsgi"] == ["shop:3031", "shop:3032"]
    assert found["networks"] == ["shop", "shop-egress"]
