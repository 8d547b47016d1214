"""What a sandbox holds."""

from __future__ import annotations

import strawberry

from billwright.billing.sandboxes.service import contents
from billwright.graphql.permissions import IsMember
from billwright.graphql.types.common import Inf, f


@strawberry.type(description="What resetting a sandbox deletes, in figures.")
class SandboxContents:
    customers_count: int = f("Customers, deleted ones included.")
    subscriptions_count: int = f("Subscriptions in any state.")
    invoices_count: int = f("Invoices in any state.")


@strawberry.type
class SandboxQueries:
    @strawberry.field(
        description="What the sandbox chosen by the header holds; not_a_sandbox for a live organization.",
        permission_classes=[IsMember],
    )
    async def sandbox_contents(self, info: Inf) -> SandboxContents:
        async with info.context.reading() as ctx:
            found = await contents(ctx)
        return SandboxContents(**{f"{name}_count": count for name, count in found.items()})
