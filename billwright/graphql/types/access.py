"""Users, memberships, organizations and what a role allows."""

from __future__ import annotations

from typing import Any

import strawberry
from sqlalchemy import func, select
from sqlmodel import col

from billwright.billing.access import models
from billwright.billing.access.permissions import PERMISSIONS, camel_case, permissions_of
from billwright.billing.access.sessions import OrganizationChoice, SignedIn, organizations_of
from billwright.billing.notifications.endpoints import webhook_urls
from billwright.billing.scheduling.test_clock import clock_state
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.taxes.queries import default_taxes
from billwright.graphql.enums import MembershipRoleEnum, OrganizationKindEnum
from billwright.graphql.scalars import ISO8601DateTime
from billwright.graphql.types.common import Inf, f, shown
from billwright.graphql.types.developers import TestClock, TestClockFailure
from billwright.graphql.types.taxes import Tax

OrganizationRow = strawberry.Parent[models.Organization]
ChoiceRow = strawberry.Parent[OrganizationChoice]

Permissions: Any = strawberry.type(
    type(
        "Permissions",
        (),
        {
            "__module__": __name__,
            "__annotations__": {name.replace(":", "_"): bool for name in sorted(PERMISSIONS)},
            **{
                name.replace(":", "_"): strawberry.field(
                    name=camel_case(name), description=f"Whether the roles grant {name}."
                )
                for name in sorted(PERMISSIONS)
            },
        },
    ),
    description="What a member's roles allow.",
)


def permissions(roles: list[str]) -> Any:
    """What ``roles`` grant, one boolean a permission."""
    granted = permissions_of(roles)
    return Permissions(**{name.replace(":", "_"): name in granted for name in PERMISSIONS})


@strawberry.type(description="Settings of documents and drafts.")
class OrganizationBillingConfiguration:
    invoice_footer: str | None = f("Text at the foot of invoices.")
    invoice_grace_period: int = f("Days for which invoices stay drafts.")
    document_locale: str = f("Language of documents.")
    subscription_invoice_issuing_date_anchor: str = f(
        "Day that invoices of subscriptions carry: current_period_end or next_period_start."
    )
    subscription_invoice_issuing_date_adjustment: str = f(
        "What a grace period does to it: keep_anchor or align_with_finalization_date."
    )


@strawberry.type(description="Who sells, and how it bills.")
class Seller:
    """What an organization and its billing entity, which is the same under the contract's names, have alike."""

    id: strawberry.ID = f("Internal id; the value of the header x-lago-organization.")
    name: str = f("Name.")
    legal_name: str | None = f("Legal name.")
    legal_number: str | None = f("Registration number.")
    tax_identification_number: str | None = f("Tax id.")
    email: str | None = f("E-mail address.")
    address_line1: str | None = f("First line of the address.")
    address_line2: str | None = f("Second line of the address.")
    zipcode: str | None = f("Postal code.")
    city: str | None = f("City.")
    state: str | None = f("State or province.")
    country: str | None = f("Country (ISO 3166 alpha-2).")
    timezone: str = f("Time zone.")
    default_currency: str = f("Currency of new objects (ISO 4217).")
    net_payment_term: int = f("Days until an invoice is due.")
    document_number_prefix: str = f("Beginning of every number.")
    finalize_zero_amount_invoice: bool = f("Whether empty invoices are issued.")
    eu_tax_management: bool = f("Whether taxes of customers in the European Union are chosen automatically.")
    created_at: ISO8601DateTime = f("When it was made.")

    @strawberry.field(description="Address of its logo; null without one.")
    def logo_url(self, root: OrganizationRow, info: Inf) -> str | None:
        return info.context.services.settings.portal_links.logo_url(root.id, root.logo)

    @strawberry.field(description="Settings of documents and drafts; null without organization:invoices:view.")
    async def billing_configuration(self, root: OrganizationRow, info: Inf) -> OrganizationBillingConfiguration | None:
        if not await info.context.may("organization:invoices:view"):
            return None
        return OrganizationBillingConfiguration(
            invoice_footer=root.invoice_footer,
            invoice_grace_period=root.invoice_grace_period,
            document_locale=root.document_locale,
            subscription_invoice_issuing_date_anchor=root.subscription_invoice_issuing_date_anchor,
            subscription_invoice_issuing_date_adjustment=root.subscription_invoice_issuing_date_adjustment,
        )

    @strawberry.field(description="Which e-mails are sent; null without organization:emails:view.")
    async def email_settings(self, root: OrganizationRow, info: Inf) -> list[str] | None:
        return root.email_settings if await info.context.may("organization:emails:view") else None

    @strawberry.field(description="Default taxes; null without organization:taxes:view.")
    async def taxes(self, root: OrganizationRow, info: Inf) -> list[Tax] | None:
        if not await info.context.may("organization:taxes:view"):
            return None
        async with info.context.reading() as ctx:
            found: Any = await default_taxes(ctx)
        return found


