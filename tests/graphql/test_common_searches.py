"""Searches whose customers are too many to be named one by one find what the others find (spec 07 §7.4)."""

from __future__ import annotations

import pytest

from billwright.billing.customers import searching
from billwright.billing.kernel import pagination
from billwright.billing.payments import queries as payment_queries
from tests.graphql.support import World
from tests.ui.support import company

LISTS = ("invoices", "subscriptions", "payments", "creditNotes")


async def found(world: World, name: str, term: str) -> list[str]:
    query = f"query($term: String) {{ {name}(searchTerm: $term) {{ collection {{ id }} metadata {{ totalCount }} }} }}"
    page = (await world.data(query, term=term))[name]
    ids = [item["id"] for item in page["collection"]]
    assert page["metadata"]["totalCount"] == len(ids)
    return ids


async def test_however_many_customers_match(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await company(world, 3)
    terms = ("customer c", "CUSTOMER C1", "nobody")
    few = {(name, term): await found(world, name, term) for name in LISTS for term in terms}
    for module in (searching, payment_queries):
        monkeypatch.setattr(module, "NAMED", 0)
    for rows in (10_000, 1):
        monkeypatch.setattr(pagination, "BEGINNING", rows)
        assert {(name, term): await found(world, name, term) for name in LISTS for term in terms} == few
    for name in ("invoices", "subscriptions"):
        assert len(few[name, "customer c"]) > len(few[name, "CUSTOMER C1"]) > 0 == len(few[name, "nobody"])
