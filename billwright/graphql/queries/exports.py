"""CSV exports: everyone sees those they asked for (spec 07 §7.5)."""

from __future__ import annotations

import strawberry

from billwright.billing.exports.queries import find_export, list_exports
from billwright.billing.kernel.errors import NotFound
from billwright.billing.kernel.ids import parse_id
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
from billwright.graphql.types.exports import DataExport

EXPORT = HasPermission("invoices:export", "credit_notes:export")


@strawberry.type
class ExportQueries:
    @strawberry.field(description="Your CSV exports, newest first.", permission_classes=[EXPORT])
    async def data_exports(self, info: Inf, page: PageNumber = None, limit: Limit = None) -> Collection[DataExport]:
        user_id = (await info.context.principal()).user.id
        async with info.context.reading() as ctx:
            return collection(await list_exports(ctx, user_id, page_request(page, limit)))

    @strawberry.field(description="One of your CSV exports.", permission_classes=[EXPORT])
    async def data_export(self, info: Inf, id: IdArgument) -> DataExport | None:
        export_id = parse_id(id)
        if export_id is None:
            raise NotFound("data_export")
        user_id = (await info.context.principal()).user.id
        async with info.context.reading() as ctx:
            return shown(await find_export(ctx, user_id, export_id))
