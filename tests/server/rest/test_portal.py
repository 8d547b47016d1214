"""``GET /customers/{external_id}/portal_url`` (spec 07 §1.1, §5.1)."""

from __future__ import annotations

from types import SimpleNamespace
from uuid import UUID

from billwright.billing.portal.links import PortalLinks
from tests.server.rest.client import RestClient

LINKS = PortalLinks("a secret of forty characters, at the least", "https://billing.example.com")


async def test_each_call_makes_a_link(rest: RestClient) -> None:
    rest.app.state.settings = SimpleNamespace(portal_links=LINKS)
    made = await rest.post("customers", {"customer": {"external_id": "a.b/c"}})
    answer = await rest.get("customers/a.b%2Fc/portal_url")
    assert answer.status_code == 200
    [(key, body)] = answer.json().items()
    assert (key, list(body)) == ("customer", ["portal_url"])
    head, _, token = body["portal_url"].rpartition("/")
    assert head == "https://billing.example.com/customer-portal"
    found = LINKS.read(token)
    assert found is not None
    assert found.customer_id == UUID(made.json()["customer"]["lago_id"])


async def test_an_unknown_customer(rest: RestClient) -> None:
    answer = await rest.get("customers/nobody/portal_url")
    assert (answer.status_code, answer.json()["code"]) == (404, "customer_not_found")
