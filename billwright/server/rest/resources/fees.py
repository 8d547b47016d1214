"""``/fees``: what was priced, on invoices and standalone (spec 02 §11)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from billwright.billing.explaining.service import explain_fee
from billwright.billing.explaining.steps import ExplanationOut
from billwright.billing.in_advance import service
from billwright.billing.in_advance.schemas import FeeUpdate
from billwright.billing.invoicing.fee_queries import (
    DATED,
    FEE_TYPES,
    PAYMENT_STATUSES,
    FeeFilters,
    fee_objects,
    find_fee,
    list_fees,
)
from billwright.billing.invoicing.schemas import FeeOut
from billwright.billing.kernel.ids import parse_id
from billwright.billing.kernel.pagination import Page
from billwright.server.rest.envelope import many, one
from billwright.server.rest.filters import PAGES
from billwright.server.rest.operations import Call, Parameter, operation


async def find_all_fees(call: Call) -> Page[FeeOut]:
    query = call.query
    filters = FeeFilters(
        external_customer_id=query.text("external_customer_id"),
        external_subscription_id=query.text("external_subscription_id"),
        currency=query.text("currency"),
        fee_type=query.text("fee_type"),
        billable_metric_code=query.text("billable_metric_code"),
        payment_status=query.text("payment_status"),
        event_transaction_id=query.text("event_transaction_id"),
        since=_bounds(call, "_from"),
        until=_bounds(call, "_to"),
    )
    return await list_fees(call.context, filters, call.page)


def _bounds(call: Call, suffix: str) -> dict[str, datetime]:
    found = {name: call.query.instant(name + suffix) for name in DATED}
    return {name: instant for name, instant in found.items() if instant is not None}


async def find_one_fee(call: Call, lago_id: str) -> FeeOut:
    fee = await find_fee(call.context, parse_id(lago_id) or UUID(int=0))
    return (await fee_objects(call.context, [fee]))[0]


async def explain_one_fee(call: Call, lago_id: str) -> ExplanationOut:
    return await explain_fee(call.context, lago_id)


async def update_fee(call: Call, lago_id: str, inp: FeeUpdate) -> FeeOut:
    fee = await service.update_fee(call.context, parse_id(lago_id) or UUID(int=0), inp)
    return (await fee_objects(call.context, [fee]))[0]


async def patch_fee(call: Call, lago_id: str, inp: FeeUpdate) -> FeeOut:
    return await update_fee(call, lago_id, inp)


async def delete_fee(call: Call, lago_id: str) -> FeeOut:
    fee = await service.delete_fee(call.context, parse_id(lago_id) or UUID(int=0))
    shown = (await fee_objects(call.context, [fee]))[0]
    shown.pop("applied_taxes", None)
    return shown


async def _exists(call: Call, lago_id: str) -> None:
    await find_fee(call.context, parse_id(lago_id) or UUID(int=0))


_UPDATE: Any = {
    "permission": "fee:write",
    "body": FeeUpdate,
    "root": "fee",
    "answer": one("fee", FeeOut),
    "exists": _exists,
    "summary": "Report the payment of a standalone fee",
    "description": "Fees of charges paid in advance that are on no invoice. Any status may follow any other.",
    "example": {"payment_status": "succeeded"},
}

OPERATIONS = [
    operation(
        "GET",
        "/fees",
        permission="fee:read",
        answer=many("fees", FeeOut),
        summary="List fees, oldest first",
        parameters=(
            *PAGES,
            Parameter("external_customer_id"),
            Parameter("external_subscription_id"),
            Parameter("currency", "ISO 4217 code, in any case."),
            Parameter("fee_type", enum=FEE_TYPES),
            Parameter("billable_metric_code"),
            Parameter("payment_status", enum=PAYMENT_STATUSES),
            Parameter("event_transaction_id"),
            *(Parameter(name + suffix, kind="date-time") for name in DATED for suffix in ("_from", "_to")),
        ),
    )(find_all_fees),
    operation("GET", "/fees/{lago_id}", permission="fee:read", answer=one("fee", FeeOut), summary="Show a fee")(
        find_one_fee
    ),
    operation(
        "GET",
        "/fees/{lago_id}/explain",
        permission="fee:read",
        answer=one("explanation", ExplanationOut),
        summary="Explain a fee's amount, step by step",
        description=(
            "Computed from what was stored with the fee. Each step's `formula` applied to its `inputs` gives its "
            "`result`; `matches` is false when the events changed since, and a step `drift` says by how much."
        ),
    )(explain_one_fee),
    operation("PUT", "/fees/{lago_id}", **_UPDATE)(update_fee),
    operation("PATCH", "/fees/{lago_id}", **_UPDATE)(patch_fee),
    operation(
        "DELETE",
        "/fees/{lago_id}",
        permission="fee:write",
        answer=one("fee", FeeOut),
        summary="Delete a standalone fee",
        description="Its event is not billed again.",
    )(delete_fee),
]
