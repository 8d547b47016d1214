"""What the official client can do, by introspection, and a client that notes what it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from lago_python_client.base_client import BaseClient
from lago_python_client.client import Client
from lago_python_client.exceptions import LagoApiError
from lago_python_client.functools_ext import Proxy

HELPERS = frozenset({"api_resource"})
"""Public methods of the client's classes that send nothing."""


def methods(client: Any, prefix: str = "") -> Iterator[str]:
    """``taxes.create``, ``customers.wallets.metadata.replace``: everything that sends a request."""
    for name in sorted(dir(type(client))):
        if name.startswith("_") or name.isupper() or name in HELPERS:
            continue
        value = getattr(client, name)
        if isinstance(value, Proxy):
            yield from methods(value._obj, f"{prefix}{name}.")
        elif callable(value):
            yield f"{prefix}{name}"


class Noting:
    """The client, or a part of it. A method that returns is ``done``; one that must fail is called with ``refused``."""

    def __init__(self, target: Any, done: set[str], prefix: str = "") -> None:
        self._target, self._done, self._prefix = target, done, prefix

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._target, name)
        if isinstance(value, Proxy | BaseClient):
            return Noting(getattr(value, "_obj", value), self._done, f"{self._prefix}{name}.")
        if not callable(value):
            return value

        def call(*arguments: Any, **more: Any) -> Any:
            answer = value(*arguments, **more)
            self._done.add(f"{self._prefix}{name}")
            return answer

        return call


def refused(client: Client, name: str, *arguments: Any) -> dict[str, Any]:
    """The JSON of the error that the method gets."""
    found: Any = client
    for part in name.split("."):
        found = getattr(found, part)
    with pytest.raises(LagoApiError) as failure:
        found(*arguments)
    answer = failure.value.response
    assert isinstance(answer, dict), (name, failure.value)
    return answer
