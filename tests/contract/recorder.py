"""Holds every answer that a test gets, and every webhook that it sends, against the contract.

``tests/conftest.py`` takes the fixture ``contract_is_kept``: a test during which an answer was not what the contract's
types say ends in an error that names the answer. API processes that tests start import this module too and write what
they find into the file that the variable ``BILLWRIGHT_CONTRACT_REPORT`` names; ``tests/live/server.py`` reads it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from billwright.integrations.webhooks import HttpWebhookSender
from billwright.server.rest.application import RestEndpoint
from tests.contract.allowed import DECIDED, OUR_KEYS
from tests.contract.routes import erased, is_own, routes, schema_of
from tests.server.rest.contract import foreign_keys, keys_of, problems_of

REPORT = "BILLWRIGHT_CONTRACT_REPORT"
_found: list[str] = []
_watched: list[bool] = []
"""Not empty while a test takes ``contract_is_kept``; others in the same process do not pay for it."""
answered: set[tuple[str, int]] = set()
"""``(operation, status)`` of every answer of this process."""
shown: set[tuple[str, str]] = set()
"""``(schema, key)`` of everything in them."""


def complaints(operation: str, status: int, body: bytes) -> list[str]:
    """What is wrong with an answer."""
    where = f"{operation} {status}"
    if status >= 500 or (is_own(operation) and status < 300):
        return []
    try:
        schema = schema_of(operation, status)
    except KeyError:
        return [f"{where}: the contract has no such answer"]
    if schema is None:
        return [f"{where}: the contract has no body"] if body else []
    if not body:
        return [] if erased(operation).endswith(("/download", "/download_pdf")) else [f"{where}: a body is missing"]
    if schema == {"type": "string"}:
        return []
    return _wrong(where, schema, json.loads(body))


def webhook_complaints(body: bytes) -> list[str]:
    """What is wrong with a webhook's body."""
    sent = json.loads(body)
    where = f"webhook {sent.get('webhook_type')}"
    if where not in routes():
        return (
            [] if any(re.search(known, where) for known in DECIDED) else [f"{where}: the contract has no such webhook"]
        )
    return _wrong(where, routes()[where]["body"], sent)


def _wrong(where: str, schema: dict[str, Any], value: Any) -> list[str]:
    shown.update(keys_of(schema, value))
    found = [f"{where}{one}" for one in problems_of(schema, value)]
    for path in dict.fromkeys(foreign_keys(schema, value)):
        if not any(re.search(allowed, path) for allowed in OUR_KEYS):
            found.append(f"{where}{path} is not in the contract")
    return _undecided(found)


def _undecided(found: list[str]) -> list[str]:
    return [one for one in found if not any(re.search(known, one) for known in DECIDED)]


def install() -> None:
    """Begin to check; once per process."""
    answer, post = RestEndpoint.answer, HttpWebhookSender.post

    async def checked_answer(self: RestEndpoint, request: Request) -> Response:
        response = await answer(self, request)
        if not _is_watched():
            return response
        operation = request.scope.get("rest_operation", f"{request.method} nothing")
        _note_answered(operation, response.status_code)
        _note(complaints(operation, response.status_code, bytes(response.body)))
        return response

    async def checked_post(self: HttpWebhookSender, url: str, headers: Any, body: bytes) -> Any:
        if _is_watched():
            _note(webhook_complaints(body))
        return await post(self, url, headers, body)

    RestEndpoint.answer = checked_answer  # type: ignore[method-assign]
    HttpWebhookSender.post = checked_post  # type: ignore[method-assign]


def _is_watched() -> bool:
    return bool(_watched) or REPORT in os.environ


def _note_answered(operation: str, status: int) -> None:
    report = os.environ.get(REPORT)
    if report and (operation, status) not in answered:
        with Path(f"{report}.answered").open("a") as file:
            file.write(f"{status} {operation}\n")
    answered.add((operation, status))


def _note(found: list[str]) -> None:
    _found.extend(found)
    report = os.environ.get(REPORT)
    if report and found:
        with Path(report).open("a") as file:
            file.write("".join(f"{line}\n" for line in found))


install()


@pytest.fixture(autouse=True)
def contract_is_kept() -> Iterator[None]:
    """Every answer of this test's in-process servers has the contract's form."""
    _found.clear()
    _watched.append(True)
    yield
    _watched.pop()
    assert_kept(_found)


def assert_kept(found: list[str]) -> None:
    lines = list(dict.fromkeys(found))
    assert not lines, "answers that are not the contract's:\n" + "\n".join(lines[:30])
