"""Password hashing in tests."""

from __future__ import annotations

from landfast_runtime.django.hashers import Argon2


class QuickArgon2(Argon2):
    """The console's hasher with the least cost of Argon2."""

    time_cost = 1
    memory_cost = 8
    parallelism = 1
