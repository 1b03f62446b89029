"""``./stack app check``: starts and tries an application, and reports each fault with its remedy."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from cli import compose, console, diagnosis, doctor, host, outdated, prepare, process
from cli.app import findings, networks, plan, trial
from cli.console import Phases, StackError
from cli.preflight import Check, State, failed, ok
from cli.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from cli.app.plan import Plan

#: Seconds that a healthy worker may take until RabbitMQ knows it, and that a right answer may take to come.
CONSUMES_WITHIN, ANSWERS_WITHIN = 20, 30


def check(name: str, arguments: list[str], *, yes: bool) -> int:
    """Try an application and return 0 if it has no fault, or else 1.

    Args:
        name: the application's name.
        arguments: the arguments of ``./stack``, with which it can start itself again.
        yes: whether to install missing programs without asking.

    Raises:
        StackError: there is no such application, or this machine cannot run it.
    """
    plan.room(name)
    settings, phases = Settings.read(), Phases()
    checks: list[Check] = []
    with host.only_one(f"stack-{settings.project}"):
        for each in tried(name, settings, phases, arguments, yes=yes):
            checks.append(each)
            print(console.columns([(each.state.value.ljust(6), each.name.ljust(10), each.text)]), flush=True)
    missing = sum(each.state is State.FAILED for each in checks)
    print(f"\n{name}: {f'{missing} to mend' if missing else 'nothing is missing'}")
    return 1 if missing else 0


def tried(name: str, settings: Settings, phases: Phases, arguments: list[str], *, yes: bool) -> Iterator[Check]:
    """Yield the result of each check; the arguments are those of :func:`check`."""
    if not plan.is_listed(name):
        yield failed("list", f"compose.yaml does not name {name}", f"add the line - services/{name}/compose.yaml")
        return
    try:
        configuration, alone = plan.configuration(), plan.never_two()
    except StackError as error:
        yield Check("compose", State.FAILED, str(error))
        return
    try:
        plan.check()
    except StackError as error:
        yield Check("contract", State.FAILED, str(error))
        return
    environment = prepare.prepare(settings, phases, arguments, yes=yes)
    console.heading("Building images")
    if process.run([*compose.build(), "--quiet"], env=environment) != 0:
        yield failed("build", "an image could not be built", "fix the error that Docker printed above")
        return
    console.heading(f"Trying {name}")
    try:
        plans = plan.read_all()
    except StackError as error:
        yield Check("contract", State.FAILED, str(error))
        return
    yield ok("contract", "every key is known, and no other application has the same names")
    yield from networks.check(name, plans, configuration)
    known = without_profiles(plans[f"services/{name}/compose.yaml"], configuration)
    yield from (findings.speaks_uwsgi(place) for place in known.uwsgi)
    yield from observed(known, configuration, settings, alone)


def observed(
    known: Plan, configuration: Mapping[str, Any], settings: Settings, alone: Collection[str]
) -> Iterator[Check]:
    """Start an application, and yield the result of each check that needs its containers.

    Args:
        known: the application's plan.
        configuration: Compose's view of the stack.
        settings: the stack's ports and its own host name.
        alone: services of which a second container must not run.
    """
    try:
        started = start(known, configuration, settings)
    except StackError as error:
        yield Check("starts", State.FAILED, str(error))
        return
    if started.code != 0:
        problem = started.stderr.strip().rpartition("\n")[2]
        yield failed("starts", diagnosis.shorten(problem), "./stack doctor shows the reason")
        if not trial.containers(known.services):
            return
    yield from containers(known, configuration)
    if started.code == 0:
        yield from pages(known, settings)
        yield from smoke(known.smoke, settings)
    yield from writes(known, configuration, settings, alone)
    yield from migrations(known, configuration)
    yield from consumers(known)


def is_one_shot(configuration: Mapping[str, Any], service: str) -> bool:
    """Return whether a service is a one-shot: it does its work and ends."""
    return str(configuration["services"][service].get("restart")) == "no"


def without_profiles(known: Plan, configuration: Mapping[str, Any]) -> Plan:
    """Return the plan without the services of profiles, which ``./stack up`` does not start either."""
    return replace(known, services=[s for s in known.services if not configuration["services"][s].get("profiles")])


def to_start(known: Plan, configuration: Mapping[str, Any]) -> list[str]:
    """Return the services to start; Compose starts their dependencies, such as one-shots, too."""
    lasting = [each for each in known.services if not is_one_shot(configuration, each)]
    return [*(lasting or known.services), "nginx", *(["rabbitmq"] if known.vhosts else [])]


def start(known: Plan, configuration: Mapping[str, Any], settings: Settings) -> process.Output:
    """Start the application, and all services whose derived files have changed."""
    renewed = outdated.remove(settings.project)
    services = dict.fromkeys([*to_start(known, configuration), *renewed])
    return process.capture([*compose.up(), "--quiet-pull", *services], timeout=compose.START_DEADLINE)


def containers(known: Plan, configuration: Mapping[str, Any]) -> Iterator[Check]:
    """Yield the state and the user of each of the application's containers."""
    there = {each.service: each for each in doctor.find_containers()}
    unwell = {each.service for each in there.values() if not each.is_well}
    for service in known.services:
        container = there[service]
        if container.is_well:
            yield ok("starts", f"{service}: {container.words}")
        else:
            log = [] if container.status == "missing" else doctor.read_log(service)
            finding = diagnosis.diagnose(container, log, unwell)
            yield failed("starts", f"{service} is {finding.condition}: {finding.reason}", finding.step)
    for service, inspected in trial.containers(known.services).items():
        yield from findings.container(service, inspected["Config"], one_shot=is_one_shot(configuration, service))


