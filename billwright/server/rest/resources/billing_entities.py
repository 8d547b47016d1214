"""``/billing_entities``: the settings of the key's own organization as its one billing entity (spec 07 §9.6)."""

from __future__ import annotations

from typing import Any

from billwright.billing.access.entity_schemas import (
    BillingEntityCreate,
    BillingEntityOut,
    BillingEntityUpdate,
    billing_entity_object,
)
from billwright.billing.access.naming import billing_entity_code
from billwright.billing.invoicing.settings_changes import change_billing_entity
from billwright.billing.kernel.errors import Forbidden, NotFound
from billwright.billing.portal.links import logo_url
from billwright.billing.taxes.queries import default_tax_objects
from billwright.billing.taxes.schemas import TaxOut
from billwright.server.rest.envelope import listing, one
from billwright.server.rest.operations import Call, operation


class BillingEntityWithTaxes(BillingEntityOut):
    """A billing entity with its default taxes."""

    taxes: list[TaxOut]
    selected_invoice_custom_sections: list[Any]


def _entity(call: Call) -> BillingEntityOut:
    ctx = call.context
    shown = billing_entity_object(ctx.organization)
    shown["logo_url"] = logo_url(ctx.app_url, ctx.organization_id, ctx.organization.logo)
    return shown


async def _answer(call: Call) -> BillingEntityWithTaxes:
    return {
        **_entity(call),
        "taxes": await default_tax_objects(call.context),
        "selected_invoice_custom_sections": [],
    }


async def _exists(call: Call, code: str) -> None:
    if code != billing_entity_code(call.organization):
        raise NotFound("billing_entity")


async def list_billing_entities(call: Call) -> list[BillingEntityOut]:
    return [_entity(call)]


async def get_billing_entity(call: Call, code: str) -> BillingEntityWithTaxes:
    await _exists(call, code)
    return await _answer(call)


async def create_billing_entity(call: Call, inp: BillingEntityCreate) -> BillingEntityOut:
    """Organizations have one entity."""
    raise Forbidden("feature_unavailable")


async def update_billing_entity(call: Call, code: str, inp: BillingEntityUpdate) -> BillingEntityWithTaxes:
    await _exists(call, code)
    await change_billing_entity(call.context, inp)
    call.organization = call.context.organization
    return await _answer(call)


_ONE = one("billing_entity", BillingEntityWithTaxes)

OPERATIONS = [
    operation(
        "GET",
        "/billing_entities",
        permission="billing_entity:read",
        answer=listing("billing_entities", BillingEntityOut),
        summary="List billing entities",
        description="There is one: your organization's own settings.",
    )(list_billing_entities),
    operation(
        "GET",
        "/billing_entities/{code}",
        permission="billing_entity:read",
        answer=_ONE,
        summary="Show a billing entity",
    )(get_billing_entity),
    operation(
        "POST",
        "/billing_entities",
        permission="billing_entity:write",
        body=BillingEntityCreate,
        root="billing_entity",
        answer=one("billing_entity", BillingEntityOut),
        summary="Make a further billing entity",
        description="Not possible yet: 403 `feature_unavailable`.",
        example={"code": "acme_france", "name": "ACME France"},
    )(create_billing_entity),
    operation(
        "PUT",
        "/billing_entities/{code}",
        permission="billing_entity:write",
        body=BillingEntityUpdate,
        answer=_ONE,
        exists=_exists,
        summary="Change a billing entity's settings",
        description=(
            "Only the attributes sent change; null clears those that may be null. The code stays; the name is "
            "your organization's as well. `logo` is a data "
            "URI of a PNG or JPEG of at most 800 KB. `tax_codes` replaces the default taxes. `eu_tax_management` needs "
            "a country in the EU, which may be sent along. The body may also stand below `billing_entity`."
        ),
        example={"country": "FR", "eu_tax_management": True, "billing_configuration": {"invoice_grace_period": 3}},
    )(update_billing_entity),
]
