"""``./stack doctor``, and the explanation if the stack does not become healthy in ``./stack up``."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from textwrap import indent
from typing import Any

from cli import compose, console, diagnosis, machine, outdated, prepare, process, readiness, updates
from cli.app import plan
from cli.backup import condition
from cli.console import StackError
from cli.settings import Settings
from rollout.updates import UpdatesError

READY_TIMEOUT = 15


def doctor() -> int:
    """Check the machine and the running stack; return 0 only if there is no problem."""
    settings = Settings.read()
    console.heading("This machine")
    report = prepare.examine(settings, may_install=True)
    report.show()
    if not report.docker.answers:
        print("\nWithout Docker nothing can run. Next step: ./stack up")
        return 1
    valid = explain_contracts()
    try:
        well = explain_services()
    except StackError:
        if valid:
            raise
        print("  unknown: Compose has the same problem")
        return 1
    current = explain_outdated(settings)
    ready = explain_readiness(settings)
    saved = explain_backups()
    explain_updates(settings)
    return 0 if valid and well and current and ready and saved and not report.failed else 1


def explain_contracts() -> bool:
    """Print the mistakes in contracts and in Compose's files; return whether there is none."""
    console.heading("Contracts")
    try:
        plan.read_all()
    except plan.UnreadError as error:
        print(f"  not checked: {error}")
    except StackError as error:
        print(indent(str(error), "  "))
        return False
    else:
        print("  all are valid")
    return True


def explain_networks() -> bool:
    """Print the next step where Docker cannot create another network; return whether it can."""
    if machine.has_room_for_networks():
        return True
    print("\nDocker has no address range left for another network\n  next step: docker network prune; or more ranges:")
    print("  https://docs.docker.com/reference/cli/dockerd/, default-address-pools")
    return False


def explain_services() -> bool:
    """Print each service's condition, with reason and next step for unhealthy ones; return whether all are healthy."""
    console.heading("Services")
    containers = find_containers()
    if all(container.status == "missing" for container in containers):
        print("  none is there. Next step: ./stack up")
        return False
    print(console.columns((container.service, container.words) for container in containers))
    unwell = {container.service for container in containers if not container.is_well}
    for container in containers:
        if container.service in unwell:
            log = [] if container.status == "missing" else read_log(container.service)
            finding = diagnosis.diagnose(container, log, unwell)
            print(f"\n{finding.service} is {finding.condition}: {finding.reason}\n  next step: {finding.step}")
            for line in diagnosis.telling(log):
                print(f"  | {line}")
    return not unwell


def explain_outdated(settings: Settings) -> bool:
    """Print the services that still have the values of an earlier contract; return whether there are none.

    Plain ``docker compose up`` writes new values, and leaves running containers as they are.
    """
    found = outdated.services(settings.project)
    if found:
        print(f"\n{', '.join(found)}: the contract has changed since the start\n  next step: ./stack up")
    return not found


def full_report() -> dict[str, Any]:
    """Return the report with the reasons, which strangers do not get; it is empty while the console does not run."""
    return machine.parse_json(process.capture(compose.readiness_report()).stdout)


def find_containers() -> list[diagnosis.Container]:
    """Return the container of every active service.

    Raises:
        StackError: Compose cannot read its files, or Docker does not answer.
    """
    with ThreadPoolExecutor(2) as pool:
        services, identifiers = pool.map(process.capture, (compose.services(), compose.container_ids()))
    if services.code != 0:
        raise plan.unreadable(services.stderr.strip())
    if identifiers.code != 0:
        raise StackError(identifiers.stderr.strip() or "Docker does not answer", "./stack doctor checks Docker")
    found = identifiers.stdout.split()
    inspected = json.loads(process.capture(compose.inspect(found)).stdout or "[]") if found else []
    return diagnosis.containers(inspected, services.stdout.split())


def read_log(service: str) -> list[str]:
    """Return the last log lines of ``service``."""
    output = process.capture(compose.logs(service))
    return diagnosis.plain(output.stdout + output.stderr).splitlines()


def explain_readiness(settings: Settings) -> bool:
    """Print the problems from ``/readyz`` and return whether everything is ready without a remark."""
    console.heading("Readiness")
    address = f"http://127.0.0.1:{settings.ports['HTTP_PORT']}/readyz"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy cannot reach this machine
    try:
        with opener.open(address, timeout=READY_TIMEOUT) as answer:
            status, body = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, body = error.code, error.read()
    except OSError as error:
        print(f"  {address} does not answer: {error}")
        return False
    document = full_report() or machine.parse_json(body.decode(errors="replace"))
    remarks = readiness.remarks(document)
    for remark in remarks:
        print(f"  {remark.dependency}: {diagnosis.shorten(remark.problem)}\n    next step: {remark.step}")
    if status != HTTPStatus.OK and not remarks:
        print(f"  {address} answers {status}: {diagnosis.shorten(body.decode(errors='replace'))}")
    elif not remarks:
        print(f"  {address} says that everything is ready")
    return status == HTTPStatus.OK and not remarks


def explain_backups() -> bool:
    """Print the problems of continuous backups, where there are such; return whether there is none."""
    found = condition.read()
    if found is None:
        return True
    console.heading("Backups")
    for problem in found:
        print(f"  {problem.words}\n    next step: {problem.step}")
    if not found:
        print("  PostgreSQL's log is archived")
    return not found


def explain_updates(settings: Settings) -> None:
    """Print the security updates that the running images lack, or why the mirror could not be asked."""
    found = process.capture(compose.container_ids()).stdout.split()
    inspected = json.loads(process.capture(compose.inspect(found)).stdout or "[]") if found else []
    images = {entry["Config"]["Image"] for entry in inspected}
    if not images:
        return
    console.heading("Security updates")
    try:
        answer = updates.ask(images, settings)
    except UpdatesError as error:
        print(f"  unknown: {error}")
        return
    print("\n".join(f"  {line}" for line in updates.lines(answer)))
    if answer.outdated:
        print("    next step: ./stack update")
