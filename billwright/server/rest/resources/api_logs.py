"""``/api_logs``: what API keys asked to change, and what they were answered (spec 07 §9.2)."""

from __future__ import annotations

from uuid import UUID

from billwright.billing.api_logs.queries import FAILED, METHODS, SUCCEEDED, ApiLogFilters, find_api_log, list_api_logs
from billwright.billing.api_logs.schemas import ApiLogOut, api_log_object
from billwright.billing.kernel.ids import parse_id
from billwright.billing.kernel.pagination import Page
from billwright.server.rest.envelope import many, one, presented
from billwright.server.rest.filters import PAGES
from billwright.server.rest.operations import Call, Parameter, operation


async def find_all_api_logs(call: Call) -> Page[ApiLogOut]:
    query = call.query
    filters = ApiLogFilters(
        from_date=query.date("from_date"),
        to_date=query.date("to_date"),
        http_methods=query.texts("http_methods"),
        http_statuses=query.texts("http_statuses"),
        api_version=query.text("api_version"),
        request_paths=query.texts("request_paths"),
    )
    return presented(await list_api_logs(call.context, filters, call.page), api_log_object)


async def find_one_api_log(call: Call, request_id: str) -> ApiLogOut:
    return api_log_object(await find_api_log(call.context, request_id=parse_id(request_id) or UUID(int=0)))


OPERATIONS = [
    operation(
        "GET",
        "/api_logs",
        permission="api_log:read",
        answer=many("api_logs", ApiLogOut),
        summary="List requests that changed something or tried to, newest first",
        description="Requests of API keys other than GET, refused ones included, without event ingestion. Values that "
        "are secret read `[FILTERED]`; bodies are cut at 64 KiB. They appear a moment after their answer.",
        parameters=(
            *PAGES,
            Parameter("from_date", "First day, UTC.", "date"),
            Parameter("to_date", "Last day, UTC.", "date"),
            Parameter("http_methods", "A PATCH is a `put`.", "array", METHODS),
            Parameter("http_statuses", f"Numbers, `{SUCCEEDED}` (up to 399) or `{FAILED}`.", "array"),
            Parameter("api_version", "`v1`."),
            Parameter("request_paths", "A whole path; `*` stands for anything: `/api/v1/customers/*`."),
        ),
    )(find_all_api_logs),
    operation(
        "GET",
        "/api_logs/{request_id}",
        permission="api_log:read",
        answer=one("api_log", ApiLogOut),
        summary="Show a request by the `X-Request-Id` of its answer",
    )(find_one_api_log),
]