@strawberry.type(description="A tenant and its settings.")
class Organization(Seller):
    slug: str = f("Name in addresses of the back office.")
    kind: OrganizationKindEnum = f("Live, or a sandbox with a clock of its own.")
    document_numbering: str = f("How invoices are numbered: per_customer or per_organization.")
    authentication_methods: list[str] = f("How members may sign in.")

    @strawberry.field(description="URL of the oldest webhook endpoint; null without developers:manage.")
    async def webhook_url(self, root: OrganizationRow, info: Inf) -> str | None:
        if not await info.context.may("developers:manage"):
            return None
        async with info.context.reading() as ctx:
            return next(iter(await webhook_urls(ctx)), None)

    @strawberry.field(description="Key of hmac signatures of webhooks; null without developers:manage.")
    async def hmac_key(self, root: OrganizationRow, info: Inf) -> str | None:
        if not await info.context.may("developers:manage"):
            return None
        runtime = info.context.services.runtime
        async with runtime.database.transaction() as session:
            return await runtime.webhooks.keys.hmac_key(session, root.id)

    @strawberry.field(description="The clock of a sandbox; null for a live organization.")
    async def clock(self, root: OrganizationRow, info: Inf) -> TestClock | None:
        if (await info.context.principal()).organization.kind != "sandbox":
            return None
        return await clock_of(info)


@strawberry.type(description="An organization as an entry of the organization switcher.")
class OrganizationEntry:
    id: strawberry.ID = f("Internal id.")
    name: str = f("Name.")
    slug: str = f("Name in addresses of the back office.")
    kind: OrganizationKindEnum = f("Live or sandbox.")
    clock_now: ISO8601DateTime | None = f("Where a sandbox's clock stands; null for a live organization.")


@strawberry.type(description="A user's place in an organization.")
class Membership:
    @strawberry.field(description="Internal id.")
    def id(self, root: ChoiceRow) -> strawberry.ID:
        return strawberry.ID(str(root.membership.id))

    @strawberry.field(description="The organization.")
    def organization(self, root: ChoiceRow) -> OrganizationEntry:
        return shown(root.organization)

    @strawberry.field(description="Roles held; their permissions add up.")
    def roles(self, root: ChoiceRow) -> list[MembershipRoleEnum]:
        return shown(root.membership.roles)

    @strawberry.field(description="What the roles allow.", graphql_type=Permissions)
    def permissions(self, root: ChoiceRow) -> Any:
        return permissions(root.membership.roles)

    @strawberry.field(description="Whether the session's way of signing in opens this organization.")
    def accessible_by_current_session(self, root: ChoiceRow) -> bool:
        return root.accessible


@strawberry.type(description="The signed-in person.")
class CurrentUser:
    signed_in: strawberry.Private[SignedIn]

    @strawberry.field(description="Internal id.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(str(self.signed_in.user.id))

    @strawberry.field(description="E-mail address.")
    def email(self) -> str:
        return self.signed_in.user.email

    @strawberry.field(description="Organizations that the person belongs to, accessible ones first, then by name.")
    async def memberships(self, info: Inf) -> list[Membership]:
        signed_in = await info.context.signed_in()
        async with info.context.session() as session:
            found: Any = await organizations_of(session, signed_in)
        return found


async def clock_of(info: Inf) -> TestClock:
    """The sandbox clock. Raises ``Forbidden("not_a_sandbox")``."""
    clocks = info.context.services.clocks
    async with info.context.reading() as ctx:
        state = await clock_state(ctx)
        period_end = await ctx.session.scalar(
            select(func.min(col(Subscription.next_billing_at))).where(
                col(Subscription.organization_id) == ctx.organization_id, col(Subscription.status) == "active"
            )
        )
    walk = await clocks.last(state.organization_id)
    return TestClock(
        now=shown(state.now),
        status=shown(state.status),
        target=shown(state.target),
        started_from=shown(walk.started_from),
        next_due_at=shown(state.next_due_at),
        period_end_at=shown(period_end if period_end and period_end > state.now else None),
        failed_jobs=[TestClockFailure(**entry) for entry in walk.failed_jobs],
        error=walk.error,
    )
