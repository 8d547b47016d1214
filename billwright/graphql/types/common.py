"""Collections, their metadata, and the helpers with which types are written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

import strawberry
from strawberry.types import Info

from billwright.billing.kernel.errors import NotFound
from billwright.billing.kernel.ids import parse_id
from billwright.billing.kernel.pagination import Page, PageRequest
from billwright.graphql.context import RequestContext
from billwright.graphql.scalars import BigInt, ISO8601Date

T = TypeVar("T")
Inf = Info[RequestContext, None]
DEFAULT_LIMIT = 25


def f(description: str) -> Any:
    """A field read from the attribute of the same name."""
    return strawberry.field(description=description)


def shown(record: object) -> Any:
    """A record in place of its GraphQL type: the type's fields read the attributes of the same names from it."""
    return record


@strawberry.type(description="Where a page stands in its list.")
class CollectionMetadata:
    current_page: int = f("Number of this page, from 1; 0 when the list is empty.")
    total_pages: int = f("How many pages there are.")
    total_count: int = f("How many objects the whole list has; a search counts 200, more as pages are turned.")
    limit_value: int = f("Objects on a page.")


@strawberry.type(description="A page of objects.")
class Collection(Generic[T]):
    collection: list[T] = f("The objects of this page, in the list's order.")
    metadata: CollectionMetadata = f("Where this page stands.")


PageNumber = Annotated[int | None, strawberry.argument(description="Page, from 1.")]
Limit = Annotated[int | None, strawberry.argument(description="Objects on a page: 25 unless told, at most 1,000.")]
SearchTerm = Annotated[
    str | None, strawberry.argument(description="Text that one of the list's search fields contains.")
]
CurrencyFilter = Annotated[str | None, strawberry.argument(description="In this currency.")]
AmountFrom = Annotated[BigInt | None, strawberry.argument(description="Total of at least this, in minor units.")]
AmountTo = Annotated[BigInt | None, strawberry.argument(description="Total of at most this, in minor units.")]
IssuedFrom = Annotated[ISO8601Date | None, strawberry.argument(description="Issued on this day or later.")]
IssuedTo = Annotated[ISO8601Date | None, strawberry.argument(description="Issued on this day or earlier.")]
FromDay = Annotated[ISO8601Date | None, strawberry.argument(description="On this day (UTC) or later.")]
ToDay = Annotated[ISO8601Date | None, strawberry.argument(description="On this day (UTC) or earlier.")]
CustomerFilter = Annotated[strawberry.ID | None, strawberry.argument(description="Of this customer.")]
ExternalCustomerFilter = Annotated[
    str | None, strawberry.argument(description="Of the customer with this external id.")
]
IdArgument = Annotated[strawberry.ID, strawberry.argument(description="Internal id.")]


def id_of(resource: str, text: str) -> UUID:
    """The id that ``text`` writes. Raises ``NotFound(resource)`` where it writes none."""
    found = parse_id(text)
    if found is None:
        raise NotFound(resource)
    return found


def page_request(page: int | None, limit: int | None) -> PageRequest:
    """The page asked for; anything unusable counts as absent (spec 07 §6.1)."""
    return PageRequest.of(page, limit, default=DEFAULT_LIMIT)


def collection(page: Page[Any], items: Sequence[Any] | None = None) -> Any:
    """A page as its collection; ``items`` when they are not the rows themselves."""
    meta = page.meta()
    return Collection(
        collection=list(page.items if items is None else items),
        metadata=CollectionMetadata(
            current_page=meta["current_page"] or 0,
            total_pages=page.total_pages,
            total_count=page.total_count,
            limit_value=page.request.per_page,
        ),
    )
