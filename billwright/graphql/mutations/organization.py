"""Settings of the organization; each attribute needs its own permission (spec 07 §6.2)."""

from __future__ import annotations

from typing import Annotated, Any, Final

import strawberry

from billwright.billing.access.authentication import change_authentication_methods
from billwright.billing.access.entity_schemas import (
    ISSUING_DATES,
    AdministeredOrganizationUpdate,
    BillingEntityUpdate,
)
from billwright.billing.access.okta import connection_of
from billwright.billing.access.permissions import require_permission
from billwright.billing.access.service import rename, rename_slug
from billwright.billing.invoicing.settings_changes import change_billing_entity, change_settings
from billwright.graphql.mutations.inputs import CLIENT_MUTATION_ID, i, m, sent
from billwright.graphql.permissions import HasPermission, IsMember
from billwright.graphql.queries.billing_entities import found_entity
from billwright.graphql.types.access import Organization
from billwright.graphql.types.billing_entities import BillingEntity
from billwright.graphql.types.common import Inf, shown


@strawberry.input(description="Settings of documents and drafts.")
class OrganizationBillingConfigurationInput:
    invoice_footer: str | None = i("Text at the foot of invoices, at most 600 characters.")
    invoice_grace_period: int | None = i("Days for which invoices stay drafts.")
    document_locale: str | None = i("Language of documents.")
    subscription_invoice_issuing_date_anchor: str | None = i(
        "Day that invoices of subscriptions carry: current_period_end or next_period_start."
    )
    subscription_invoice_issuing_date_adjustment: str | None = i(
        "What a grace period does to it: keep_anchor or align_with_finalization_date."
    )


@strawberry.input
class _SellerAttributes:
    name: str | None = i("Name.")
    legal_name: str | None = i("Legal name.")
    legal_number: str | None = i("Registration number.")
    tax_identification_number: str | None = i("Tax id.")
    email: str | None = i("E-mail address.")
    address_line1: str | None = i("First line of the address.")
    address_line2: str | None = i("Second line of the address.")
    zipcode: str | None = i("Postal code.")
    city: str | None = i("City.")
    state: str | None = i("State or province.")
    country: str | None = i("Country (ISO 3166 alpha-2).")
    timezone: str | None = i("Time zone.")
    default_currency: str | None = i("Currency of new objects (ISO 4217).")
    net_payment_term: int | None = i("Days until an invoice is due.")
    document_number_prefix: str | None = i("Beginning of every number, at most ten characters.")
    finalize_zero_amount_invoice: bool | None = i("Whether empty invoices are issued.")
    billing_configuration: OrganizationBillingConfigurationInput | None = i("Settings of documents and drafts.")
    email_settings: list[str] | None = i("Which e-mails are sent.")
    logo: str | None = i("Data URI of a PNG or JPEG of at most 800 KB; null removes the logo.")
    eu_tax_management: bool | None = i("Whether taxes of customers in the European Union are chosen automatically.")


@strawberry.input(description="Changes of the organization's settings.")
class UpdateOrganizationInput(_SellerAttributes):
    slug: str | None = i("Name in addresses of the back office: 3 to 40 of a-z, 0-9 and -.")
    document_numbering: str | None = i("per_customer or per_organization.")
    authentication_methods: list[str] | None = i("How members may sign in: email_password, google_oauth, okta.")
    webhook_url: str | None = i("URL of the oldest webhook endpoint.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Changes of the settings of a billing entity.")
class UpdateBillingEntityInput(_SellerAttributes):
    code: str = m("Code of the billing entity.")
    document_numbering: str | None = i("per_customer or per_billing_entity.")
    tax_codes: list[str] | None = i("Codes of the default taxes, all of them.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


_GENERAL: Final = "organization:update"
NEEDS: Final[dict[str, str]] = {
    "net_payment_term": "organization:invoices:update",
    "document_numbering": "organization:invoices:update",
    "document_number_prefix": "organization:invoices:update",
    "finalize_zero_amount_invoice": "organization:invoices:update",
    "billing_configuration": "organization:invoices:update",
    "default_currency": "organization:invoices:update",
    "email_settings": "organization:emails:update",
    "eu_tax_management": "organization:taxes:update",
    "tax_codes": "organization:taxes:update",
    "authentication_methods": "authentication_methods:update",
    "webhook_url": "developers:manage",
}
"""What an attribute needs; the others need ``organization:update``."""

OWN: Final = ("name", "slug", "authentication_methods")
"""What is changed by use cases of their own."""

Changes = Annotated[UpdateOrganizationInput, strawberry.argument(description="Attributes to change.")]
EntityChanges = Annotated[UpdateBillingEntityInput, strawberry.argument(description="Attributes to change.")]


async def _permitted(info: Inf, given: dict[str, Any], general: str) -> None:
    """Each attribute asks for the permission of its kind, the others for ``general``."""
    principal = await info.context.principal()
    for name in given:
        require_permission(principal.permissions, NEEDS.get(name, general))


@strawberry.type
class OrganizationMutations:
    @strawberry.mutation(
        description="Change settings. Each attribute asks for the permission of its kind.",
        permission_classes=[IsMember],
    )
    async def update_organization(self, info: Inf, input: Changes) -> Organization | None:
        given = sent(input)
        await _permitted(info, given, _GENERAL)
        nested = given.get("billing_configuration") or {}
        given |= {name: nested.pop(name) for name in ISSUING_DATES if name in nested}
        own: dict[str, Any] = {key: given.pop(key) for key in OWN if key in given}
        async with info.context.writing() as ctx:
            if "name" in own:
                await rename(ctx, own["name"])
            if "slug" in own:
                await rename_slug(ctx, own["slug"] or "")
            if "authentication_methods" in own:
                has_okta = await connection_of(ctx) is not None
                await change_authentication_methods(ctx, own["authentication_methods"], has_okta=has_okta)
            if given:
                await change_settings(ctx, AdministeredOrganizationUpdate.parse(given))
            return shown(ctx.organization)

    @strawberry.mutation(
        description="Change settings of a billing entity, which are the organization's own. Each attribute asks for "
        "the permission of its kind.",
        permission_classes=[HasPermission("billing_entities:update")],
    )
    async def update_billing_entity(self, info: Inf, input: EntityChanges) -> BillingEntity | None:
        given = sent(input, "code")
        await _permitted(info, given, "billing_entities:update")
        async with info.context.writing() as ctx:
            entity = found_entity(ctx.organization, input.code)
            await change_billing_entity(ctx, BillingEntityUpdate.parse(given))
            return shown(entity)
