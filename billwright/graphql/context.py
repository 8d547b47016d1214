"""What one request carries through the schema: who asks, for which organization, on which database session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col
from strawberry.dataloader import DataLoader

from billwright.billing.access.context import Actor, Context
from billwright.billing.access.models import Organization, UserSession
from billwright.billing.access.sessions import Principal, SignedIn, load_principal, load_session
from billwright.billing.access.throttling import AttemptCounter
from billwright.billing.background.runtime import Runtime
from billwright.billing.customers.models import Customer
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import Session
from billwright.billing.kernel.errors import Forbidden, Unauthorized
from billwright.billing.portal.queries import find_visitor
from billwright.graphql.clock import ClockAdvances
from billwright.graphql.errors import ExpiredSession
from billwright.server.settings import Settings
from billwright.sso.service import SingleSignOn

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
Batch = Callable[[Context, Sequence[K]], Awaitable[Mapping[K, V]]]


@dataclass(frozen=True, slots=True)
class Services:
    """What a process offers to every request."""

    settings: Settings
    runtime: Runtime
    attempts: AttemptCounter
    clocks: ClockAdvances
    sso: SingleSignOn


@dataclass(frozen=True, slots=True)
class Visitor:
    """A customer in its portal."""

    organization: Organization
    customer: Customer


class RequestContext:
    """One request. Reads share a session, opened on first use and used by one statement at a time; each mutation has
    a transaction of its own, after which reads begin afresh, so that its answer shows what it wrote."""

    def __init__(
        self,
        services: Services,
        *,
        session_id: UUID | None = None,
        organization_id: UUID | None = None,
        slug: str | None = None,
        ip: str = "",
        browser: str | None = None,
        request_id: str | None = None,
        portal_token: str | None = None,
    ) -> None:
        self.services = services
        self.portal_token = portal_token
        """Of a customer in its portal; a request with one has no session, whatever else it carries."""
        self.session_id = session_id if portal_token is None else None
        self.organization_id = organization_id
        self.slug = slug
        self.ip = ip
        self.browser = browser
        """What binds a single sign-on under way to its browser: the value of a short-lived cookie."""
        self.bound_browser: str | None = None
        """Set by a query that begins a single sign-on: the value for that cookie."""
        self.request_id = request_id
        self.opened_session: UserSession | None = None
        """Set by a mutation that signs somebody in."""
        self.closed_session = False
        """Set by a mutation that logs out."""
        self._stack = AsyncExitStack()
        self._lock = asyncio.Lock()
        self._session: Session | None = None
        self._principal: Principal | None = None
        self._signed_in: SignedIn | None = None
        self._visitor: Visitor | None = None
        self._within: UUID | None = None
        """The organization that is read from; known again with the first object that is loaded."""
        self._loaders: dict[Any, DataLoader[tuple[UUID, Any], Any]] = {}

    async def close(self) -> None:
        """Give the read session back."""
        stack, self._stack = self._stack, AsyncExitStack()
        self._session = self._principal = self._signed_in = self._visitor = self._within = None
        self._loaders.clear()
        await stack.aclose()

    # --- who ------------------------------------------------------------------------------------------------------

    async def signed_in(self) -> SignedIn:
        """The session's user. Raises ``Unauthorized`` or ``ExpiredSession``."""
        if self._signed_in is None:
            if self.session_id is None:
                raise Unauthorized
            async with self._read() as session:
                if self._signed_in is None:
                    try:
                        self._signed_in = await load_session(session, self.session_id)
                    except Unauthorized:
                        await self._explain(session)
        assert self._signed_in is not None
        return self._signed_in

    async def present(self) -> SignedIn | None:
        """Whoever is signed in, behind a door that is open to everybody."""
        try:
            return await self.signed_in()
        except Unauthorized:
            return None

    async def principal(self) -> Principal:
        """The user acting in the chosen organization; checked anew on every request.

        Raises ``Unauthorized``, ``ExpiredSession`` and ``Forbidden`` (``missing_organization``,
        ``not_organization_member``, ``login_method_not_authorized``).
        """
        if self._principal is None:
            if self.session_id is None:
                raise Unauthorized
            if self.organization_id is None and self.slug is None:
                await self.signed_in()
                raise Forbidden("missing_organization")
            async with self._read() as session:
                if self._principal is None:
                    try:
                        self._principal = await load_principal(
                            session, self.session_id, organization_id=self.organization_id, slug=self.slug
                        )
                    except Unauthorized:
                        await self._explain(session)
        assert self._principal is not None
        return self._principal

    async def visitor(self) -> Visitor:
        """The customer whose portal the token opens, looked up anew on every request. Raises ``Unauthorized``."""
        if self._visitor is None:
            link = self.services.settings.portal_links.read(self.portal_token) if self.portal_token else None
            if link is None:
                raise Unauthorized
            async with self._read() as session:
                found = await find_visitor(session, link.customer_id)
            if found is None:
                raise Unauthorized
            self._visitor = Visitor(*found)
        return self._visitor

    async def _scope(self) -> tuple[Organization, Actor]:
        """In which organization the request acts, and as whom."""
        if self.portal_token is not None:
            visitor = await self.visitor()
            return visitor.organization, Actor("portal", visitor.customer.id)
        principal = await self.principal()
        return principal.organization, Actor("user", principal.user.id, principal.user.email)

    async def _explain(self, session: Session) -> None:
        """Why a signed token opens no session: expired, or unknown and revoked."""
        expires = await session.scalar(
            select(col(UserSession.expires_at)).where(
                col(UserSession.id) == self.session_id, col(UserSession.revoked_at).is_(None)
            )
        )
        raise ExpiredSession if expires is not None and expires <= system_now() else Unauthorized

    async def may(self, permission: str) -> bool:
        """Whether the roles grant ``permission``: for output fields that are null without it."""
        return permission in (await self.principal()).permissions

    # --- reading and writing ----------------------------------------------------------------------------------------

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[Context]:
        """The use cases' context on the request's read session, for one reader at a time."""
        organization, actor = await self._scope()
        async with self._read() as session:
            yield self._context(session, organization, actor)

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[Context]:
        """One transaction for one mutation."""
        organization, actor = await self._scope()
        organization_id = organization.id
        await self.close()
        async with self.services.runtime.database.transaction() as session:
            organization = await session.get_one(Organization, organization_id)
            yield self._context(session, organization, actor)

    def _context(self, session: Session, organization: Organization, actor: Actor) -> Context:
        settings = self.services.settings
        return Context(
            session,
            organization,
            actor=actor,
            event_store=self.services.runtime.event_store,
            request_id=self.request_id,
            api_url=settings.api_url,
            app_url=settings.app_url,
            allow_private_networks=settings.webhook_allow_private_networks,
        )

    @asynccontextmanager
    async def session(self) -> AsyncGenerator[Session]:
        """The read session alone, for what belongs to no organization."""
        async with self._read() as session:
            yield session

    @asynccontextmanager
    async def _read(self) -> AsyncGenerator[Session]:
        async with self._lock:
            if self._session is None:
                self._session = await self._stack.enter_async_context(self.services.runtime.database.reading())
            try:
                yield self._session
            except asyncio.CancelledError:
                # A field that fails for good has its neighbours cancelled, in the midst of a statement perhaps: what is
                # asked next needs another session.
                stack, self._stack, self._session = self._stack, AsyncExitStack(), None
                await stack.aclose()
                raise

    # --- loading ------------------------------------------------------------------------------------------------------

    async def load(self, batch: Batch[K, V], key: K, default: Any = None) -> Any:
        """The value of ``key``, loaded together with all others that are asked for at the same moment."""
        if self._within is None:
            self._within = (await self._scope())[0].id
        loader = self._loaders.get(batch)
        if loader is None:
            loader = self._loaders[batch] = DataLoader(load_fn=self._loading(batch))
        found = await loader.load((self._within, key))
        return default if found is None else found

    async def prime(self, batch: Batch[K, V], key: K, value: V) -> None:
        """Make ``load`` answer with ``value``, for an object that is stored nowhere."""
        await self.load(batch, key)
        organization, _ = await self._scope()
        loader = self._loaders[batch]
        loader.clear((organization.id, key))
        loader.prime((organization.id, key), value)

    def _loading(self, batch: Batch[K, Any]) -> Callable[[list[tuple[UUID, K]]], Awaitable[list[Any]]]:
        async def load(keys: list[tuple[UUID, K]]) -> list[Any]:
            async with self.reading() as ctx:
                mine = [key for organization_id, key in keys if organization_id == ctx.organization_id]
                found = await batch(ctx, mine)
            return [found.get(key) for _, key in keys]

        return load
