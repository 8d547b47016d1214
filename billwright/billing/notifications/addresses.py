"""Which addresses a request to a user-given URL may go to (spec 06 §16.6)."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address

_REFUSED_4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
_GLOBAL_6 = IPv6Network("2000::/3")
_REFUSED_6 = tuple(IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "3fff::/20"))
_MAPPED = IPv6Network("::ffff:0:0/96")
_NAT64 = IPv6Network("64:ff9b::/96")
_6TO4 = IPv6Network("2002::/16")


def is_public(address: Address) -> bool:
    """Whether ``address`` is globally routable; IPv6 forms that carry an IPv4 address are judged by that one."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _REFUSED_4)
    number = int(address)
    if address in _MAPPED or address in _NAT64:
        return is_public(IPv4Address(number & 0xFFFF_FFFF))
    if address in _6TO4:
        return is_public(IPv4Address((number >> 80) & 0xFFFF_FFFF))
    return address in _GLOBAL_6 and not any(address in network for network in _REFUSED_6)


def is_sendable(url: str, *, allow_private: bool) -> bool:
    """Whether ``url`` (already known to be an http(s) URL) may be stored: no user-info, no literal private address.

    Names are judged when they are resolved, at each attempt.
    """
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None or not parts.hostname:
        return False
    literal = literal_address(parts.hostname)
    return allow_private or literal is None or is_public(literal)


def literal_address(host: str) -> Address | None:
    """The address that ``host`` writes, in any form that system resolvers take (``127.1``, ``0x7f000001``, a scope)."""
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host.rstrip(".")))
    except (OSError, UnicodeError, ValueError):
        return None
