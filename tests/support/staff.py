"""Accounts of the newsroom's staff."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import Person
    from tests.support.stack import Stack

_MAKE = """
from accounts.models import User
from django.contrib.auth.models import Group
user = User.objects.create_user({name!r}, {email!r}, {password!r}, is_staff=True)
user.groups.add(Group.objects.get(name={role!r}))
"""


def employ(stack: Stack, person: Person, role: str) -> None:
    """Make a staff account with one role for a person."""
    program = _MAKE.format(name=person.name, email=person.email, password=person.password, role=role)
    stack.execute("web-django", "python", "manage.py", "shell", "-c", program)
