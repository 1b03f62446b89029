"""Packs the rollout program into one file, because Ansible takes a second or more to compare a file."""

from __future__ import annotations

import zipfile
from pathlib import Path
from tempfile import NamedTemporaryFile

from cli.console import StackError
from cli.settings import ROOT

SOURCE = ROOT / "rollout"
PACKED = ROOT / ".cache/rollout.pyz"
#: What ``landfast backups`` shares with ``./stack backup``: all that it imports.
SHARED = ("__init__.py", "compose.py", "console.py", "process.py", "settings.py")
#: The script that installs packages into images, for updates on a manager: rollout/fresh_packages.py.
INSTALLER = "images/base/apt-install"
#: The code that Python runs for the file.
MAIN = "import sys\n\nfrom rollout.__main__ import main\n\nsys.exit(main())\n"


def pack(source: Path = SOURCE, packed: Path = PACKED) -> Path:
    """Write the file and return its path. The same program always gives the same bytes.

    Args:
        source: the package's folder.
        packed: the file to write.

    Raises:
        StackError: the file cannot be written.
    """
    contents = {"__main__.py": MAIN}
    contents |= {f"{source.name}/{path.name}": path.read_text(encoding="utf-8") for path in sorted(source.glob("*.py"))}
    shared = [*(ROOT / "cli" / name for name in SHARED), *sorted((ROOT / "cli/backup").glob("*.py"))]
    contents |= {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in shared}
    contents[INSTALLER] = (ROOT / INSTALLER).read_text(encoding="utf-8")
    try:
        packed.parent.mkdir(exist_ok=True)
        # Written atomically, because two playbooks may do this at the same time.
        with NamedTemporaryFile(dir=packed.parent, delete=False) as file, zipfile.ZipFile(file, "w") as archive:
            for name, text in contents.items():
                archive.writestr(zipfile.ZipInfo(name), text)  # with the same fixed time for every file
        Path(file.name).replace(packed)
    except OSError as error:
        raise StackError(f"{packed} cannot be written: {error.strerror}", "make the checkout yours: chown") from None
    return packed
