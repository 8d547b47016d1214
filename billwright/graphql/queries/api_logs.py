"""The log of API requests (spec 07 §9.2, §6.2)."""

from __future__ import annotations

from typing import Annotated

import strawberry

from billwright.billing.api_logs.queries import ApiLogFilters, find_api_log, list_api_logs
from billwright.graphql.enums import HttpMethodEnum
from billwright.graphql.permissions import HasPermission
from billwright.graphql.types.api_logs import ApiLog
from billwright.graphql.types.common import (
    Collection,
    FromDay,
    Inf,
    Limit,
    PageNumber,
    ToDay,
    collection,
    id_of,
    page_request,
    shown,
)

MANAGE = HasPermission("developers:manage")
RequestIdSearch = Annotated[str | None, strawberry.argument(description="With this X-Request-Id, whole.")]
Methods = Annotated[list[HttpMethodEnum] | None, strawberry.argument(description="With any of these methods.")]
Statuses = Annotated[
    list[str] | None,
    strawberry.argument(description='With any of these answers: "422", "succeeded" (up to 399), "failed".'),
]
Version = Annotated[str | None, strawberry.argument(description="Of this version of the API.")]
Paths = Annotated[
    list[str] | None, strawberry.argument(description="With any of these paths, in which * stands for anything.")
]
LogId = Annotated[strawberry.ID | None, strawberry.argument(description="Internal id.")]
RequestId = Annotated[strawberry.ID | None, strawberry.argument(description="X-Request-Id; the latest that has it.")]


@strawberry.type
class ApiLogQueries:
    @strawberry.field(
        description="Requests to the REST API that changed something or tried to, newest first.",
        permission_classes=[MANAGE],
    )
    async def api_logs(
        self,
        info: Inf,
        page: PageNumber = None,
        limit: Limit = None,
        search_term: RequestIdSearch = None,
        from_date: FromDay = None,
        to_date: ToDay = None,
        http_methods: Methods = None,
        http_statuses: Statuses = None,
        api_version: Version = None,
        request_paths: Paths = None,
    ) -> Collection[ApiLog]:
        filters = ApiLogFilters(
            from_date=from_date,
            to_date=to_date,
            http_methods=[item.value for item in http_methods] if http_methods else None,
            http_statuses=http_statuses,
            api_version=api_version,
            request_paths=request_paths,
            request_id=search_term,
        )
        async with info.context.reading() as ctx:
            return collection(await list_api_logs(ctx, filters, page_request(page, limit)))

    @strawberry.field(description="One request, by one of its ids.", permission_classes=[MANAGE])
    async def api_log(self, info: Inf, id: LogId = None, request_id: RequestId = None) -> ApiLog | None:
        async with info.context.reading() as ctx:
            return shown(
                await find_api_log(
                    ctx,
                    api_log_id=None if id is None else id_of("api_log", id),
                    request_id=None if request_id is None else id_of("api_log", request_id),
                )
            )
