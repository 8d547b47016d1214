"""Wallets and their transactions."""

from __future__ import annotations

from typing import Annotated

import strawberry

from billwright.billing.kernel.ids import some_id
from billwright.billing.wallets.queries import (
    TransactionFilters,
    count_active,
    find_transaction,
    find_wallet,
    list_transactions,
    list_wallets,
)
from billwright.graphql.mutations.customers import customer_of
from billwright.graphql.permissions import HasPermission
from billwright.graphql.types.common import (
    Collection,
    IdArgument,
    Inf,
    Limit,
    PageNumber,
    collection,
    page_request,
    shown,
)
from billwright.graphql.types.wallets import (
    Wallet,
    WalletCollection,
    WalletCollectionMetadata,
    WalletStatusEnum,
    WalletTransaction,
    WalletTransactionStatusEnum,
    WalletTransactionTransactionStatusEnum,
    WalletTransactionTransactionTypeEnum,
)

CustomerId = Annotated[strawberry.ID, strawberry.argument(description="Internal id of the customer.")]
WalletId = Annotated[strawberry.ID, strawberry.argument(description="Internal id of the wallet.")]


@strawberry.type
class WalletQueries:
    @strawberry.field(
        description="A customer's wallets, newest first.", permission_classes=[HasPermission("customers:view")]
    )
    async def wallets(
        self,
        info: Inf,
        customer_id: CustomerId,
        page: PageNumber = None,
        limit: Limit = None,
        status: Annotated[WalletStatusEnum | None, strawberry.argument(description="Those in this state.")] = None,
    ) -> WalletCollection:
        async with info.context.reading() as ctx:
            customer = await customer_of(ctx, customer_id)
            found = await list_wallets(
                ctx,
                page_request(page, limit),
                external_customer_id=customer.external_id,
                status=status.value if status else None,
            )
            active = await count_active(ctx, customer.id)
        meta = found.meta()
        return WalletCollection(
            collection=shown(found.items),
            metadata=WalletCollectionMetadata(
                current_page=meta["current_page"] or 0,
                total_pages=found.total_pages,
                total_count=found.total_count,
                limit_value=found.request.per_page,
                customer_active_wallets_count=active,
            ),
        )

    @strawberry.field(description="One wallet.", permission_classes=[HasPermission("customers:view")])
    async def wallet(self, info: Inf, id: IdArgument) -> Wallet | None:
        async with info.context.reading() as ctx:
            return shown(await find_wallet(ctx, some_id(id)))

    @strawberry.field(
        description="A wallet's transactions, newest first.", permission_classes=[HasPermission("customers:view")]
    )
    async def wallet_transactions(
        self,
        info: Inf,
        wallet_id: WalletId,
        page: PageNumber = None,
        limit: Limit = None,
        status: Annotated[
            WalletTransactionStatusEnum | None, strawberry.argument(description="Those in this state.")
        ] = None,
        transaction_type: Annotated[
            WalletTransactionTransactionTypeEnum | None, strawberry.argument(description="Those of this direction.")
        ] = None,
        transaction_status: Annotated[
            WalletTransactionTransactionStatusEnum | None, strawberry.argument(description="Those of this kind.")
        ] = None,
    ) -> Collection[WalletTransaction]:
        filters = TransactionFilters(
            status=status.value if status else None,
            transaction_type=transaction_type.value if transaction_type else None,
            transaction_status=transaction_status.value if transaction_status else None,
        )
        async with info.context.reading() as ctx:
            wallet = await find_wallet(ctx, some_id(wallet_id))
            return collection(await list_transactions(ctx, wallet, filters, page_request(page, limit)))

    @strawberry.field(description="One transaction.", permission_classes=[HasPermission("customers:view")])
    async def wallet_transaction(self, info: Inf, id: IdArgument) -> WalletTransaction | None:
        async with info.context.reading() as ctx:
            return shown(await find_transaction(ctx, some_id(id)))
