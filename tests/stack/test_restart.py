"""SIGKILL: every container comes back by itself, and nothing is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conftest import log_in_to_console
from tests.support.killing import COMES_BACK, kill, wait_restarted
from tests.support.site import TIMEOUT, Site
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.conftest import Person
    from tests.support.inbox import Inbox
    from tests.support.stack import Stack

SERVICES = [
    "nginx", "console", "relay", "flower", "web-django", "web-worker", "web-mail", "web-beat",
    "api-flask", "api-uploads", "api-worker", "api-periodic", "worker", "beat",
    "postgres", "redis", "redis-cache", "rabbitmq", "mail",
]  # fmt: skip

#: Seconds between two of Flower's saves, and some more.
FLOWER_SAVES = 75

#: A sender of mail that dies when the mail server waits for the letter itself.
_BREAK_OFF = f"""
import smtplib
server = smtplib.SMTP("mail", 1025, timeout={TIMEOUT})
server.helo()
server.mail("hello@example.com")
server.rcpt("reader@example.com")
code, answer = server.docmd("DATA")
assert code == 354, answer
server.close()
"""


def test_the_list_of_services_is_complete(stack: Stack) -> None:
    assert set(SERVICES) == stack.long_running


@pytest.fixture(scope="module", autouse=True)
def shown(stack: Stack) -> tuple[str, str]:
    """A task that Flower shows, and when it had last saved what it shows: it does so once a minute, meanwhile."""
    operator = log_in_to_console(stack, Site(stack.http_url))
    task = operator.send_task(1, 9).headers["Location"].rpartition("/")[2]
    wait_until(lambda: operator.get("/flower/api/tasks").json().get(task), 20, "the task in Flower")
    return task, saved(stack)


#: Servers that keep something for their next life are killed alone in each run, PostgreSQL by the chaos suite. All
#: others are in long runs: the test that kills everything at once shows that each of them comes back.
ALONE = ("redis", "rabbitmq")


@pytest.mark.parametrize(
    "service",
    [
        pytest.param(name, marks=() if name in ALONE else pytest.mark.long)
        for name in SERVICES
        if name != "flower"  # has a test of its own
    ],
)
def test_it_comes_back_after_a_kill_with_nothing_lost(
    ready: Stack, site: Site, inbox: Inbox, person: Person, service: str
) -> None:
    assert site.register(person.name, person.email, person.password).status_code == 302
    inbox.wait_for_mail(person.email)
    location = site.send_task(40, 2).headers["Location"]
    wait_until(lambda: site.result(location) == 42, 30, "a result to keep")

    wait_restarted(ready, service, kill(ready, service))

    wait_until(lambda: site.probe("/readyz"), COMES_BACK, lambda: f"ready: {site.probe('/readyz').body}")
    assert site.result(location) == 42, "the result in Redis"
    again = Site(ready.http_url)
    again.log_in(person.name, person.password)
    assert person.email in again.get("/accounts/profile/").text, "the account in PostgreSQL"
    assert len(inbox.mails_to(person.email)) == 1, "the mail, once"


def test_flower_still_shows_a_task_after_a_kill(ready: Stack, operator: Site, shown: tuple[str, str]) -> None:
    task, before = shown
    wait_until(lambda: saved(ready) > before, FLOWER_SAVES, "Flower to save what it shows", interval=1)

    wait_restarted(ready, "flower", kill(ready, "flower"))

    assert task in operator.get("/flower/api/tasks").json()


def test_queued_tasks_survive_a_kill_of_the_broker(ready: Stack, site: Site) -> None:
    ready.stop("worker")
    locations = [site.send_task(number, number).headers["Location"] for number in range(20)]

    wait_restarted(ready, "rabbitmq", kill(ready, "rabbitmq"))
    ready.start("worker")

    wait_until(lambda: all(site.result(location) is not None for location in locations), 60, "all sums")
    assert [site.result(location) for location in locations] == [2 * number for number in range(20)]


def test_a_task_that_a_killed_worker_had_begun_runs_again(
    ready: Stack, site: Site, inbox: Inbox, person: Person
) -> None:
    ready.pause("mail")
    assert site.register(person.name, person.email, person.password).status_code == 302
    started = '"message": "task started"'
    wait_until(lambda: started in ready.logs("web-mail").rstrip().rpartition("\n")[2], 20, "the task to start")

    since = kill(ready, "web-mail")
    ready.unpause("mail")
    wait_restarted(ready, "web-mail", since)

    inbox.wait_for_mail(person.email, timeout=60)


def test_postgres_does_not_take_one_of_its_container_s_processes_for_a_server_that_was_killed(ready: Stack) -> None:
    # Chance may make it any process of the container's next life; the first one is always there.
    ready.execute("postgres", "sh", "-c", "sed -i '1s/.*/1/' $PGDATA/postmaster.pid")
    wait_restarted(ready, "postgres", kill(ready, "postgres"))


def test_postgres_shares_its_volume_with_no_other_server(ready: Stack) -> None:
    second = ready.compose("run", "--rm", "--no-deps", "--no-TTY", "postgres", check=False)
    assert second.returncode
    assert "another container's PostgreSQL runs on the volume" in second.stdout + second.stderr
    assert ready.execute("postgres", "psql", "-qAtc", "SELECT 1", "landfast").strip() == "1"


def test_the_inbox_shows_no_letter_whose_sender_died_in_the_middle(ready: Stack, inbox: Inbox) -> None:
    ready.execute("web-mail", "python", "-c", _BREAK_OFF)
    broken_off = wait_until(
        lambda: ready.execute("mail", "find", "/var/lib/mail", "-name", "*.eml", "-empty"), 20, "the letter's file"
    )

    ready.stop("mail")
    ready.start("mail")

    assert not [letter for letter in inbox.documents() if letter["id"] in broken_off]


def saved(stack: Stack) -> str:
    """Return when the Flower of the shared workers last wrote its state; other vhosts have files of their own."""
    return stack.execute("flower", "stat", "--format=%.Y", "/var/lib/flower/state")


def test_everything_comes_back_after_everything_was_killed_at_once(
    ready: Stack, site: Site, inbox: Inbox, person: Person
) -> None:
    assert site.register(person.name, person.email, person.password).status_code == 302
    inbox.wait_for_mail(person.email)
    locations = [site.send_task(number, 1).headers["Location"] for number in range(50)]

    started = {service: kill(ready, service) for service in SERVICES}
    for service, since in started.items():
        wait_restarted(ready, service, since)

    wait_until(lambda: site.probe("/readyz"), COMES_BACK, lambda: f"ready: {site.probe('/readyz').body}")
    wait_until(lambda: all(site.result(location) is not None for location in locations), 90, "all sums", interval=0.5)
    assert [site.result(location) for location in locations] == list(range(1, 51))
    assert len(inbox.mails_to(person.email)) == 1
