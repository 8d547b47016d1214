"""The schema: its fields, its rules, its text."""

from __future__ import annotations

from functools import cache

import strawberry
from graphql import GraphQLError
from strawberry.extensions import AddValidationRules, MaxTokensLimiter, ParserCache, ValidationCache
from strawberry.schema.config import StrawberryConfig
from strawberry.tools import merge_types
from strawberry.types import ExecutionContext

from billwright.graphql.limits import MAX_TOKENS, WithinLimits
from billwright.graphql.mutations.access import AccessMutations
from billwright.graphql.mutations.adjusted_fees import AdjustedFeeMutations
from billwright.graphql.mutations.alerts import AlertMutations
from billwright.graphql.mutations.catalog import CatalogMutations
from billwright.graphql.mutations.collection import CollectionMutations
from billwright.graphql.mutations.coupons import CouponMutations
from billwright.graphql.mutations.credit_notes import CreditNoteMutations
from billwright.graphql.mutations.customers import CustomerMutations
from billwright.graphql.mutations.developers import DeveloperMutations
from billwright.graphql.mutations.emails import EmailMutations
from billwright.graphql.mutations.entitlements import EntitlementMutations
from billwright.graphql.mutations.exports import ExportMutations
from billwright.graphql.mutations.invoice_changes import InvoiceChangeMutations
from billwright.graphql.mutations.invoices import InvoiceMutations
from billwright.graphql.mutations.members import MemberMutations
from billwright.graphql.mutations.one_off_invoices import OneOffInvoiceMutations
from billwright.graphql.mutations.organization import OrganizationMutations
from billwright.graphql.mutations.payments import PaymentMutations
from billwright.graphql.mutations.plans import PlanMutations
from billwright.graphql.mutations.portal import PortalMutations
from billwright.graphql.mutations.sandboxes import SandboxMutations
from billwright.graphql.mutations.single_sign_on import SingleSignOnMutations
from billwright.graphql.mutations.subscriptions import SubscriptionMutations
from billwright.graphql.mutations.taxes import TaxMutations
from billwright.graphql.mutations.wallets import WalletMutations
from billwright.graphql.mutations.webhooks import WebhookMutations
from billwright.graphql.queries.access import AccessQueries
from billwright.graphql.queries.activity_logs import ActivityLogQueries
from billwright.graphql.queries.alerts import AlertQueries
from billwright.graphql.queries.analytics import AnalyticsQueries
from billwright.graphql.queries.api_logs import ApiLogQueries
from billwright.graphql.queries.billing_entities import BillingEntityQueries
from billwright.graphql.queries.catalog import CatalogQueries
from billwright.graphql.queries.coupons import CouponQueries
from billwright.graphql.queries.credit_notes import CreditNoteQueries
from billwright.graphql.queries.customers import CustomerQueries
from billwright.graphql.queries.developers import DeveloperQueries
from billwright.graphql.queries.entitlements import EntitlementQueries
from billwright.graphql.queries.events import EventQueries
from billwright.graphql.queries.explanations import ExplanationQueries
from billwright.graphql.queries.exports import ExportQueries
from billwright.graphql.queries.invoices import InvoiceQueries
from billwright.graphql.queries.members import MemberQueries
from billwright.graphql.queries.payments import PaymentQueries
from billwright.graphql.queries.portal import PortalQueries
from billwright.graphql.queries.price_trials import PriceTrialQueries
from billwright.graphql.queries.sandboxes import SandboxQueries
from billwright.graphql.queries.search import SearchQueries
from billwright.graphql.queries.single_sign_on import SingleSignOnQueries
from billwright.graphql.queries.taxes import TaxQueries
from billwright.graphql.queries.wallets import WalletQueries
from billwright.graphql.queries.webhooks import WebhookQueries
from billwright.graphql.resolving import Executor, shorten
from billwright.graphql.scalars import SCALARS

Query = merge_types(
    "Query",
    (
        AccessQueries,
        ActivityLogQueries,
        AlertQueries,
        AnalyticsQueries,
        ApiLogQueries,
        BillingEntityQueries,
        CatalogQueries,
        CouponQueries,
        CreditNoteQueries,
        CustomerQueries,
        DeveloperQueries,
        EntitlementQueries,
        EventQueries,
        ExplanationQueries,
        ExportQueries,
        InvoiceQueries,
        MemberQueries,
        PaymentQueries,
        PortalQueries,
        PriceTrialQueries,
        SandboxQueries,
        SearchQueries,
        SingleSignOnQueries,
        TaxQueries,
        WalletQueries,
        WebhookQueries,
    ),
)
Mutation = merge_types(
    "Mutation",
    (
        AccessMutations,
        AdjustedFeeMutations,
        AlertMutations,
        CatalogMutations,
        CollectionMutations,
        CouponMutations,
        CreditNoteMutations,
        CustomerMutations,
        DeveloperMutations,
        EmailMutations,
        EntitlementMutations,
        ExportMutations,
        InvoiceChangeMutations,
        InvoiceMutations,
        MemberMutations,
        OneOffInvoiceMutations,
        OrganizationMutations,
        PaymentMutations,
        PlanMutations,
        PortalMutations,
        SandboxMutations,
        SingleSignOnMutations,
        SubscriptionMutations,
        TaxMutations,
        WalletMutations,
        WebhookMutations,
    ),
)


class _Schema(strawberry.Schema):
    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Nothing here: ``execution.execute`` logs what nobody foresaw, with the request's id."""


@cache
def schema() -> strawberry.Schema:
    """The one schema of the process."""
    made = _Schema(
        query=Query,
        mutation=Mutation,
        config=StrawberryConfig(scalar_map=SCALARS),
        extensions=[
            lambda: MaxTokensLimiter(max_token_count=MAX_TOKENS),
            lambda: AddValidationRules([WithinLimits]),
            lambda: ParserCache(maxsize=512),
            lambda: ValidationCache(maxsize=512),
        ],
        execution_context_class=Executor,
    )
    shorten(made._schema)
    return made


if __name__ == "__main__":
    print(schema().as_str())
