"""``"49.00"`` is nowhere read as 49 minor units (spec 07 §1.2: integers, or texts of integers)."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from billwright.billing.kernel.errors import ValidationFailed
from billwright.server.rest.application import registry
from tests.server.rest.client import RestClient

DECIMALS = ("precise_total_amount_cents",)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of all amounts in minor units in an example."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in entries:
        if isinstance(name, str) and name.endswith("_cents") and name not in DECIMALS:
            yield (*path, name)
        yield from places(item, (*path, name))


def understood(body: Any, sent: Any) -> bool:
    try:
        body.parse(sent)
    except ValidationFailed:
        return False
    return True


WALK = [
    pytest.param(known, place, id=f"{known.method} {known.path} {'.'.join(map(str, place))}")
    for known in registry()
    if known.body is not None and known.body_mode == "object" and isinstance(known.example, dict)
    for place in places(known.example)
]


@pytest.mark.parametrize(("known", "place"), WALK)
async def test_07_1_2_text_with_decimals(known: Any, place: tuple[Any, ...], rest: RestClient) -> None:
    """Where the input's own types do not see it, the service does."""
    sent = copy.deepcopy(known.example)
    inner = sent
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = "49.00"
    if not understood(known.body, sent):
        return
    path = known.template.openapi_path.lstrip("/").replace("{", "").replace("}", "")
    answer = await rest.request(known.method, path, {known.root: sent} if known.root else sent)
    assert answer.status_code in (404, 422), answer.text


async def test_plans(rest: RestClient) -> None:
    plan = {"name": "P", "code": "p", "interval": "monthly", "amount_currency": "EUR", "pay_in_advance": False}
    refused = await rest.post("plans", {"plan": {**plan, "amount_cents": "49.00"}})
    assert (refused.status_code, refused.json()["error_details"]) == (422, {"amount_cents": ["value_is_invalid"]})
    made = await rest.post("plans", {"plan": {**plan, "amount_cents": "4900"}})
    assert made.json()["plan"]["amount_cents"] == 4900
    for more in ({"minimum_commitment": {"amount_cents": "49.00"}}, {"usage_thresholds": [{"amount_cents": "49.00"}]}):
        assert (await rest.put("plans/p", {"plan": more})).status_code == 422


async def test_what_services_read(rest: RestClient) -> None:
    """Amounts in lists that the services check themselves."""
    await rest.post("customers", {"customer": {"external_id": "c", "currency": "EUR"}})
    await rest.post("add_ons", {"add_on": {"name": "A", "code": "a", "amount_cents": 100, "amount_currency": "EUR"}})
    sale = {
        "external_customer_id": "c",
        "currency": "EUR",
        "fees": [{"add_on_code": "a", "unit_amount_cents": "49.00"}],
    }
    assert (await rest.post("invoices", {"invoice": sale})).status_code == 422
    sale["fees"] = [{"add_on_code": "a", "unit_amount_cents": "4900"}]
    sold = (await rest.post("invoices", {"invoice": sale})).json()["invoice"]
    assert sold["total_amount_cents"] == 4900
    paid = {"invoice_id": sold["lago_id"], "amount_cents": "49.00", "reference": "r"}
    refused = await rest.post("payments", {"payment": paid})
    assert (refused.status_code, refused.json()["error_details"]) == (422, {"amount_cents": ["invalid_value"]})
    entry = {"fee_id": sold["fees"][0]["lago_id"], "amount_cents": "49.00"}
    estimate = {"invoice_id": sold["lago_id"], "items": [entry]}
    refused = await rest.post("credit_notes/estimate", {"credit_note": estimate})
    assert (refused.status_code, refused.json()["error_details"]) == (422, {"amount_cents": ["invalid_value"]})
    charge = {"billable_metric_id": "x", "charge_model": "standard", "min_amount_cents": "49.00"}
    assert (await rest.post("plans/p/charges", {"charge": charge})).status_code in (404, 422)
