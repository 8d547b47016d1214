"""What spec 07 §1 asks of every list: pages, dates, booleans, and bodies that the official client can read."""

from __future__ import annotations

from typing import Any

from billwright.server.rest.application import registry
from billwright.server.rest.operations import Operation
from tests.server.rest.client import RestClient, validation

EMPTY = {"current_page": 0, "next_page": None, "prev_page": None, "total_pages": 0, "total_count": 0}
FILLED = frozenset({"activity_logs", "billing_entities"})
"""Lists that are never empty."""


def lists(kind: str = "many") -> list[Operation]:
    """Lists at the root of the API: the others ask for an object first."""
    return [known for known in registry() if known.answer.kind == kind and not known.template.parameters]


def _query(known: Operation) -> str:
    return "&".join(f"{item.name}={item.enum[0] if item.enum else 'EUR'}" for item in known.parameters if item.required)


async def _ask(rest: RestClient, known: Operation, query: str) -> Any:
    answer = await rest.get(f"{known.path.lstrip('/')}?{_query(known)}&{query}")
    return answer.status_code, answer.json()


async def test_07_1_3_unusable_pages_are_the_first(rest: RestClient) -> None:
    asked = [known for known in lists() if known.method == "GET"]
    assert len(asked) > 15
    for known in asked:
        for query in ("", "page=0&per_page=0", "page=x&per_page=x", "page=-1&per_page=-5", "page=1&per_page=100000"):
            status, body = await _ask(rest, known, query)
            assert status == 200, (known.path, query, body)
            assert list(body) == [known.answer.root, "meta"], known.path
            assert isinstance(body[known.answer.root], list), "the client wants arrays and objects alone"
            assert list(body["meta"]) == list(EMPTY), known.path
            if known.answer.root not in FILLED:
                assert body["meta"] == EMPTY, (known.path, query)
        if known.answer.root not in FILLED:
            status, body = await _ask(rest, known, "page=7")
            assert body["meta"] == EMPTY, known.path


async def test_07_1_2_unparsable_dates_are_told_everywhere(rest: RestClient) -> None:
    asked = 0
    for known in [*lists(), *lists("listing")]:
        for item in known.parameters if known.method == "GET" else ():
            if item.kind in ("date", "date-time"):
                asked += 1
                for value in ("yesterday", "2024-02-30", "2024-13-01T00:00:00Z"):
                    answer = await _ask(rest, known, f"{item.name}={value}")
                    assert answer == (422, validation(**{item.name: "invalid_date"})), (known.path, item.name, value)
    assert asked > 10


async def test_07_1_1_what_is_no_boolean_and_what_nobody_knows_counts_as_absent(rest: RestClient) -> None:
    asked = 0
    for known in [*lists(), *lists("listing")]:
        if known.method != "GET":
            continue
        plain = await _ask(rest, known, "")
        assert await _ask(rest, known, "nobody_knows=1&nobody[knows]=2&nobody_knows[]=3") == plain, known.path
        for item in known.parameters:
            if item.kind == "boolean":
                asked += 1
                assert await _ask(rest, known, f"{item.name}=perhaps") == plain, (known.path, item.name)
    assert asked > 3
