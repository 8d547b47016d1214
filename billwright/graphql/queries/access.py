"""Who is asking, and the organization chosen."""

from __future__ import annotations

from typing import Any

import strawberry

from billwright import __version__
from billwright.graphql.permissions import IsMember, IsPublic, IsSignedIn
from billwright.graphql.types.access import CurrentUser, Organization
from billwright.graphql.types.common import Inf, f
from billwright.server.health import GITHUB_URL


@strawberry.type(description="Version of this server.")
class CurrentVersion:
    number: str = f("Version number.")
    github_url: str = f("Address of its source.")


@strawberry.type
class AccessQueries:
    @strawberry.field(description="The signed-in person.", permission_classes=[IsSignedIn])
    async def current_user(self, info: Inf) -> CurrentUser:
        return CurrentUser(signed_in=await info.context.signed_in())

    @strawberry.field(description="The organization chosen by the header.", permission_classes=[IsMember])
    async def organization(self, info: Inf) -> Organization:
        found: Any = (await info.context.principal()).organization
        return found

    @strawberry.field(description="Version of this server.", permission_classes=[IsPublic])
    async def current_version(self) -> CurrentVersion:
        return CurrentVersion(number=__version__, github_url=GITHUB_URL)
