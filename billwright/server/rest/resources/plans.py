"""``/plans`` and their metadata (spec 03 §2). What is below ``/charges`` is in ``charges.py``."""

from __future__ import annotations

from typing_extensions import TypedDict

from billwright.billing.catalog import plan_deletion, plan_metadata, plans, queries
from billwright.billing.catalog.queries import PlanFilters
from billwright.billing.catalog.schemas import PlanInput, PlanMetadataInput, PlanOut, plan_object
from billwright.billing.kernel.pagination import Page
from billwright.server.rest.envelope import bare, many, one, presented
from billwright.server.rest.operations import Call, operation


class MetadataOut(TypedDict):
    """Metadata of a plan: text -> text or null; null when there is none."""

    metadata: dict[str, str | None] | None


async def create_plan(call: Call, inp: PlanInput) -> PlanOut:
    return plan_object(await plans.create_plan(call.context, inp))


async def find_all_plans(call: Call) -> Page[PlanOut]:
    return presented(await queries.list_plans(call.context, PlanFilters(), call.page), plan_object)


async def find_plan(call: Call, code: str) -> PlanOut:
    plan = await queries.find_plan(call.context, code)
    return plan_object((await queries.plan_views(call.context, [plan]))[0])


async def update_plan(call: Call, code: str, inp: PlanInput) -> PlanOut:
    return plan_object(await plans.update_plan(call.context, code, inp))


async def destroy_plan(call: Call, code: str) -> PlanOut:
    return plan_object(await plan_deletion.delete_plan(call.context, code))


async def replace_plan_metadata(call: Call, code: str, inp: PlanMetadataInput) -> MetadataOut:
    return {"metadata": await plan_metadata.replace_plan_metadata(call.context, code, inp.metadata)}


async def merge_plan_metadata(call: Call, code: str, inp: PlanMetadataInput) -> MetadataOut:
    return {"metadata": await plan_metadata.merge_plan_metadata(call.context, code, inp.metadata)}


async def delete_all_plan_metadata(call: Call, code: str) -> MetadataOut:
    return {"metadata": await plan_metadata.replace_plan_metadata(call.context, code, None)}


async def delete_plan_metadata_key(call: Call, code: str, key: str) -> MetadataOut:
    return {"metadata": await plan_metadata.delete_plan_metadata_key(call.context, code, key)}


async def _exists(call: Call, code: str) -> None:
    await queries.find_plan(call.context, code)


_ONE = one("plan", PlanOut)
_METADATA = bare(MetadataOut)
_METADATA_EXAMPLE = {"metadata": {"segment": "enterprise"}}

OPERATIONS = [
    operation(
        "POST",
        "/plans",
        permission="plan:write",
        body=PlanInput,
        root="plan",
        answer=_ONE,
        summary="Create a plan with its charges",
        description="Amounts are in minor units of the plan's currency.",
        example={
            "name": "Startup",
            "code": "startup",
            "interval": "monthly",
            "amount_cents": 10000,
            "amount_currency": "USD",
            "pay_in_advance": True,
            "trial_period": 5,
            "tax_codes": ["french_standard_vat"],
            "charges": [
                {
                    "billable_metric_id": "1a901a90-1a90-1a90-1a90-1a901a901a90",
                    "charge_model": "standard",
                    "properties": {"amount": "0.12"},
                    "filters": [
                        {
                            "invoice_display_name": "Europe",
                            "properties": {"amount": "0.10"},
                            "values": {"region": ["europe"]},
                        }
                    ],
                }
            ],
        },
    )(create_plan),
    operation(
        "GET", "/plans", permission="plan:read", answer=many("plans", PlanOut), summary="List plans, newest first"
    )(find_all_plans),
    operation("GET", "/plans/{code}", permission="plan:read", answer=_ONE, summary="Show a plan")(find_plan),
    operation(
        "PUT",
        "/plans/{code}",
        permission="plan:write",
        body=PlanInput,
        root="plan",
        answer=_ONE,
        exists=_exists,
        summary="Change a plan",
        description=(
            "Charges, when sent, are the full list. Once a subscription is on the plan only name, display name, "
            "description, amount, taxes, metadata and charges change; other keys are ignored."
        ),
        example={"name": "Startup", "amount_cents": 12000},
    )(update_plan),
    operation(
        "DELETE",
        "/plans/{code}",
        permission="plan:write",
        answer=_ONE,
        summary="Delete a plan",
        description="Its subscriptions are terminated and its draft invoices finalized in the background.",
    )(destroy_plan),
    operation(
        "POST",
        "/plans/{code}/metadata",
        permission="plan:write",
        body=PlanMetadataInput,
        answer=_METADATA,
        exists=_exists,
        summary="Replace a plan's metadata",
        example=_METADATA_EXAMPLE,
    )(replace_plan_metadata),
    operation(
        "PATCH",
        "/plans/{code}/metadata",
        permission="plan:write",
        body=PlanMetadataInput,
        answer=_METADATA,
        exists=_exists,
        summary="Set keys of a plan's metadata",
        example=_METADATA_EXAMPLE,
    )(merge_plan_metadata),
    operation(
        "DELETE",
        "/plans/{code}/metadata",
        permission="plan:write",
        answer=_METADATA,
        summary="Remove a plan's metadata",
    )(delete_all_plan_metadata),
    operation(
        "DELETE",
        "/plans/{code}/metadata/{key}",
        permission="plan:write",
        answer=_METADATA,
        summary="Remove one key of a plan's metadata",
    )(delete_plan_metadata_key),
]
