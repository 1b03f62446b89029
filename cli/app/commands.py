"""The command line of ``./stack app``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.app import check, forms, listing, new, remove

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``app`` to the commands of ``./stack``."""
    app = commands.add_parser("app", help="your applications: make one from a template, try, list or remove it")
    actions = app.add_subparsers(dest="action", required=True, metavar="ACTION")
    new_ = actions.add_parser("new", help="make services/NAME/ from a template, and add it to the list")
    new_.add_argument("name", metavar="NAME", help="a-z, 0-9 and hyphens; it answers at NAME.localhost")
    new_.add_argument("--from", dest="form", required=True, choices=tuple(forms.FORMS), help="the template")
    new_.add_argument("--image", default="", metavar="NAME@sha256:DIGEST", help="with --from image: the image")
    new_.add_argument("--port", type=int, default=new.PORT, help="the port in its container; by default %(default)s")
    new_.add_argument("--host", action="append", default=[], help="another host name; may be repeated")
    new_.add_argument("--code", default="", metavar="FOLDER", help="a Django project of yours, which is copied")
    check_ = actions.add_parser("check", help="start and try an application, and report what is missing")
    check_.add_argument("name", metavar="APPLICATION")
    check_.add_argument("--yes", action="store_true", help="install missing programs without asking")
    list_ = actions.add_parser("list", help="list the applications, their addresses and services")
    list_.add_argument(
        "--json",
        action="store_true",
        help="for programs, with databases, volumes, secrets and the rest",
    )
    remove_ = actions.add_parser("remove", help="remove its containers and its line in the list; folder and data stay")
    remove_.add_argument("name", metavar="APPLICATION")
    remove_.add_argument("--yes", action="store_true", help="do not ask")


def run(options: argparse.Namespace, arguments: Sequence[str]) -> int:
    """Run an action of ``./stack app`` and return its exit status.

    Args:
        options: the parsed arguments.
        arguments: the arguments of ``./stack``.
    """
    actions: dict[str, Callable[[], int]] = {
        "new": lambda: new.new(
            new.NewApplication(options.name, options.form, options.image, options.port, options.host, options.code)
        ),
        "check": lambda: check.check(options.name, list(arguments), yes=options.yes),
        "list": lambda: listing.listing(as_json=options.json),
        "remove": lambda: remove.remove(options.name, yes=options.yes),
    }
    return actions[options.action]()
