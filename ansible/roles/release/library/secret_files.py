#!/usr/bin/python
"""Writes many small files of a folder at once. With ``copy``, each would start a Python on the host at every deploy.

Parameters:
    path: the folder; it may be missing in check mode alone.
    files: the contents by the files' names; they are secret.
    owner, group, mode: as of ``ansible.builtin.file``, for each of the files.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule


def differs(path: Path, content: bytes) -> bool:
    """Return whether a file is missing or has another content."""
    try:
        return path.read_bytes() != content
    except FileNotFoundError:
        return True


def main() -> None:
    """Write what differs, and exit with the result in JSON."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "files": {"type": "dict", "required": True, "no_log": True},
        },
        add_file_common_args=True,
        supports_check_mode=True,
    )
    changed = False
    for name, text in module.params["files"].items():
        path, content = Path(module.params["path"], name), str(text).encode()
        if differs(path, content):
            changed = True
            if not module.check_mode:
                descriptor, temporary = tempfile.mkstemp(dir=module.tmpdir)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(content)
                module.atomic_move(temporary, str(path))
        if path.exists():
            attributes = module.load_file_common_arguments(module.params, path=str(path))
            changed = module.set_fs_attributes_if_different(attributes, changed)
    module.exit_json(changed=changed)


if __name__ == "__main__":
    main()
