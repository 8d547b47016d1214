"""Addresses of stored files."""

from __future__ import annotations

from urllib.parse import quote


def file_url(api_url: str, token: str, filename: str) -> str:
    """The public address of a stored file; nobody can guess it. ``api_url`` has no trailing slash."""
    return f"{api_url}/files/{token}/{quote(filename, safe='')}"
