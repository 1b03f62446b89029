"""``./stack app remove``: removes an application from the lists, and its containers. Folder and data stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cli import compose, console, host, outdated, process
from cli.app import lists, plan
from cli.console import StackError
from cli.settings import ROOT, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cli.app.plan import Plan

#: Seconds for containers to stop: those of a worker may take minutes.
STOP_TIMEOUT = 900


def remove(name: str, *, yes: bool) -> int:
    """Remove an application from the lists, and its containers.

    Args:
        name: the application's name.
        yes: whether to remove it without asking.

    Raises:
        StackError: there is no such application, the user refused, others depend on it, or a container
            cannot be removed.
    """
    plan.room(name)
    changes = lists.removed(ROOT, name)
    if not changes:
        raise StackError(f"{name} is on no list", f"rm -r services/{name} deletes its folder")
    agree(name, yes=yes)
    project = Settings.read().project
    with host.only_one(f"stack-{project}"):
        before = configured()
        known = read_plan(name, project) if before else None
        old = {path: lists.read(path) for path in changes}
        lists.write(changes)
        try:
            after = plan.configuration() if before else {}
        except StackError as error:
            lists.write(old)
            raise StackError(f"others depend on {name}, so it stays:\n{error}", "edit theirs first") from None
        clear(project, before, after)
    print(
        f"{name} is off the list{' and its containers are removed' if before else ''}. To delete folder and data, too:"
    )
    print(*(f"  {line}" for line in leftovers(name, before, after, known)), sep="\n")
    if known is None:
        print("Not listed, because its contract could not be read: its databases, roles, vhosts, users and secrets.")
    if not before:
        print("`docker compose up --detach --remove-orphans` removes its containers.")
    return 0


def agree(name: str, *, yes: bool) -> None:
    """Ask whether to remove an application.

    Raises:
        StackError: the user refused, or cannot be asked.
    """
    if yes:
        return
    if not console.may_ask():
        raise StackError(
            "remove stops the application's containers",
            f"./stack app remove {name} --yes does not ask",
        )
    if not console.confirm(
        f"Remove {name}? Its containers stop, those that share networks with it are replaced; folder and data stay."
    ):
        raise StackError("nothing was removed")


def configured() -> dict[str, Any]:
    """Return Compose's view of the stack; empty if Docker does not answer or a file is invalid."""
    answer = process.capture(["docker", "ps", "--quiet"])
    try:
        found, problem = plan.configuration(), answer.stderr.strip() if answer.code else ""
    except StackError as error:
        found, problem = {}, str(error)
    if problem:
        print(f"Its containers stay for now: {problem}\n")
        return {}
    return found


def read_plan(name: str, project: str) -> Plan | None:
    """Return an application's plan; None if the image that reads it is missing, or its contract is invalid."""
    if process.capture(compose.image_exists(f"{project}/secrets")).code != 0:
        return None
    try:
        return plan.read(name)
    except StackError:
        return None


def clear(project: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Remove the containers and networks that the stack no longer has; the house's containers leave the networks.

    Args:
        project: the project's name.
        before: Compose's view with the application.
        after: Compose's view without it.

    Raises:
        StackError: a container cannot be removed, or one of the house does not become healthy again.
    """
    gone = [each for service in lost(before, after, "services") for each in containers(project, service, "--all")]
    if gone:
        stopped = process.capture(["docker", "stop", *gone], timeout=STOP_TIMEOUT)
        removed = process.capture(["docker", "rm", *gone])
        if stopped.code or removed.code:
            raise StackError(
                f"a container could not be removed: {(stopped.stderr + removed.stderr).strip()}",
                "docker compose up --detach --remove-orphans removes it",
            )
    changed = [name for name, says in (after.get("services") or {}).items() if says != before["services"][name]]
    running = [name for name in changed if containers(project, name)]
    started = dict.fromkeys([*running, *outdated.remove(project)])  # without the users that it had
    if started and process.run([*compose.up(), *started]) != 0:
        raise StackError("the house did not become healthy again", "./stack doctor shows the reason")
    networks = [before["networks"][name]["name"] for name in lost(before, after, "networks")]
    process.capture(["docker", "network", "rm", *networks])  # some may not exist


def lost(before: Mapping[str, Any], after: Mapping[str, Any], section: str) -> list[str]:
    """Return the names that a section of Compose's view had before, and has no longer."""
    return [name for name in before.get(section) or {} if name not in (after.get(section) or {})]


def containers(project: str, service: str, *options: str) -> list[str]:
    """Return the ids of a service's running containers, or of those that options of ``docker ps`` select."""
    labels = {"project": project, "service": service}
    filters = [f"--filter=label=com.docker.compose.{label}={value}" for label, value in labels.items()]
    return process.capture(["docker", "ps", "--quiet", *options, *filters]).stdout.split()


def leftovers(name: str, before: Mapping[str, Any], after: Mapping[str, Any], known: Plan | None) -> Iterator[str]:
    """Yield the commands that delete an application's folder and data.

    Args:
        name: the application's name.
        before: Compose's view with it; empty if unknown.
        after: Compose's view without it.
        known: its plan; None if unknown.
    """
    yield f"rm -r services/{name}"
    for volume in lost(before, after, "volumes"):
        yield f"docker volume rm {before['volumes'][volume]['name']}"
    own = {before["services"][service]["image"] for service in lost(before, after, "services")}
    kept = {says.get("image") for says in (after.get("services") or {}).values()}
    for image in sorted(own - kept):
        yield f"docker image rm {image}"
    if known:
        yield from data(known)


def data(known: Plan) -> Iterator[str]:
    """Yield the commands that delete databases, schemas, roles, vhosts, users and secrets of an application."""
    statements = [f"DROP DATABASE {database} WITH (FORCE)" for database in known.databases]
    statements += [f"DROP SCHEMA {schema} CASCADE" for schema in known.schemas]
    roles = passwords(known.secrets, "postgres")
    statements += [statement for role in roles for statement in (f"DROP OWNED BY {role}", f"DROP ROLE {role}")]
    if statements:
        yield "./stack psql " + " ".join(f"-c '{statement}'" for statement in statements)
    rabbitmq = "docker compose exec rabbitmq rabbitmqctl"
    for command, each in (("delete_vhost", known.vhosts), ("delete_user", passwords(known.secrets, "rabbitmq"))):
        yield from (f"{rabbitmq} {command} {name}" for name in each)
    for user in passwords(known.secrets, "redis"):
        keys = f"eval \"for _, key in ipairs(redis.call('keys', '{user}:*')) do redis.call('del', key) end\" 0"
        yield f"./stack redis-cli {keys}"
    if known.secrets:
        paths = " ".join(f"/secrets/master/{secret}" for secret in known.secrets)
        yield f"docker compose run --rm --no-deps --entrypoint rm secrets -f {paths}"


def passwords(secrets: Sequence[str], server: str) -> list[str]:
    """Return the users of a server whose passwords are among the secrets."""
    before, after = f"{server}_", "_password"
    return [each[len(before) : -len(after)] for each in secrets if each.startswith(before) and each.endswith(after)]
