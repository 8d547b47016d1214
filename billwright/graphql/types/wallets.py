"""Wallets, their rules and transactions. Amounts are minor units of the wallet's currency, credits decimals."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from billwright.billing.kernel.money import from_minor_units
from billwright.billing.wallets import models
from billwright.billing.wallets.amounts import credits_of
from billwright.graphql import alert_batches, batches, wallet_batches
from billwright.graphql.scalars import BigInt, DecimalText, ISO8601DateTime, JsonObject
from billwright.graphql.types.alerts import Alert
from billwright.graphql.types.common import Inf, f

if TYPE_CHECKING:
    from billwright.graphql.types.catalog import BillableMetric
    from billwright.graphql.types.customers import Customer
    from billwright.graphql.types.invoices import Invoice

LazyCustomer = Annotated["Customer", strawberry.lazy("billwright.graphql.types.customers")]
LazyInvoice = Annotated["Invoice", strawberry.lazy("billwright.graphql.types.invoices")]
LazyMetric = Annotated["BillableMetric", strawberry.lazy("billwright.graphql.types.catalog")]
WalletRow = strawberry.Parent[models.Wallet]
TransactionRow = strawberry.Parent[models.WalletTransaction]


@strawberry.enum(description="State of a wallet.")
class WalletStatusEnum(Enum):
    active = "active"
    terminated = "terminated"


@strawberry.enum(description="Direction of a transaction.")
class WalletTransactionTransactionTypeEnum(Enum):
    inbound = "inbound"
    outbound = "outbound"


@strawberry.enum(description="Kind of a transaction.")
class WalletTransactionTransactionStatusEnum(Enum):
    purchased = "purchased"
    granted = "granted"
    voided = "voided"
    invoiced = "invoiced"


@strawberry.enum(description="State of a transaction.")
class WalletTransactionStatusEnum(Enum):
    pending = "pending"
    settled = "settled"
    failed = "failed"


@strawberry.enum(description="What caused a transaction: somebody, or a rule.")
class WalletTransactionSourceEnum(Enum):
    manual = "manual"
    interval = "interval"
    threshold = "threshold"


@strawberry.enum(description="What makes a rule act.")
class RecurringTransactionTriggerEnum(Enum):
    interval = "interval"
    threshold = "threshold"


@strawberry.enum(description="How much a rule tops up: what it names, or up to a balance.")
class RecurringTransactionMethodEnum(Enum):
    fixed = "fixed"
    target = "target"


@strawberry.enum(description="How often a rule acts.")
class RecurringTransactionIntervalEnum(Enum):
    weekly = "weekly"
    monthly = "monthly"
    quarterly = "quarterly"
    semiannual = "semiannual"
    yearly = "yearly"


@strawberry.type(description="A key and value of a transaction.")
class WalletTransactionMetadataObject:
    key: str = f("Key.")
    value: str = f("Value.")


@strawberry.type(description="What a wallet pays; nothing named: everything.")
class WalletAppliesTo:
    fee_types: list[str] = f("Types of fees: charge, subscription, commitment.")
    billable_metrics: list[LazyMetric] = f("Metrics whose charges it pays.")


@strawberry.type(description="A recurring top-up rule.")
class RecurringTransactionRule:
    id: strawberry.ID = f("Internal id.")
    trigger: RecurringTransactionTriggerEnum = f("What makes it act.")
    method: RecurringTransactionMethodEnum = f("How much it tops up.")
    interval: RecurringTransactionIntervalEnum | None = f("How often; null for a threshold.")
    threshold_credits: DecimalText | None = f("Ongoing balance at which it acts; null for an interval.")
    paid_credits: DecimalText = f("Credits it buys.")
    granted_credits: DecimalText = f("Credits it grants.")
    target_ongoing_balance: DecimalText | None = f("Balance up to which it tops up; null for a fixed rule.")
    started_at: ISO8601DateTime | None = f("Anchor of the interval; null: the wallet's creation.")
    expiration_at: ISO8601DateTime | None = f("When it ends by itself.")
    invoice_requires_successful_payment: bool = f("Whether invoices stay invisible until they are paid.")
    ignore_paid_top_up_limits: bool = f("Whether the wallet's limits of a purchase do not count.")
    grants_target_top_up: bool | None = f("Whether what is missing to the target is granted.")
    transaction_name: str | None = f("Name of its transactions.")
    created_at: ISO8601DateTime = f("When it was made.")

    @strawberry.field(description="Metadata of its transactions.")
    def transaction_metadata(self, root: strawberry.Parent[models.WalletRule]) -> list[WalletTransactionMetadataObject]:
        return _pairs(root.entries)


def _pairs(entries: list[dict[str, Any]]) -> list[WalletTransactionMetadataObject]:
    return [WalletTransactionMetadataObject(key=pair["key"], value=pair["value"]) for pair in entries]


@strawberry.type(description="Prepaid credits of a customer.")
class Wallet:
    id: strawberry.ID = f("Internal id.")
    code: str = f("Code, unique among the customer's active wallets.")
    name: str | None = f("Name.")
    status: WalletStatusEnum = f("State.")
    priority: int = f("Place among the customer's wallets: 1 pays first, 50 last.")
    currency: str = f("Currency (ISO 4217).")
    rate_amount: DecimalText = f("Worth of one credit in units of the currency.")
    balance_cents: BigInt = f("What the wallet holds.")
    credits_balance: DecimalText = f("The same in credits.")
    consumed_amount_cents: BigInt = f("What has been used.")
    consumed_credits: DecimalText = f("The same in credits.")
    ongoing_balance_cents: BigInt = f("Balance less usage that no invoice has settled yet; may be negative.")
    ongoing_usage_balance_cents: BigInt = f("That usage.")
    invoice_requires_successful_payment: bool = f("Whether invoices of purchases stay invisible until they are paid.")
    paid_top_up_min_amount_cents: BigInt | None = f("Least amount of a purchase.")
    paid_top_up_max_amount_cents: BigInt | None = f("Greatest amount of a purchase.")
    last_balance_sync_at: ISO8601DateTime | None = f("When its balances were computed last.")
    last_consumed_credit_at: ISO8601DateTime | None = f("When credits were used last.")
    expiration_at: ISO8601DateTime | None = f("When it ends by itself.")
    terminated_at: ISO8601DateTime | None = f("When it ended.")
    created_at: ISO8601DateTime = f("When it was made.")
    updated_at: ISO8601DateTime = f("When it was last changed.")

    @strawberry.field(description="Ongoing balance in credits.")
    def credits_ongoing_balance(self, root: WalletRow) -> DecimalText:
        return DecimalText(credits_of(root.ongoing_balance_cents, root.rate_amount, root.currency))

    @strawberry.field(description="Usage that no invoice has settled yet, in credits.")
    def credits_ongoing_usage_balance(self, root: WalletRow) -> DecimalText:
        return DecimalText(credits_of(root.ongoing_usage_balance_cents, root.rate_amount, root.currency))

    @strawberry.field(description="What invoices took of it in the last 30 days, less what came back.")
    async def recently_consumed_amount_cents(self, root: WalletRow, info: Inf) -> BigInt:
        return BigInt(await info.context.load(wallet_batches.recently_consumed, root.id, 0))

    @strawberry.field(description="Keys and values of your own.")
    def metadata(self, root: WalletRow) -> JsonObject | None:
        return JsonObject(root.custom_metadata) if root.custom_metadata else None

    @strawberry.field(description="Whose it is.")
    async def customer(self, root: WalletRow, info: Inf) -> LazyCustomer:
        return await info.context.load(batches.customers, root.customer_id)

    @strawberry.field(description="What it pays.")
    async def applies_to(self, root: WalletRow, info: Inf) -> WalletAppliesTo:
        metrics = await info.context.load(wallet_batches.metrics_of_wallet, root.id)
        return WalletAppliesTo(fee_types=root.allowed_fee_types, billable_metrics=metrics or [])

    @strawberry.field(description="The active top-up rule, at most one.")
    async def recurring_transaction_rules(self, root: WalletRow, info: Inf) -> list[RecurringTransactionRule]:
        rule = await info.context.load(wallet_batches.rule_of_wallet, root.id)
        return [] if rule is None else [rule]

    @strawberry.field(description="Alerts on its balances, oldest first.")
    async def alerts(self, root: WalletRow, info: Inf) -> list[Alert]:
        return await info.context.load(alert_batches.of_wallet, root.id, [])


@strawberry.type(description="A line of a wallet's ledger.")
class WalletTransaction:
    id: strawberry.ID = f("Internal id.")
    transaction_type: WalletTransactionTransactionTypeEnum = f("Direction.")
    transaction_status: WalletTransactionTransactionStatusEnum = f("Kind.")
    status: WalletTransactionStatusEnum = f("State.")
    source: WalletTransactionSourceEnum = f("What caused it.")
    amount_cents: BigInt = f("Amount in minor units.")
    credit_amount: DecimalText = f("The same in credits.")
    remaining_amount_cents: BigInt | None = f("What is left of a settled inflow.")
    credit_note_id: strawberry.ID | None = f("Internal id of the credit note that took bought credits back.")
    voided_invoice_id: strawberry.ID | None = f("Internal id of the voided invoice whose credits came back.")
    priority: int = f("Place among the wallet's inflows: 1 is used first.")
    name: str | None = f("Name.")
    invoice_requires_successful_payment: bool = f("Whether its invoice stays invisible until it is paid.")
    settled_at: ISO8601DateTime | None = f("When it was settled.")
    failed_at: ISO8601DateTime | None = f("When its payment failed.")
    created_at: ISO8601DateTime = f("When it was made.")
    updated_at: ISO8601DateTime = f("When it was last changed.")

    @strawberry.field(description="Amount in units of the currency.")
    async def amount(self, root: TransactionRow, info: Inf) -> DecimalText:
        wallet = await info.context.load(wallet_batches.wallets, root.wallet_id)
        return DecimalText(from_minor_units(root.amount_cents, wallet.currency))

    @strawberry.field(description="What is left of a settled inflow, in credits.")
    async def remaining_credit_amount(self, root: TransactionRow, info: Inf) -> DecimalText | None:
        if root.remaining_amount_cents is None:
            return None
        wallet = await info.context.load(wallet_batches.wallets, root.wallet_id)
        return DecimalText(credits_of(root.remaining_amount_cents, wallet.rate_amount, wallet.currency))

    @strawberry.field(description="Its metadata.")
    def metadata(self, root: TransactionRow) -> list[WalletTransactionMetadataObject]:
        return _pairs(root.entries)

    @strawberry.field(description="Of which wallet.")
    async def wallet(self, root: TransactionRow, info: Inf) -> Wallet:
        return await info.context.load(wallet_batches.wallets, root.wallet_id)

    @strawberry.field(description="The invoice that bills it, or that it has paid; null while that one is invisible.")
    async def invoice(self, root: TransactionRow, info: Inf) -> LazyInvoice | None:
        if root.invoice_id is None:
            return None
        found = await info.context.load(batches.invoices, root.invoice_id)
        return None if found is None or found.status == "open" else found


@strawberry.type(description="Where a page of wallets stands in its list.")
class WalletCollectionMetadata:
    current_page: int = f("Number of this page, from 1; 0 when the list is empty.")
    total_pages: int = f("How many pages there are.")
    total_count: int = f("How many wallets the whole list has.")
    limit_value: int = f("Wallets on a page.")
    customer_active_wallets_count: int = f("How many active wallets the customer has.")


@strawberry.type(description="A page of wallets.")
class WalletCollection:
    collection: list[Wallet] = f("The wallets of this page, newest first.")
    metadata: WalletCollectionMetadata = f("Where this page stands.")
