"""CSV exports (spec 04 §23)."""

from __future__ import annotations

import strawberry

from billwright.billing.exports import models
from billwright.billing.exports.links import own_url
from billwright.graphql.enums import DataExportResourceTypeEnum, DataExportStatusEnum
from billwright.graphql.scalars import ISO8601DateTime
from billwright.graphql.types.common import Inf, f

Row = strawberry.Parent[models.DataExport]


@strawberry.type(description="A CSV file of a list. Instants are system time.")
class DataExport:
    id: strawberry.ID = f("Internal id.")
    filename: str = f("Name of the file.")
    rows_done: int = f("Rows written so far.")
    rows_total: int | None = f("Rows that it will have, without its header; null before it is begun.")
    created_at: ISO8601DateTime = f("When it was asked for.")
    completed_at: ISO8601DateTime | None = f("When it was ready.")
    expires_at: ISO8601DateTime | None = f("When the link ends and the file is deleted; null once it is deleted.")

    @strawberry.field(description="What its rows are.")
    def resource_type(self, root: Row) -> DataExportResourceTypeEnum:
        return DataExportResourceTypeEnum(root.resource_type)

    @strawberry.field(description="How far it is.")
    def status(self, root: Row) -> DataExportStatusEnum:
        return DataExportStatusEnum(root.status)

    @strawberry.field(description="Signed address of the file, without login; null before it is ready and once ended.")
    def file_url(self, root: Row, info: Inf) -> str | None:
        services = info.context.services
        return own_url(services.runtime.box, services.settings.api_url, root)
