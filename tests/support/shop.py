"""An application that consists of its host names, and a playbook that runs a part of the role ``certificates``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.releases import Checkout

if TYPE_CHECKING:
    from pathlib import Path

CONTRACT = "services/shop/compose.yaml"
#: The playbook's name, and the variable that names the part.
PLAYBOOK, PART = "certificate", "part"
_PLAYBOOK = f"""
- name: Provide a certificate
  hosts: all
  become: true
  gather_facts: false
  tasks:
    - name: Provide it
      ansible.builtin.include_role:
        name: certificates
        tasks_from: "{{{{ {PART} }}}}"
"""


def checkout_with_shop(folder: Path, *names: str) -> Path:
    """Make a checkout with the application and the playbook in it.

    Args:
        folder: the new checkout's folder.
        names: the application's host names.
    """
    Checkout.create(folder)
    applications = folder / "compose.yaml"
    listed = applications.read_text(encoding="utf-8").rstrip()
    applications.write_text(f"{listed}\n      - {CONTRACT}\n", encoding="utf-8")
    (folder / f"ansible/playbooks/{PLAYBOOK}.yml").write_text(_PLAYBOOK, encoding="ascii")
    name_hosts(folder, *names)
    return folder


def name_hosts(checkout: Path, *names: str) -> None:
    """Give the application these host names."""
    (checkout / CONTRACT).parent.mkdir(exist_ok=True)
    (checkout / CONTRACT).write_text(f"x-landfast: {{http: {{hosts: [{', '.join(names)}]}}}}\n", encoding="ascii")
