"""Which mistake is told first (spec 07 §1.1): the body's form, then what the address names, then what the body says."""

from __future__ import annotations

import re
from typing import Any

from billwright.server.rest.application import registry
from billwright.server.rest.operations import Operation
from tests.server.rest.client import RestClient

UNKNOWN = "018e4b1c-7a2f-7c77-9d1e-3f5a6b7c8d90"
NONSENSE = [[{"x": 1}]]


def _changes() -> list[Operation]:
    found = [known for known in registry() if known.method != "GET" and known.template.parameters]
    assert len(found) > 60
    return found


def _address(known: Operation) -> str:
    return re.sub(r"\{\w+\}", UNKNOWN, known.template.openapi_path.lstrip("/"))


def _nonsense(known: Operation) -> Any:
    """A body of the right form in which every value is wrong."""
    if known.body_mode == "list":
        return {known.root: [{"x": 1}]}
    values = dict.fromkeys(known.example or {}, NONSENSE)
    return {known.root: values} if known.root else values


async def test_07_1_1_unreadable_bodies_before_unknown_objects(rest: RestClient) -> None:
    for known in _changes():
        if known.takes_body:
            answer = await rest.request(known.method, _address(known), b"{")
            assert answer.status_code == 400, (known.method, known.path, answer.text)


async def test_07_1_1_unknown_objects_before_wrong_values(rest: RestClient) -> None:
    unknown = await rest.delete(f"subscriptions/{UNKNOWN}?on_termination_credit_note=nonsense")
    assert unknown.status_code == 404
    for known in _changes():
        body = _nonsense(known) if known.takes_body else None
        answer = await rest.request(known.method, _address(known), body)
        assert answer.status_code == 404, (known.method, known.path, answer.text)
        assert answer.json()["code"].endswith("_not_found"), (known.method, known.path, answer.text)
