"""Where a request comes from, and what follows from it. Proxies are dealt with before (`apps.core.edge.proxy`)."""

from __future__ import annotations

import ipaddress

from django.conf import settings
from django.http import HttpRequest

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_IPV6_HOST_BITS = 64


def parse(text: str) -> Address | None:
    """The address, an IPv4 one in its own form however it was written; nothing when it is none."""
    try:
        address = ipaddress.ip_address(text.strip().strip("[]"))
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


def client_address(request: HttpRequest) -> str:
    """The address the request came from."""
    return str(request.META.get("REMOTE_ADDR") or "unknown")


def client_network(request: HttpRequest) -> str:
    """What is counted as one visitor: an IPv4 address, or an IPv6 network, within which one machine has any address."""
    return network_of(client_address(request))


def network_of(text: str) -> str:
    """What an address is counted under."""
    address = parse(text)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 128 - _IPV6_HOST_BITS), strict=False))
    return str(address) if address else "unknown"


def is_loopback(address: str) -> bool:
    """Whether an address (or `localhost`) is this machine itself."""
    if address == "localhost":
        return True
    parsed = parse(address)
    return parsed is not None and parsed.is_loopback


def is_here(address: str) -> bool:
    """Whether whoever has this address sits at this machine. Nobody does where a proxy brings everybody."""
    return not settings.CONFIG.trusted_proxies and is_loopback(address)
