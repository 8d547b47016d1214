"""``/wallet_transactions`` (spec 05 D3, D6)."""

from __future__ import annotations

from uuid import UUID

from typing_extensions import TypedDict

import billwright.billing.wallets.prepaid  # noqa: F401 - lets credit notes reach the wallets
from billwright.billing.invoicing.collection import PaymentLinkOut, payment_url
from billwright.billing.kernel.errors import ValidationFailed
from billwright.billing.kernel.ids import parse_id
from billwright.billing.kernel.outputs import Id
from billwright.billing.kernel.pagination import Page
from billwright.billing.wallets import queries
from billwright.billing.wallets.models import WalletTransaction
from billwright.billing.wallets.presenting import transaction_objects
from billwright.billing.wallets.queries import TransactionFilters
from billwright.billing.wallets.schemas import (
    WalletDrawOut,
    WalletTransactionInput,
    WalletTransactionOut,
    draw_object,
)
from billwright.billing.wallets.transactions import create_transactions
from billwright.server.rest.envelope import listing, many, one
from billwright.server.rest.filters import PAGES
from billwright.server.rest.operations import Call, Parameter, operation


class WalletPaymentLinkOut(TypedDict):
    """``wallet_transaction_payment_details`` of the contract."""

    lago_customer_id: Id
    lago_wallet_transaction_id: Id
    external_customer_id: str
    payment_provider: str
    payment_url: str


def _id(lago_id: str) -> UUID:
    return parse_id(lago_id) or UUID(int=0)


async def _find(call: Call, lago_id: str) -> WalletTransaction:
    return await queries.find_transaction(call.context, _id(lago_id))


async def create_wallet_transactions(call: Call, inp: WalletTransactionInput) -> list[WalletTransactionOut]:
    return await transaction_objects(call.context, await create_transactions(call.context, inp))


async def find_wallet_transaction(call: Call, lago_id: str) -> WalletTransactionOut:
    return (await transaction_objects(call.context, [await _find(call, lago_id)]))[0]


async def find_all_wallet_transactions(call: Call, lago_id: str) -> Page[WalletTransactionOut]:
    wallet = await queries.find_wallet(call.context, _id(lago_id))
    filters = TransactionFilters(
        status=call.query.text("status"),
        transaction_status=call.query.text("transaction_status"),
        transaction_type=call.query.text("transaction_type"),
    )
    page = await queries.list_transactions(call.context, wallet, filters, call.page)
    return Page(await transaction_objects(call.context, page.items), page.total_count, page.request)


async def find_wallet_transaction_consumptions(call: Call, lago_id: str) -> Page[WalletDrawOut]:
    return await _draws(call, lago_id, "inbound")


async def find_wallet_transaction_fundings(call: Call, lago_id: str) -> Page[WalletDrawOut]:
    return await _draws(call, lago_id, "outbound")


async def _draws(call: Call, lago_id: str, side: queries.Side) -> Page[WalletDrawOut]:
    transaction = await _find(call, lago_id)
    wallet = await queries.find_wallet(call.context, transaction.wallet_id)
    page, others = await queries.list_draws(call.context, transaction, side, call.page)
    shown = [
        draw_object(draw, others[draw.outbound_id if side == "inbound" else draw.inbound_id], wallet)
        for draw in page.items
    ]
    return Page(shown, page.total_count, page.request)


async def wallet_transaction_payment_url(call: Call, lago_id: str) -> WalletPaymentLinkOut:
    transaction = await _find(call, lago_id)
    if transaction.transaction_status != "purchased":
        raise ValidationFailed(base="wallet_transaction_not_purchased")
    if transaction.status == "settled":
        raise ValidationFailed(base="wallet_transaction_already_settled")
    if transaction.invoice_id is None:
        raise ValidationFailed(base="wallet_transaction_has_no_attached_invoice")
    link: PaymentLinkOut = await payment_url(call.context, transaction.invoice_id)
    return {
        "lago_customer_id": link["lago_customer_id"],
        "lago_wallet_transaction_id": transaction.id,
        "external_customer_id": link["external_customer_id"],
        "payment_provider": link["payment_provider"],
        "payment_url": link["payment_url"],
    }


OPERATIONS = [
    operation(
        "POST",
        "/wallet_transactions",
        permission="wallet_transaction:write",
        body=WalletTransactionInput,
        root="wallet_transaction",
        answer=listing("wallet_transactions", WalletTransactionOut),
        summary="Buy, grant or void credits",
        description="Granted credits count at once, paid ones when their invoice is paid; voided ones are gone. "
        "Credits are decimal text.",
        example={
            "wallet_id": "1a901a90-1a90-1a90-1a90-1a901a901a90",
            "paid_credits": "20.0",
            "granted_credits": "10.0",
            "metadata": [{"key": "campaign", "value": "spring"}],
        },
    )(create_wallet_transactions),
    operation(
        "GET",
        "/wallet_transactions/{lago_id}",
        permission="wallet_transaction:read",
        answer=one("wallet_transaction", WalletTransactionOut),
        summary="Show a wallet transaction",
    )(find_wallet_transaction),
    operation(
        "GET",
        "/wallets/{lago_id}/wallet_transactions",
        permission="wallet_transaction:read",
        answer=many("wallet_transactions", WalletTransactionOut),
        summary="List a wallet's transactions, newest first",
        parameters=(
            *PAGES,
            Parameter("status", enum=("pending", "settled", "failed")),
            Parameter("transaction_status", enum=("purchased", "granted", "voided", "invoiced")),
            Parameter("transaction_type", enum=("inbound", "outbound")),
        ),
    )(find_all_wallet_transactions),
    operation(
        "GET",
        "/wallet_transactions/{lago_id}/consumptions",
        permission="wallet_transaction:read",
        answer=many("wallet_transaction_consumptions", WalletDrawOut),
        summary="What became of credits: the outflows of an inbound transaction",
        parameters=PAGES,
    )(find_wallet_transaction_consumptions),
    operation(
        "GET",
        "/wallet_transactions/{lago_id}/fundings",
        permission="wallet_transaction:read",
        answer=many("wallet_transaction_fundings", WalletDrawOut),
        summary="Where credits came from: the inflows of an outbound transaction",
        parameters=PAGES,
    )(find_wallet_transaction_fundings),
    operation(
        "POST",
        "/wallet_transactions/{lago_id}/payment_url",
        permission="wallet_transaction:write",
        answer=one("wallet_transaction_payment_details", WalletPaymentLinkOut),
        summary="A page on which a purchase of credits can be paid",
    )(wallet_transaction_payment_url),
]
