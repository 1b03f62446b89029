"""The only error of this package."""

from __future__ import annotations


class ContractError(ValueError):
    """An invalid contract; the message names the file, the key and the remedy."""