def hosts(known: Plan, settings: Settings) -> Sequence[str]:
    """Return the host names that visitors use: the application's own, or that of the stack (``PUBLIC_URL``)."""
    return known.hosts or [settings.public_host]


def pages(known: Plan, settings: Settings) -> Iterator[Check]:
    """Yield whether it answers at its ports and through Nginx, and whether the files of its first page exist."""
    port, names = int(settings.ports["HTTP_PORT"]), hosts(known, settings)
    for place in dict.fromkeys(known.locations.values()):
        service, _, number = place.partition(":")
        yield findings.at_port(place, trial.ask_service(service, number, "/", names[0]))
    for host_name in names:
        for path in known.locations:
            address = f"http://{host_name}:{port}{path}"
            answer = visit(port, host_name, path)
            yield findings.through_nginx(address, answer)
            there = trial.links(answer.body, address) if answer.body.lstrip().startswith("<") else []
            yield from findings.static(address, {link: trial.get(port, f"{host_name}:{port}", link) for link in there})


def smoke(wanted: Sequence[Mapping[str, Any]], settings: Settings) -> Iterator[Check]:
    """Yield whether visitors get the answers in the contract.

    Args:
        wanted: the checks in the contract.
        settings: Nginx's port, and the stack's own host name.
    """
    for each in wanted:
        yield from repeated(partial(answered, each, settings), ANSWERS_WITHIN)


def answered(wanted: Mapping[str, Any], settings: Settings) -> list[Check]:
    """Return whether a visitor gets one of the answers now."""
    port = int(settings.ports["HTTP_PORT"])
    place, path = f"{wanted['host'] or settings.public_host}:{port}", wanted["path"]
    return [findings.smoke(f"http://{place}{path}", wanted, trial.get(port, place, path))]


def repeated(attempt: Callable[[], list[Check]], seconds: float) -> list[Check]:
    """Repeat an attempt until it finds no fault or the time is over, and return its last result."""
    deadline = time.monotonic() + seconds
    found = attempt()
    while any(each.state is State.FAILED for each in found) and time.monotonic() < deadline:
        time.sleep(trial.LOOK)
        found = attempt()
    return found


def visit(port: int, host_name: str, path: str) -> trial.Answer:
    """Return the answer to a visitor who follows redirects on the same host."""
    answer = trial.get(port, f"{host_name}:{port}", path)
    for _ in range(3):
        if not answer.location.startswith("/"):
            break
        answer = trial.get(port, f"{host_name}:{port}", answer.location)
    return answer


def writes(
    known: Plan, configuration: Mapping[str, Any], settings: Settings, alone: Collection[str]
) -> Iterator[Check]:
    """Yield the paths to which services write: a second container of each has a writable root file system.

    Args:
        known: the application's plan.
        configuration: Compose's view of the stack.
        settings: the stack's own host name.
        alone: services of which a second container must not run: a second timetable would do all its work twice.
    """
    for service in known.services:
        if not configuration["services"][service].get("read_only"):
            yield findings.root_is_writable(service)
            continue
        if service in alone:
            yield findings.runs_alone(service)
            continue
        with trial.writable(configuration, service) as name:
            container = trial.settled(name)
            if not container:
                way_out = f"docker compose run --rm {service} shows the error"
                yield failed("writes", f"{service} cannot run in a second container", way_out)
                continue
            for place in (place for place in known.locations.values() if place.startswith(f"{service}:")):
                for address in findings.addresses(container):
                    trial.ask_service(address, place.partition(":")[2], "/", hosts(known, settings)[0])
            yield findings.written(service, trial.written(container))


def migrations(known: Plan, configuration: Mapping[str, Any]) -> Iterator[Check]:
    """Yield whether one-shots can run again, as with every start and every deploy."""
    for service in (each for each in known.services if is_one_shot(configuration, each)):
        outputs: Sequence[process.Output] = [trial.run_once(service), trial.run_once(service)]
        yield findings.twice(service, outputs)


def consumers(known: Plan) -> Iterator[Check]:
    """Yield whether each vhost of the application has a consumer, if the contract has users for it."""
    for vhost in known.vhosts if known.users else []:
        yield from repeated(partial(consumed, vhost), CONSUMES_WITHIN)


def consumed(vhost: str) -> list[Check]:
    """Return whether a vhost has a consumer now."""
    return findings.consumed(vhost, trial.queues(vhost))
