"""Every route of the contract is served, or listed here with the reason why it is not yet. The list only shrinks."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from billwright.server.rest.application import registry
from tests.contract.recorder import complaints
from tests.contract.routes import is_own, routes, schema_of, served_as

DUNNING = "payment requests and providers are not there yet (docs/concepts/not-yet.md)"
NOT_SERVED: dict[str, str] = {
    r"/fixed_charges": "beyond the scope: not served (spec 00, point 29)",
    r"/payment_requests|^\w+ /payment_receipts|/payment_methods|/checkout_url": DUNNING,
}


def test_every_route_is_served_or_listed() -> None:
    served = {served_as(f"{known.method} {known.path}") for known in registry()}
    missing = {route for route in routes() if not route.startswith("webhook ")} - served
    unlisted = [route for route in missing if not any(re.search(known, route) for known in NOT_SERVED)]
    assert sorted(unlisted) == []
    over = [known for known in NOT_SERVED if not any(re.search(known, route) for route in missing)]
    assert over == [], "these are served now: take them off the list"


def test_every_operation_is_the_contract_s_or_our_own() -> None:
    unknown = {served_as(f"{known.method} {known.path}") for known in registry()} - routes().keys()
    assert sorted(route for route in unknown if not is_own(route)) == []


TAX = {
    "lago_id": "1a901a90-1a90-1a90-1a90-1a901a901a90",
    "code": "vat",
    "name": "VAT",
    "rate": 20.0,
    "description": None,
    "applied_to_organization": False,
    "created_at": "2024-01-01T00:00:00Z",
}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"rate": "20.0"}, ["GET /taxes/{code} 200.tax.rate: '20.0' is not number"]),
        ({"code": None}, ["GET /taxes/{code} 200.tax.code: None is not string"]),
        ({"lago_id": "1"}, ["GET /taxes/{code} 200.tax.lago_id: '1' is no uuid"]),
        ({"created_at": "2024-01-01"}, ["GET /taxes/{code} 200.tax.created_at: '2024-01-01' is no date-time"]),
        ({"surprise": 1}, ["GET /taxes/{code} 200.tax.surprise is not in the contract"]),
        ({"plans_count": 0}, []),
    ],
)
def test_the_recorder_sees(changes: dict[str, Any], expected: list[str]) -> None:
    """The recorder can complain, or it would be worth nothing."""
    body = json.dumps({"tax": {**TAX, **changes}}).encode()
    assert complaints("GET /taxes/{code}", 200, body) == expected


def test_the_recorder_sees_what_is_missing() -> None:
    assert complaints("GET /taxes/{code}", 200, b"{}") == ["GET /taxes/{code} 200.tax is missing"]
    assert complaints("GET /taxes/{code}", 200, b"") == ["GET /taxes/{code} 200: a body is missing"]
    assert complaints("GET /taxes/{code}", 404, b'{"status":404,"error":"Not Found"}') == [
        "GET /taxes/{code} 404.code is missing"
    ]
    assert complaints("GET /nothing", 200, b"{}") == ["GET /nothing 200: the contract has no such answer"]
    assert schema_of("GET /taxes/{code}", 422) == {"$ref": "ApiErrorUnprocessableEntity"}
