"""The log of API requests."""

from __future__ import annotations

import strawberry

from billwright.billing.api_logs import models
from billwright.graphql.enums import HttpMethodEnum
from billwright.graphql.scalars import ISO8601DateTime, JsonObject
from billwright.graphql.types.common import f

Row = strawberry.Parent[models.ApiLog]


@strawberry.type(description="A request to the REST API that changed something or tried to, and its answer.")
class ApiLog:
    id: strawberry.ID = f("Internal id.")
    request_id: strawberry.ID = f("X-Request-Id of the answer.")
    api_key_id: strawberry.ID = f("The API key that sent it; it may be gone.")
    http_status: int = f("Status of the answer.")
    request_path: str = f("Path as it was sent, without the query.")
    request_origin: str = f("Scheme and host.")
    client: str = f("User-Agent.")
    api_version: str = f("Version of the API.")
    request_body: JsonObject = f("What was sent: an object of at most 64 KiB, in which secrets read [FILTERED].")
    request_response: JsonObject = f("What was answered, kept in the same way.")
    logged_at: ISO8601DateTime = f("When it was answered, in system time.")

    @strawberry.field(description="Method; a PATCH is a put.")
    def http_method(self, root: Row) -> HttpMethodEnum:
        return HttpMethodEnum(root.http_method)
