"""The program that rolls releases out, packed into one file: to compare a file takes Ansible a second or more."""

from __future__ import annotations

import zipfile
from pathlib import Path
from tempfile import NamedTemporaryFile

from cli.console import StackError
from cli.settings import ROOT

SOURCE = ROOT / "rollout"
PACKED = ROOT / ".cache/rollout.pyz"
#: What Python runs when it is given the file.
MAIN = "import sys\n\nfrom rollout.__main__ import main\n\nsys.exit(main())\n"


def pack(source: Path = SOURCE, packed: Path = PACKED) -> Path:
    """Write the file, the same bytes for the same program whenever and wherever it is packed, and return its path.

    Args:
        source: the package's folder.
        packed: what to write.

    Raises:
        StackError: it cannot be written.
    """
    contents = {"__main__.py": MAIN}
    contents |= {f"{source.name}/{path.name}": path.read_text(encoding="utf-8") for path in sorted(source.glob("*.py"))}
    try:
        packed.parent.mkdir(exist_ok=True)
        # Whole or not at all: two playbooks may meet here.
        with NamedTemporaryFile(dir=packed.parent, delete=False) as file, zipfile.ZipFile(file, "w") as archive:
            for name, text in contents.items():
                archive.writestr(zipfile.ZipInfo(name), text)  # which has no time but that of the format's beginning
        Path(file.name).replace(packed)
    except OSError as error:
        raise StackError(f"{packed} cannot be written: {error.strerror}", "make the checkout yours: chown") from None
    return packed
