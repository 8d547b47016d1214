"""The contract's routes and webhooks, and how the product's operations map onto them."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

ROUTES = Path(__file__).with_name("rest_routes.json")
SAME_AS = {
    "GET /organizations": "PUT /organizations",
    "PATCH /fees/{}": "PUT /fees/{}",
    "PUT /invoices/{}/lose_dispute": "POST /invoices/{}/lose_dispute",
    "POST /invoices/{}/download_pdf": "POST /invoices/{}/download",
    "POST /credit_notes/{}/download_pdf": "POST /credit_notes/{}/download",
}
"""Operations beyond the contract's list that answer with an object of the contract (spec 07 §1.7 and older clients)."""
ENVELOPES = {
    "GET /payments/{}": "payment",
    "GET /payment_requests/{}": "payment_request",
    "GET /wallet_transactions/{}": "wallet_transaction",
    "POST /billing_entities": "billing_entity",
    "PUT /billing_entities/{}": "billing_entity",
}
"""Answers that the contract shows bare and the official client reads below their root, as all others (spec 07 §1.1)."""
OWN = {
    r" /test_clock$": "sandbox clocks are our own (spec 09 §1)",
    r"^POST /(invoices|credit_notes)/\{\}/resend_email$": "e-mails sent again (spec 04 §22)",
    r"/explain$": "explanations are our own (spec 09 §2)",
}
"""Operations that the contract has nothing like."""
ERRORS = {
    400: "ApiErrorBadRequest",
    401: "ApiErrorUnauthorized",
    403: "ApiErrorForbidden",
    404: "ApiErrorNotFound",
    405: "ApiErrorNotAllowed",
    422: "ApiErrorUnprocessableEntity",
}


def erased(route: str) -> str:
    """``GET /taxes/{code:path}`` as ``GET /taxes/{}``: names of parameters differ between contract and product."""
    return re.sub(r"\{[^}]*\}", "{}", route)


@cache
def routes() -> dict[str, dict[str, Any]]:
    """``{"GET /taxes/{}": {"200": schema or None}}``, webhooks as ``webhook tax.created``."""
    return {erased(route): answers for route, answers in json.loads(ROUTES.read_text()).items()}


def served_as(operation: str) -> str:
    """The contract's route of an operation of the registry."""
    route = erased(operation)
    return SAME_AS.get(route, route)


def is_own(operation: str) -> bool:
    return any(re.search(known, erased(operation)) for known in OWN)


def schema_of(operation: str, status: int) -> dict[str, Any] | None:
    """The schema of an answer, ``None`` for one without a body; ``KeyError`` when the contract has no such answer.

    An error has the form of its status, whether the contract lists that status for the route or not; statuses that the
    contract does not have at all (413, 429) look like a 401.
    """
    if status >= 400:
        return {"$ref": ERRORS.get(status, "ApiErrorUnauthorized")}
    route = served_as(operation)
    schema = routes()[route][str(status)]
    root = ENVELOPES.get(route)
    return {"type": "object", "required": [root], "properties": {root: schema}} if root else schema
