"""Every step that a test run can have, by the three tiers: quick, the README's, and all.

The minutes are those of two processors with images and environments there; a result file of ``./stack test --all``
has newer ones.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from cli import cache, devenv, source
from cli.steps import ROOT, Step

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from cli.devenv import Environment

#: What tests leave behind in this checkout. It must not lie in the folders that images are built from.
TOOL_CACHE = ROOT / ".cache"
#: What linters remember of files that they have seen, in any checkout: a new clone need not wait for mypy again.
SEEN = cache.directory() / "tools"
MYPY = ("mypy", "--strict", "--no-error-summary", "--explicit-package-bases")

CONSOLE = ROOT / "console"

#: Lanes that need Docker: the stack of a laptop, containers that run alone and then the stack of a server, one bare
#: server, and what ``--all`` runs after these.
STACK, IMAGES, SERVER, LONG = "stack", "images", "server", "long"

#: The tests of the promises on one stack.
ON_A_STACK = ("tests/stack", "tests/security", "tests/browser")

#: What Ansible and the certificates of tests call.
SSH = {"ssh": "openssh-client", "openssl": "openssl"}

#: The tests of servers with applications other than the demo.
APPLICATIONS = ("first_application", "products", "upgrade")
#: The long form of the chaos suite in steps: the names of their faults, and the minutes.
SERVICES = (
    "web-django", "web-worker", "web-mail", "web-beat", "api-flask", "api-worker",
    "relay", "rabbitmq", "redis", "postgres",
)  # fmt: skip
KILLS = (
    *(f"kill-{name}" for name in (*SERVICES, "worker-dramatiq", "web-worker-parent", "web-worker-child")),
    "kill-everything",
)
CUTS = ("cut-web-worker-rabbitmq", "cut-relay-rabbitmq", "cut-web-worker-postgres", "memory-alarm", "disk-alarm")
CHAOS = {
    "chaos-kills": (("nothing", "full-disk-postgres", *KILLS), 23),
    "chaos-pauses": (tuple(f"pause-{name}" for name in SERVICES), 15),
    "chaos-cuts": (("wipe-rabbitmq", "wipe-redis", *CUTS, "clock-ahead", "clock-behind", "ten-random"), 20),
}


def quick() -> list[Step]:
    """Return what needs no Docker and takes less than a minute: without the tests marked ``slow``."""
    # Some tests say nothing about the coverage of all.
    return [replace(step, selection=("-m", "not slow")) if step.targets else step for step in unmeasured()]


def checks() -> list[Step]:
    """Return what needs no Docker."""
    return [covered(step) if is_measured(step) else step for step in unmeasured()]


def unmeasured() -> list[Step]:
    """Return the same without a measurement of what the tests run."""
    host, services = devenv.host(), devenv.services()
    return [*unit_tests(host, services), *lint(host), *types(host, services)]  # the longest first: no core waits


def default() -> list[Step]:
    """Return what the README's command runs: the promises on one stack and one bare server."""
    host = devenv.host()
    stack = suite("stack", host, *ON_A_STACK, "tests/chaos", options=("-m", "not long"))
    # Two of them, side by side in the end: each waits half of its time, for services to stop and to start.
    # The servers' stack waits for the containers alone: a third stack would take the last of Docker's address ranges.
    laptop = replace(stack, name="stack-laptop", lane=STACK, nice=0, whole={"STACK_FORMS": "laptop"}, minutes=12)
    forms = {"STACK_FORMS": "shipped,lengthy,ledger,house", "CHAOS_FORM": "short"}
    shipped = replace(stack, name="stack-shipped", lane=IMAGES, nice=5, whole=forms, minutes=8)
    images = replace(suite("images", host, "tests/images", options=("-m", "not long")), lane=IMAGES, minutes=3)
    server = suite("server", host, "tests/deploy/test_single_stack.py", options=("-m", "not long"))
    # Fewer requests than in the long suites, whose figures are quoted: other lanes need the processors.
    server = replace(server, lane=SERVER, programs=SSH, whole={"DEPLOY_RATE": "20"}, minutes=10)
    judged = [ROOT / f"tests/deploy/test_{name}.py" for name in ("inventory", "settings_checks", "certificate_names")]
    inventory = replace(pytest("inventory", host, ROOT, *judged), programs=SSH)
    generated = [replace(step, whole={"GENERATED_SHARE": "4"}) for step in generated_tests(devenv.services())]
    return [*checks(), inventory, *generated, laptop, images, shipped, server]


