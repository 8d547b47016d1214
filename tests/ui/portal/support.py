"""A customer's browser at its portal, and what it finds there."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import select, text
from sqlmodel import col

from billwright.billing.customers.models import Customer
from billwright.billing.wallets.schemas import WalletInput
from billwright.billing.wallets.service import create_wallet
from tests.graphql.support import World
from tests.ui.support import field


class Browser(httpx.AsyncClient):
    """A customer's browser at its portal."""

    base: str = ""

    async def page(self, path: str = "", status: int = 200) -> str:
        answer = await self.get(self.base + path)
        assert answer.status_code == status, answer.text[-800:]
        return answer.text

    async def part(self, target: str, path: str = "") -> str:
        answer = await self.get(self.base + path, headers={"hx-request": "true", "hx-target": target})
        assert answer.status_code == 200
        return answer.text

    async def submit(self, path: str, **fields: str) -> httpx.Response:
        """Send the form of the page at ``path``, with the token that it holds."""
        token = field(await self.page(path), "form_token")
        return await self.post(self.base + path.partition("?")[0], data={"form_token": token, **fields})

    async def buy(self, path: str, credits: str) -> httpx.Response:
        """Answer yes to a question whether to buy, with another number of credits."""
        return await self.submit(f"{path}?credits=10&review=1", credits=credits)


async def portal(world: World, external_id: str = "c0") -> Browser:
    async with world.runtime.database.reading() as session:
        customer = await session.scalar(select(Customer.id).where(col(Customer.external_id) == external_id))
    assert customer is not None
    transport = httpx.ASGITransport(app=world.app, raise_app_exceptions=False)
    made = Browser(transport=transport, base_url="http://billwright.test", headers={"accept": "text/html"})
    made.base = f"/customer-portal/{world.settings.portal_links.issue(customer)}"
    return made


async def change(world: World, sql: str, **values: Any) -> None:
    async with world.runtime.database.transaction() as session:
        await session.execute(text(sql), values)


async def id_of(world: World, table: str) -> str:
    async with world.runtime.database.reading() as session:
        return str(await session.scalar(text(f"select id from {table} order by created_at limit 1")))


async def make_wallet(world: World, **more: Any) -> UUID:
    async with world.runtime.database.transaction() as session:
        values = {"external_customer_id": "c0", "currency": "EUR", "rate_amount": "2", "paid_credits": "0",
                  "granted_credits": "0", "name": "Main", **more}  # fmt: skip
        return (await create_wallet(await world.fresh(session), WalletInput.parse(values))).id
