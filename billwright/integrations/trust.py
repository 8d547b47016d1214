"""The certificate authorities that servers are held against, read once per process: reading them takes 40 ms."""

from __future__ import annotations

import ssl
from functools import lru_cache

import httpx


@lru_cache(maxsize=1)
def trusted() -> ssl.SSLContext:
    """The context of all connections to servers outside (httpx's own: ``SSL_CERT_FILE`` is heeded)."""
    return httpx.create_ssl_context()
