#!/usr/bin/python
"""Creates the secrets of a Swarm that are missing. With a task for each, each would start a Python on the manager.

A secret is immutable: one that exists is left as it is.

Parameters:
    secrets: the values by the secrets' names in the Swarm.
    labels: the values of the label, by the same names.
    label: the name of the label that each secret gets.

Returns:
    created: the names of those that were missing.
"""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    """Create what is missing, and exit with the result in JSON."""
    module = AnsibleModule(
        argument_spec={
            "secrets": {"type": "dict", "required": True, "no_log": True},
            "labels": {"type": "dict", "required": True},
            "label": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    values, labels, label = (module.params[name] for name in ("secrets", "labels", "label"))
    _, listed, _ = module.run_command(["docker", "secret", "ls", "--format={{.Name}}"], check_rc=True)
    missing = [name for name in values if name not in set(listed.split())]
    for name in missing if not module.check_mode else ():
        command = ["docker", "secret", "create", f"--label={label}={labels[name]}", name, "-"]
        module.run_command(command, data=str(values[name]), binary_data=True, check_rc=True)
    module.exit_json(changed=bool(missing), created=missing)


if __name__ == "__main__":
    main()
