"""Query filters that several lists share."""

from __future__ import annotations

from billwright.billing.access.naming import billing_entity_code
from billwright.billing.kernel.errors import NotFound
from billwright.billing.subscriptions.queries import STATUSES
from billwright.server.rest.operations import Call, Parameter

PAGES = (
    Parameter("page", "Page from 1.", "integer"),
    Parameter("per_page", "Objects on a page: 100 by default, at most 1,000.", "integer"),
)
BILLING_ENTITIES = Parameter("billing_entity_codes", "Codes of billing entities; there is one.", "array")
SUBSCRIPTION_STATUS = Parameter(
    "subscription_status", "Which subscription of this external id; `active` by default.", enum=STATUSES
)


def subscription_status(call: Call) -> str:
    """``subscription_status``, by which paths below a subscription choose among those with its external id."""
    return call.query.text("subscription_status") or "active"


def check_billing_entities(call: Call) -> None:
    """``billing_entity_codes[]`` may only name the one entity. Raises ``NotFound("billing_entity")``."""
    codes = call.query.texts("billing_entity_codes")
    known = billing_entity_code(call.organization)
    if codes is not None and any(code != known for code in codes):
        raise NotFound("billing_entity")
