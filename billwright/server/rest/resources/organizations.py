"""``/organizations``: the settings of the key's own organization (spec 04 §24)."""

from __future__ import annotations

from billwright.billing.access.schemas import OrganizationOut, OrganizationUpdate, organization_object
from billwright.billing.invoicing.settings_changes import change_settings
from billwright.billing.notifications.endpoints import webhook_urls
from billwright.billing.taxes.queries import default_tax_objects
from billwright.billing.taxes.schemas import TaxOut
from billwright.server.rest.envelope import one
from billwright.server.rest.operations import Call, operation


class OrganizationWithTaxes(OrganizationOut):
    """An organization with its settings and default taxes."""

    taxes: list[TaxOut]


async def _answer(call: Call) -> OrganizationWithTaxes:
    ctx = call.context
    urls = await webhook_urls(ctx)
    return {**organization_object(ctx.organization, urls), "taxes": await default_tax_objects(ctx)}


async def find_organization(call: Call) -> OrganizationWithTaxes:
    return await _answer(call)


async def change_organization(call: Call, inp: OrganizationUpdate) -> OrganizationWithTaxes:
    await change_settings(call.context, inp)
    return await _answer(call)


OPERATIONS = [
    operation(
        "GET",
        "/organizations",
        permission="organization:read",
        answer=one("organization", OrganizationWithTaxes),
        summary="Show your organization",
    )(find_organization),
    operation(
        "PUT",
        "/organizations",
        permission="organization:write",
        body=OrganizationUpdate,
        root="organization",
        answer=one("organization", OrganizationWithTaxes),
        summary="Change your organization's settings",
        description=(
            "Only the attributes sent change; null clears those that may be null. `webhook_url` is the address of the "
            "oldest webhook endpoint."
        ),
        example={
            "legal_name": "Hooli Inc.",
            "country": "US",
            "timezone": "America/Los_Angeles",
            "net_payment_term": 30,
            "billing_configuration": {"invoice_grace_period": 3, "document_locale": "en"},
        },
    )(change_organization),
]
