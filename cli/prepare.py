"""Prepares a machine to build and run the stack: checks it, shows every problem, and repairs as many as possible."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cli import base_image, compose, console, host, machine, network, preflight, process
from cli.console import StackError
from cli.preflight import Check, Repair, State
from cli.settings import ca_bundle, known

if TYPE_CHECKING:
    from cli.machine import Docker, System
    from cli.settings import Settings


@dataclass(frozen=True)
class Report:
    """The result of an examination."""

    checks: list[Check]
    docker: Docker
    registry_answers: bool

    @property
    def repairs(self) -> set[Repair]:
        """The repairs that ``up`` has to make."""
        return {check.repair for check in self.checks if check.repair}

    @property
    def failed(self) -> bool:
        """Whether there is a problem that only the user can solve."""
        return any(check.state is State.FAILED for check in self.checks)

    def show(self) -> None:
        """Print every check on a line of its own."""
        print(console.columns((check.state.value, check.name, check.text) for check in self.checks), flush=True)


def agreed(*, yes: bool) -> bool:
    """Return whether the user has agreed beforehand: by ``--yes``, or in CI."""
    return yes or os.environ.get("CI", "").lower() in {"1", "true"}


def examine(settings: Settings, *, may_install: bool, ports: bool = True) -> Report:
    """Check everything that the stack needs, and change nothing.

    Args:
        settings: the settings of the stack.
        may_install: whether a missing Docker may be installed.
        ports: whether the ports must be free or the stack's own.
    """
    system, docker = machine.System.read(), machine.Docker.inspect()
    own = machine.published_ports(settings.project) if docker.answers else set()
    checks = [preflight.system(system), preflight.memory(machine.available_memory(), running=bool(own))]
    if system.kernel == "Linux" and not docker.elsewhere:
        free = machine.free_disk(docker.data_root)
        checks.append(preflight.disk(free, docker.data_root, running=bool(own)))
    if ports:
        numbers = {preflight.port_number(text) for text in settings.ports.values()} - {None} - own
        taken = {port: "" for port in numbers if port and not machine.port_is_free(port)}
        if docker.answers:
            taken = {port: machine.container_on(port) for port in taken}
        checks += preflight.ports(settings.ports, own, taken)
    root = process.can_be_root()
    checks += preflight.variables(settings.unread, known({}))
    checks += [
        *preflight.checkout(machine.Checkout.inspect()),
        preflight.docker(docker, system, root=root, may_install=may_install),
    ]
    base, registry_answers = examine_base(settings, docker, system)
    return Report([*checks, base], docker, registry_answers)


def examine_base(settings: Settings, docker: Docker, system: System) -> tuple[Check, bool]:
    """Check the base image, or its possible sources if it is missing; also return whether to try to pull it.

    Args:
        settings: the settings of the stack.
        docker: the state of Docker.
        system: the operating system, whose Debian mirror may be used.
    """
    image = settings.base_image
    if docker.daemon and not docker.answers and not preflight.outdated(docker):
        return preflight.ok("base image", "will be looked for once Docker runs"), True
    present = base_image.find(image) if docker.answers else None
    if present:
        return preflight.ok("base image", f"{present} is there"), True
    mirror = network.mirrors(system, settings.debian_mirror).main
    makeable = bool(mirror) and base_image.is_replaceable(image) and process.can_be_root()
    registry = network.registry_address(image)
    release = [network.release_address(mirror)] if makeable else []
    problems = network.unreachable([registry, *release])
    registry_problem = "" if docker.has_registry_mirror else problems.get(registry, "")
    mirror_problem = problems.get(release[0], "") if makeable else "none known to make a base from"
    return preflight.base_image(image, registry_problem, mirror_problem), not registry_problem


def prepare(
    settings: Settings, phases: console.Phases, arguments: list[str], *, yes: bool, ports: bool = True
) -> dict[str, str]:
    """Prepare this machine to build images, and return the variables for builds.

    Args:
        settings: the settings of the stack.
        phases: measures the phases.
        arguments: the arguments of ``./stack``, in case it has to start again.
        yes: whether the user has agreed to an installation.
        ports: whether the ports must be free.

    Raises:
        StackError: a check failed, the user refused, or a repair failed.
    """
    console.heading("Checking this machine")
    with phases.phase("checks"):
        report = examine(settings, may_install=agreed(yes=yes) or console.may_ask(), ports=ports)
    if report.docker.refused and machine.belongs_to_docker_group():
        host.enter_docker_group(arguments, phases)
    report.show()
    if report.failed:
        raise StackError(
            "this machine is not ready; nothing was changed", "fix the FAILED lines above, then ./stack up again"
        )
    if Repair.INSTALL_DOCKER in report.repairs:
        if not agreed(yes=yes) and not console.confirm("Install Docker on this machine now?"):
            raise StackError("Docker is needed; nothing was changed")
        console.heading("Installing Docker")
        with phases.phase("Docker"):
            host.install_docker(settings.debian_mirror)
    elif Repair.START_DOCKER in report.repairs:
        console.heading("Starting Docker")
        with phases.phase("Docker"):
            host.start_docker()
    if report.repairs - {Repair.MAKE_BASE_IMAGE} and machine.Docker.inspect().refused:
        host.enter_docker_group(arguments, phases)
    return compose.environment(obtain_base(settings, phases, report), ca_bundle(settings.ca_bundle))


def explain_build(settings: Settings) -> None:
    """Print the usual causes of a failed build that apply here: the network, the disk."""
    system, docker = machine.System.read(), machine.Docker.inspect()
    checks = []
    if docker.answers and system.kernel == "Linux" and not docker.elsewhere:
        checks.append(preflight.disk(machine.free_disk(docker.data_root), docker.data_root, running=True))
    mirror = network.mirrors(system, settings.debian_mirror).main
    index = settings.python_index()
    problems = network.unreachable(
        [*([network.release_address(mirror)] if mirror else []), *([index] if index else [])]
    )
    mend = "fix the network or set http_proxy and https_proxy, or name one that answers in"
    if mirror:
        problem = problems.get(network.release_address(mirror), "")
        checks.append(preflight.source("Debian mirror", mirror, problem, f"{mend} DEBIAN_MIRROR"))
    if index:
        text = network.without_password(index)
        checks.append(
            preflight.source("Python index", text, problems.get(index, ""), f"{mend} the file PYTHON_INDEX_URL_FILE")
        )
    failed = [check for check in checks if check.state is State.FAILED]
    if failed:
        print(f"\n{console.columns((check.state.value, check.name, check.text) for check in failed)}", flush=True)


def obtain_base(settings: Settings, phases: console.Phases, report: Report) -> str:
    """Return the name of the base image, which is made if it is missing.

    Args:
        settings: the settings of the stack.
        phases: measures the phases.
        report: whether the registry answered.
    """
    present = base_image.find(settings.base_image)
    if present:
        return present
    console.heading("Getting the base image")
    with phases.phase("base image"):
        mirrors = network.mirrors(machine.System.read(), settings.debian_mirror)
        return base_image.obtain(settings.base_image, mirrors, registry_answers=report.registry_answers)
