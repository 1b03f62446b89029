"""Any WSGI server by one variable: both demo applications on each of them, under the rules of every container.

docs/how-to/wsgi-servers.md lists what each of them can, as it is seen here.
"""

from __future__ import annotations

import http.client
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.support.leftovers import remove_project
from tests.support.servers import SERVERS
from tests.support.stack import CommandError, Stack, docker
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# The builds compile servers, and there are many of them: minutes. `libs/runtime` tries three as processes in every run.
pytestmark = pytest.mark.long

#: Applications with the variable that names their server.
APPLICATIONS = {"web-django": "WEB_SERVER", "api-flask": "API_SERVER"}
PORT = 8000
#: Those that do not finish a running request when they are stopped.
ABRUPT = {"bjoern"}
#: An application whose page `/slow` makes a file and takes two seconds.
BEGUN = "/tmp/begun"  # noqa: S108 - in the container
SLOW = f"""
import time


def application(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        open("{BEGUN}", "w").close()
        time.sleep(2)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "4")])
    return [b"done"]
"""
#: As compose.templates.yaml has it for every container.
RULES = (
    *("--init", "--read-only", "--tmpfs=/tmp:size=64m,mode=1777", "--cap-drop=ALL"),
    *("--security-opt=no-new-privileges:true", "--memory=640m", "--pids-limit=256"),
)
REQUEST_ID = "request-4711"


@pytest.fixture(scope="module")
def servers(images: Stack) -> Iterator[Stack]:
    """The images of both applications with all servers, under names of their own."""
    chosen = dict.fromkeys(APPLICATIONS.values(), SERVERS[0])
    stack = Stack(f"{images.project}-servers", ports=images.ports, files=("compose.yaml",), variables=chosen)
    try:
        stack.compose("build", *APPLICATIONS, timeout=900)
        yield stack
    finally:
        remove_project(stack.project)


def run(stack: Stack, service: str, server: str, secrets: Stack) -> str:
    """Start an application on a server, alone, and return its container."""
    name = f"{stack.project}-{service}"
    settings = {**stack.config["services"][service]["environment"], APPLICATIONS[service]: server}
    variables = [f"--env={key}={value}" for key, value in settings.items()]
    volume = f"type=volume,src={secrets.project}_service-secrets,dst=/run/secrets,volume-subpath={service},readonly"
    docker("run", "--detach", f"--name={name}", *RULES, *variables, "--mount", volume, f"{stack.project}/{service}")
    return name


@contextmanager
def container(name: str) -> Iterator[str]:
    """Remove a container at the end of the context, and yield its first address."""
    try:
        networks = docker("inspect", "--format={{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}", name)
        address = networks.split()[0]
        wait_until(lambda: answers(address), 60, lambda: f"an answer; it said:\n{docker('logs', name, merge=True)}")
        yield address
    finally:
        docker("rm", "--force", "--volumes", name)


def answers(address: str) -> bool:
    """Return whether a server answers its health check."""
    try:
        return ask(address, "/healthz").status == http.client.OK
    except OSError:
        return False


def ask(address: str, path: str) -> http.client.HTTPResponse:
    """Send a request with an id, and return the answer, read to its end.

    Raises:
        OSError: there is none.
    """
    connection = http.client.HTTPConnection(address, PORT, timeout=30)
    try:
        connection.request("GET", path, headers={"Host": "localhost", "X-Request-ID": REQUEST_ID})
        answer = connection.getresponse()
        answer.read()
    finally:
        connection.close()
    return answer


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("service", APPLICATIONS)
def test_an_application_answers_on_it_with_the_visitor_s_request_id(
    images: Stack, servers: Stack, service: str, server: str
) -> None:
    name = run(servers, service, server, images)

    with container(name) as address:
        assert ask(address, "/healthz").headers["X-Request-ID"] == REQUEST_ID
        assert docker("exec", name, "id", "-u").strip() != "0"
        assert docker("exec", name, "probe", f"http://127.0.0.1:{PORT}/healthz") == ""


@pytest.mark.parametrize("server", SERVERS)
def test_a_stop_lets_a_running_request_finish_unless_the_server_cannot(
    servers: Stack, server: str, tmp_path: Path
) -> None:
    (tmp_path / "slow.py").write_text(SLOW, encoding="ascii")
    tmp_path.chmod(0o755)
    name = f"{servers.project}-stopped"
    variables = (f"--env=SERVER={server}", "--env=PROCESSES=1", "--env=THREADS=2")
    there = (f"--volume={tmp_path}:/slow:ro", "--env=PYTHONPATH=/slow:/opt/landfast/runtime")
    launcher = ("python", "-m", "landfast_runtime.servers", "slow:application", str(PORT), "SERVER", "PROCESSES")
    image = f"{servers.project}/api-flask"
    docker("run", "--detach", f"--name={name}", *RULES, *variables, *there, image, *launcher, "THREADS", "false")

    with container(name) as address, ThreadPoolExecutor(1) as visitor:
        answer = visitor.submit(ask, address, "/slow")
        wait_until(lambda: has_begun(name), 30, "the request to begin")
        docker("stop", "--timeout=30", name)

        if server in ABRUPT:
            with pytest.raises((OSError, http.client.HTTPException)):
                answer.result()
        else:
            assert answer.result().status == http.client.OK
        assert docker("inspect", "--format={{.State.ExitCode}}", name).strip() == "0"


def has_begun(name: str) -> bool:
    """Return whether the slow page is under way."""
    try:
        docker("exec", name, "test", "-e", BEGUN)
    except CommandError:
        return False
    return True
