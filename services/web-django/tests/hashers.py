"""How tests store passwords."""

from __future__ import annotations

from landfast_runtime.django.hashers import Argon2


class QuickArgon2(Argon2):
    """The project's hasher with the least work that Argon2 knows."""

    time_cost = 1
    memory_cost = 8
    parallelism = 1
