"""The codes of an authenticator app: RFC 6238."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
import time


def code(secret: str, periods: int = 0) -> str:
    """Return the code of a secret.

    Args:
        secret: the secret in base 32.
        periods: of 30 s each, from now on.
    """
    counter = struct.pack(">Q", int(time.time()) // 30 + periods)
    digest = hmac.new(base64.b32decode(secret), counter, hashlib.sha1).digest()
    start = digest[-1] & 15
    return f"{(int.from_bytes(digest[start : start + 4]) & 0x7FFFFFFF) % 10**6:06}"