def everything_else() -> list[Step]:
    """Return what takes hours and is left to ``--all``."""
    host = devenv.host()
    found = [
        replace(suite("stack-long", host, *ON_A_STACK), selection=("-m", "long"), minutes=18),
        replace(suite("images-long", host, "tests/images"), selection=("-m", "long"), minutes=15),
        replace(
            suite("debian-12", host, "tests/deploy/test_single_stack.py"), selection=("-k", "debian-12"), minutes=8
        ),
        replace(suite("products", host, "tests/products"), minutes=15),
        replace(suite("tutorial", host, "tests/deploy/test_tutorial.py"), minutes=8),
        replace(suite("applications", host, *(f"tests/deploy/test_{name}.py" for name in APPLICATIONS)), minutes=35),
        replace(suite("single-host", host, "tests/deploy/test_single_host.py"), minutes=12),
        replace(suite("backups", host, "tests/deploy/test_backups.py"), selection=("-k", "debian-13"), minutes=16),
        replace(suite("host-marks", host, "tests/deploy/test_host_marks.py"), minutes=14),
        replace(suite("certificates", host, "tests/deploy/test_cluster.py"), minutes=12),
        replace(suite("cluster", host, "tests/deploy/test_cluster_under_load.py"), minutes=60),
        replace(suite("mutations", host, "tests/mutations"), minutes=40),
    ]
    found = [*by_others(host), *(replace(step, programs=SSH) for step in found)]
    for step in generated_tests(devenv.services()):
        found.append(replace(step, name=f"{step.name}-long", lane=LONG, nice=10, minutes=3))
    for name, (faults, minutes) in CHAOS.items():
        step = suite(name, host, "tests/chaos")
        found.append(replace(step, whole={"CHAOS_FAULTS": ",".join(faults)}, minutes=minutes))
    return found


def by_others(host: Environment) -> list[Step]:
    """Return others' scanners of files, and the comparison of the locks with the package index's advisories."""
    scanners = (str(host.python), str(ROOT / "tests/security/scanners.py"))
    advisories = host.module("tests.security.audit", "--if-answered")
    return [
        Step("scanners", scanners, host, lane=LONG, nice=10, live=True, programs={"npm": "npm"}, minutes=2),
        Step("advisories", advisories, host, lane=LONG, nice=10, live=True, minutes=1),
    ]


def suite(name: str, host: Environment, *folders: str, options: tuple[str, ...] = ()) -> Step:
    """Return one run of pytest that drives Docker, its output shown while it runs."""
    step = pytest(name, host, ROOT, *(ROOT / folder for folder in folders))
    command = (*step.command, "--verbose", "--capture=no")
    return replace(step, command=command, lane=LONG, nice=10, docker=True, live=True, selection=options)


def lint(host: Environment) -> list[Step]:
    """Return the linters: Python, YAML, Ansible, Dockerfiles and shell scripts."""
    path = {"PATH": f"{host.python.parent}{os.pathsep}{os.environ['PATH']}"}
    ansible_lint = host.tool("ansible-lint", "--offline", "--nocolor", "-q", f"--config-file={ROOT / '.ansible-lint'}")
    playbooks = (ROOT / "ansible", ROOT / ".ansible-lint", ROOT / ".yamllint.yaml")
    documents = tuple(ROOT / name for name in ("*.yaml", "*.yml", ".gitignore"))
    recipes, scripts = files(ending="Dockerfile"), files(beginning=r"#!.*\b(ba|da)?sh\b")
    ruff_cache = {"RUFF_CACHE_DIR": str(SEEN / "ruff")}
    return [
        Step("ansible-lint", ansible_lint, host, ROOT / "ansible", path, inputs=playbooks),
        Step("ruff", host.tool("ruff", "check", "--quiet", "--output-format=concise"), host, variables=ruff_cache),
        Step("format", host.tool("ruff", "format", "--check", "--quiet"), host, variables=ruff_cache),
        Step("yamllint", host.tool("yamllint", "--strict", "."), host, inputs=documents),
        Step("hadolint", host.tool("hadolint", *recipes), host, inputs=read_by(".hadolint.yaml", recipes)),
        Step("shellcheck", host.tool("shellcheck", *scripts), host, inputs=read_by(".shellcheckrc", scripts)),
    ]


def read_by(settings: str, names: list[str]) -> tuple[Path, ...]:
    """Return the inputs of a linter: its settings and the files that it reads."""
    return tuple(ROOT / name for name in (settings, *names))


