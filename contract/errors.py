"""The one error of this package."""

from __future__ import annotations


class ContractError(ValueError):
    """A contract that cannot be followed; the message names the file, the key and the way out."""
