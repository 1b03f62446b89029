"""Rate limits by the visitor's network, as elsewhere on the site."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quotas.visitors import network
from rest_framework import throttling

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView


class _ByNetwork(throttling.SimpleRateThrottle):
    def get_ident(self, request: Request) -> str:
        """Return the network: of IPv6 a customer has 2^64 addresses."""
        return network(request._request)  # noqa: SLF001 - DRF gives no other way to Django's request


class Anonymous(_ByNetwork, throttling.AnonRateThrottle):
    """The limit of visitors who are not logged in."""


class Users(_ByNetwork, throttling.UserRateThrottle):
    """The limit of users."""


class Scoped(_ByNetwork, throttling.ScopedRateThrottle):
    """The additional limits of some views."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Return whether the request is admitted."""
        return bool(super().allow_request(request, view))