def types(host: Environment, services: Environment) -> list[Step]:
    """Return the type checks: one for each folder that holds Python of its own world."""
    found = [
        mypy("cli", host, ROOT, ("--python-version", "3.10", "cli", "stack"), ROOT),
        mypy("contract", host, ROOT, ("--python-version", "3.11", "contract"), ROOT),
        mypy("tests", host, ROOT, ("--exclude=/app/", "tests"), ROOT),
        mypy("rollout", host, ROOT, ("--python-version", "3.10", "rollout"), ROOT),
    ]
    for folder in sorted((ROOT / "tests").glob("**/app")):  # code that tests let the services run
        name = "-".join(folder.relative_to(ROOT).parts)
        rooms = [ROOT / "services" / room for room in ("web-django", "api-flask", "worker")]
        arguments = (f"--config-file={rooms[0] / 'mypy.ini'}", ".")
        found.append(mypy(name, services, folder, arguments, *import_paths(folder), *rooms))
    folders = dict.fromkeys([*python_folders(), *sorted(path.parent for path in (ROOT / "images").glob("*/*.py"))])
    found += [mypy(folder.name, services, folder, (".",), *import_paths(folder)) for folder in folders]
    return found


def mypy(name: str, environment: Environment, directory: Path, arguments: tuple[str, ...], *paths: Path) -> Step:
    """Return one run of mypy in ``directory``, with ``paths`` to import from."""
    cache = ("--cache-dir", str(SEEN / "mypy" / name))
    variables = {"MYPYPATH": join(paths), "PYTHONPATH": join(paths)}
    command = environment.module(*MYPY, *cache, *arguments)
    looked_at = (directory, *paths)
    return Step(f"types-{name}", command, environment, directory, variables, inputs=looked_at)


def unit_tests(host: Environment, services: Environment) -> list[Step]:
    """Return the tests that need no running stack."""
    found = []
    for folder in sorted(python_folders(), key=lambda folder: len(list(folder.glob("tests/**/*.py"))), reverse=True):
        generated = folder / "tests/generated"
        step = pytest(f"tests-{folder.name}", services, folder, folder / "tests", but=generated)
        found.append(replace(step, variables={"PYTHONPATH": join(import_paths(folder))}))
    return found + [pytest(f"tests-{name}", host, ROOT, ROOT / "tests" / name) for name in ("cli", "servers", "repo")]


def is_measured(step: Step) -> bool:
    """Return whether a step has the tests of a service or of the console, whose coverage counts."""
    return bool(step.targets) and (step.directory.parent == ROOT / "services" or step.directory == CONSOLE)


def covered(step: Step) -> Step:
    """Return the step with a measurement of what its tests run; too little of it fails (``pyproject.toml``)."""
    environment = step.environment
    options = (f"--rcfile={ROOT / 'pyproject.toml'}", f"--data-file={TOOL_CACHE / 'coverage' / step.name}")
    before = environment.module("coverage", "run", *options)
    tests = step.command[len(environment.module("pytest")) - 1 :]
    command = (*before, "-m", *tests)
    return replace(step, command=command, then=environment.module("coverage", "report", *options))


def generated_tests(services: Environment) -> list[Step]:
    """Return the tests that try thousands of generated cases.

    They take minutes, so a quick run leaves them out, and the usual one tries a quarter of the cases.
    """
    found = []
    for folder in sorted(ROOT.glob("services/*/tests/generated")):
        service = folder.parent.parent
        step = pytest(f"generated-{service.name}", services, service, folder)
        found.append(replace(step, variables={"PYTHONPATH": join(import_paths(service))}))
    return found


def pytest(name: str, environment: Environment, directory: Path, *folders: Path, but: Path | None = None) -> Step:
    """Return one run of pytest over ``folders`` without those in ``but``; its report has paths from the root."""
    prefix = ".".join(directory.relative_to(ROOT).parts) or "tests"
    options = ("-o", f"cache_dir={TOOL_CACHE / 'pytest' / name}", f"--junit-prefix={prefix}")
    ignored = ("--ignore", str(but)) if but else ()
    command = environment.module("pytest", *options, *ignored)
    return Step(name, command, environment, directory, targets=tuple(map(str, folders)))


def python_folders() -> list[Path]:
    """Return the folders of shared libraries, services, images and the console that hold Python with tests."""
    parents = ("libs", "services", "images")
    return [*sorted(path.parent for parent in parents for path in (ROOT / parent).glob("*/tests")), CONSOLE]


def import_paths(folder: Path) -> list[Path]:
    """Return what is importable in ``folder``: itself and the shared libraries. No application knows another.

    The maker of secrets knows the contracts.
    """
    others = [ROOT] if folder == ROOT / "images/secrets" else []
    return [folder, *sorted((ROOT / "libs").glob("*")), *others]


def join(paths: Iterable[Path]) -> str:
    """Return ``paths`` as the value of a search path variable."""
    return os.pathsep.join(map(str, paths))


def files(*, ending: str = "", beginning: str = "") -> list[str]:
    """Return the files of this repository, new ones included, by how their names end and what they begin with.

    Args:
        ending: the end of the name.
        beginning: a pattern of the first bytes.
    """
    start = re.compile(beginning.encode())
    return [name for name in source.files(f"*{ending}") if start.match((ROOT / name).read_bytes())]
