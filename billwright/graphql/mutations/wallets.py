"""Making, changing and ending wallets; buying, granting and voiding credits."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import strawberry

from billwright.billing.access.context import Context
from billwright.billing.catalog.models import BillableMetric
from billwright.billing.kernel.errors import NotFound
from billwright.billing.kernel.ids import some_id
from billwright.billing.wallets import service
from billwright.billing.wallets.schemas import WalletInput, WalletTransactionInput
from billwright.billing.wallets.transactions import create_transactions
from billwright.graphql import batches
from billwright.graphql.mutations.customers import customer_of
from billwright.graphql.mutations.inputs import CLIENT_MUTATION_ID, i, m, sent
from billwright.graphql.permissions import HasPermission
from billwright.graphql.scalars import BigInt, ISO8601DateTime, JsonObject
from billwright.graphql.types.common import Collection, CollectionMetadata, Inf, shown
from billwright.graphql.types.wallets import (
    RecurringTransactionIntervalEnum,
    RecurringTransactionMethodEnum,
    RecurringTransactionTriggerEnum,
    Wallet,
    WalletTransaction,
)

_METADATA = "Keys and values of your own, at most 50; in place of all that there are."


@strawberry.input(description="A key and value of transactions.")
class WalletTransactionMetadataInput:
    key: str = m("Key, at most 20 characters.")
    value: str = m("Value, at most 100 characters.")


@strawberry.input(description="What a wallet pays; an empty list clears.")
class AppliesToInput:
    fee_types: list[str] | None = i("Types of fees: charge, subscription, commitment.")
    billable_metric_ids: list[strawberry.ID] | None = i("Internal ids of metrics whose charges it pays.")


@strawberry.input(description="A recurring top-up rule.")
class RecurringTransactionRuleInput:
    lago_id: strawberry.ID | None = i("Id of the active rule to change; without it the rule is replaced.")
    trigger: RecurringTransactionTriggerEnum | None = i("What makes it act.")
    method: RecurringTransactionMethodEnum | None = i("How much it tops up; fixed unless told.")
    interval: RecurringTransactionIntervalEnum | None = i("How often it acts.")
    threshold_credits: str | None = i("Ongoing balance in credits at which it acts, as decimal text.")
    paid_credits: str | None = i("Credits to buy, as decimal text.")
    granted_credits: str | None = i("Credits to grant, as decimal text.")
    target_ongoing_balance: str | None = i("Credits up to which it tops up, as decimal text.")
    started_at: ISO8601DateTime | None = i("Anchor of the interval.")
    expiration_at: ISO8601DateTime | None = i("When it ends by itself.")
    invoice_requires_successful_payment: bool | None = i("Whether invoices stay invisible until they are paid.")
    ignore_paid_top_up_limits: bool | None = i("Whether the wallet's limits of a purchase do not count.")
    grants_target_top_up: bool | None = i("Whether what is missing to the target is granted.")
    transaction_name: str | None = i("Name of its transactions.")
    transaction_metadata: list[WalletTransactionMetadataInput] | None = i("Metadata of its transactions.")


@strawberry.input(description="Attributes of a new wallet.")
class CreateCustomerWalletInput:
    customer_id: strawberry.ID = m("Internal id of the customer.")
    currency: str = m("Currency (ISO 4217).")
    rate_amount: str = m("Worth of one credit in units of the currency, as decimal text.")
    paid_credits: str = m("Credits to buy at once, as decimal text; 0 for none.")
    granted_credits: str = m("Credits to grant at once, as decimal text; 0 for none.")
    name: str | None = i("Name.")
    code: str | None = i("Code, unique among the customer's active wallets.")
    priority: int | None = i("Place among the customer's wallets: 1 pays first, 50 last.")
    expiration_at: ISO8601DateTime | None = i("When it ends by itself.")
    invoice_requires_successful_payment: bool | None = i("Whether invoices stay invisible until they are paid.")
    paid_top_up_min_amount_cents: BigInt | None = i("Least amount of a purchase, in minor units.")
    paid_top_up_max_amount_cents: BigInt | None = i("Greatest amount of a purchase, in minor units.")
    ignore_paid_top_up_limits_on_creation: bool | None = i("Whether the first purchase may break the limits.")
    applies_to: AppliesToInput | None = i("What it pays; everything unless told.")
    recurring_transaction_rules: list[RecurringTransactionRuleInput] | None = i("At most one rule.")
    transaction_name: str | None = i("Name of the first transactions.")
    transaction_metadata: list[WalletTransactionMetadataInput] | None = i("Metadata of the first transactions.")
    transaction_priority: int | None = i("Place of the first transactions among its inflows: 1 is used first, 50 last.")
    metadata: JsonObject | None = i(_METADATA)
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Attributes to change.")
class UpdateCustomerWalletInput:
    id: strawberry.ID = m("Internal id of the wallet.")
    name: str | None = i("Name.")
    code: str | None = i("Code, unique among the customer's active wallets.")
    priority: int | None = i("Place among the customer's wallets: 1 pays first, 50 last.")
    expiration_at: ISO8601DateTime | None = i("When it ends by itself; null removes it.")
    invoice_requires_successful_payment: bool | None = i("Whether invoices stay invisible until they are paid.")
    paid_top_up_min_amount_cents: BigInt | None = i("Least amount of a purchase, in minor units; null removes it.")
    paid_top_up_max_amount_cents: BigInt | None = i("Greatest amount of a purchase, in minor units; null removes it.")
    applies_to: AppliesToInput | None = i("What it pays.")
    recurring_transaction_rules: list[RecurringTransactionRuleInput] | None = i(
        "Its rule: an empty list ends it, another entry replaces it."
    )
    metadata: JsonObject | None = i(_METADATA)
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Names one object.")
class TerminateCustomerWalletInput:
    id: strawberry.ID = m("Internal id of the wallet.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Credits to buy, to grant and to void at once.")
class CreateCustomerWalletTransactionInput:
    wallet_id: strawberry.ID = m("Internal id of the wallet.")
    paid_credits: str | None = i("Credits to buy, as decimal text.")
    granted_credits: str | None = i("Credits to grant, as decimal text.")
    voided_credits: str | None = i("Credits to void, as decimal text.")
    invoice_requires_successful_payment: bool | None = i("Whether the invoice stays invisible until it is paid.")
    ignore_paid_top_up_limits: bool | None = i("Whether the wallet's limits of a purchase do not count.")
    priority: int | None = i("Place among the wallet's inflows: 1 is used first, 50 last.")
    name: str | None = i("Name.")
    metadata: list[WalletTransactionMetadataInput] | None = i("Metadata, at most 15 pairs.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


NewWallet = Annotated[CreateCustomerWalletInput, strawberry.argument(description="Attributes of the wallet.")]
ChangedWallet = Annotated[UpdateCustomerWalletInput, strawberry.argument(description="Attributes to change.")]
Ending = Annotated[TerminateCustomerWalletInput, strawberry.argument(description="Which wallet.")]
TopUp = Annotated[CreateCustomerWalletTransactionInput, strawberry.argument(description="What to do with credits.")]


async def _values(ctx: Context, input: Any, *left_out: str) -> dict[str, Any]:
    """The attributes as REST names them: metrics by code. Raises ``NotFound("billable_metric")``."""
    values = sent(input, *left_out)
    scope = values.get("applies_to")
    if scope is not None and "billable_metric_ids" in scope:
        ids = [some_id(item) for item in scope.pop("billable_metric_ids") or ()]
        found: dict[UUID, BillableMetric] = await batches.metrics(ctx, ids)
        if any(metric_id not in found for metric_id in ids):
            raise NotFound("billable_metric")
        scope["billable_metric_codes"] = [found[metric_id].code for metric_id in ids]
    return values


@strawberry.type
class WalletMutations:
    @strawberry.mutation(
        description="Make a wallet; its first credits follow at once.",
        permission_classes=[HasPermission("wallets:create")],
    )
    async def create_customer_wallet(self, info: Inf, input: NewWallet) -> Wallet | None:
        async with info.context.writing() as ctx:
            customer = await customer_of(ctx, input.customer_id)
            values = await _values(ctx, input, "customer_id")
            inp = WalletInput.parse({**values, "external_customer_id": customer.external_id})
            return shown(await service.create_wallet(ctx, inp))

    @strawberry.mutation(description="Change a wallet.", permission_classes=[HasPermission("wallets:update")])
    async def update_customer_wallet(self, info: Inf, input: ChangedWallet) -> Wallet | None:
        async with info.context.writing() as ctx:
            values = await _values(ctx, input, "id")
            if "metadata" in values and values["metadata"] is None:
                values["metadata"] = {}
            inp = WalletInput.parse(values)
            return shown(await service.update_wallet(ctx, some_id(input.id), inp))

    @strawberry.mutation(
        description="End a wallet; what is left in it is lost.", permission_classes=[HasPermission("wallets:terminate")]
    )
    async def terminate_customer_wallet(self, info: Inf, input: Ending) -> Wallet | None:
        async with info.context.writing() as ctx:
            return shown(await service.terminate_wallet(ctx, some_id(input.id)))

    @strawberry.mutation(
        description="Buy, grant or void credits; the transactions in this order.",
        permission_classes=[HasPermission("wallets:top_up")],
    )
    async def create_customer_wallet_transaction(self, info: Inf, input: TopUp) -> Collection[WalletTransaction] | None:
        async with info.context.writing() as ctx:
            made: list[Any] = list(await create_transactions(ctx, WalletTransactionInput.parse(sent(input))))
        count = len(made)
        metadata = CollectionMetadata(current_page=1, total_pages=1, total_count=count, limit_value=count)
        return Collection(collection=made, metadata=metadata)
