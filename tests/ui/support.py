"""A browser without a screen: cookies, forms with their token, and what a page says."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import httpx
from sqlalchemy import text

from billwright.billing.access.invites import create_invite
from billwright.billing.add_ons.schemas import AddOnCreate
from billwright.billing.add_ons.service import create_add_on
from billwright.billing.alerts.queries import Watched
from billwright.billing.alerts.schemas import AlertInput
from billwright.billing.alerts.service import create_alert
from billwright.billing.coupons.schemas import CouponInput
from billwright.billing.coupons.service import create_coupon
from billwright.billing.credit_notes.schemas import CreditNoteCreate
from billwright.billing.credit_notes.service import create_credit_note
from billwright.billing.entitlements.schemas import FeatureCreate
from billwright.billing.entitlements.service import create_feature
from billwright.billing.kernel.ids import new_id
from billwright.billing.notifications.endpoints import create_endpoint
from billwright.billing.notifications.models import Webhook
from billwright.billing.notifications.schemas import EndpointInput
from billwright.billing.payments.schemas import PaymentInput
from billwright.billing.payments.service import create_manual_payment
from billwright.billing.taxes.schemas import TaxCreate
from billwright.billing.taxes.service import create_tax
from billwright.billing.wallets.schemas import WalletInput
from billwright.billing.wallets.service import create_wallet
from billwright.ui import csrf, sessions
from billwright.ui.application import PARTS
from tests.graphql.support import CLOCK, World, make_customers, make_plan, send_usage

BASE = "/acme-search"


class Visitor(httpx.AsyncClient):
    """Somebody's browser; ``token`` is the CSRF token that every page of theirs carries."""

    token: str = ""

    async def submit(self, path: str, htmx: str | None = None, **fields: str) -> httpx.Response:
        """Post a form as a page does; ``htmx`` names the element that htmx swaps."""
        headers = {"hx-request": "true", "hx-target": htmx} if htmx is not None else {}
        return await self.post(path, data={csrf.FIELD: self.token, **fields}, headers=headers)

    async def part(self, path: str, target: str, **headers: str) -> httpx.Response:
        """Get the part of a page that htmx asks for."""
        return await self.get(path, headers={"hx-request": "true", "hx-target": target, **headers})

    async def ask(self, method: str, address: str, **fields: str) -> httpx.Response:
        """Open an address of ``PAGES`` as the browser does, or send its form."""
        if method == "GET":
            return await self.get(address, headers=headers_of(address))
        return await self.submit(address, **fields)

    async def fragment(self, path: str, status: int = 200) -> str:
        """The text of what htmx puts into a page (``PARTS``), whose answer must have ``status``."""
        answer = await self.get(path, headers=HTMX)
        assert answer.status_code == status, f"{path}: {answer.status_code}"
        return answer.text

    async def page(self, path: str, status: int = 200) -> str:
        """The text of a page, whose answer must have ``status``."""
        answer = await self.get(path)
        assert answer.status_code == status, f"{path}: {answer.status_code} {answer.headers.get('location')}"
        return answer.text


HTMX = {"hx-request": "true"}


_PARTS = re.compile("|".join(re.sub(r"\{\w+\}", "[^/]+", f"/[^/]+{path}") for path in PARTS))


def headers_of(address: str) -> dict[str, str]:
    """What the browser says when it opens the address: parts of pages are asked for by htmx."""
    return HTMX if _PARTS.fullmatch(address.partition("?")[0]) else {}


def visitor(world: World, role: str | None = "admin") -> Visitor:
    """A browser in which a member of that role is logged in, or nobody."""
    transport = httpx.ASGITransport(app=world.app, raise_app_exceptions=False)
    made = Visitor(transport=transport, base_url="http://billwright.test", headers={"accept": "text/html"})
    if role is not None:
        made.cookies.set(sessions.COOKIE, world.tokens[role], domain="billwright.test")
        made.token = csrf.token_for(world.settings, world.tokens[role])
    return made


def words(markup: str) -> str:
    """What a reader sees of ``markup``: tags gone, blanks single."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", markup)).split())


def field(markup: str, name: str) -> str:
    """The value of an input."""
    found = re.search(rf'<input[^>]*name="{name}"[^>]*>', markup)
    assert found is not None, name
    value = re.search(r'value="([^"]*)"', found[0])
    return unescape(value[1]) if value else ""


async def ids(world: World) -> dict[str, str]:
    """The first object of each kind, by the word of its address."""
    async with world.runtime.database.reading() as session:

        async def first(table: str) -> Any:
            return await session.scalar(
                text(f"select id from {table} where organization_id = :org order by created_at, id limit 1"),
                {"org": world.organization.id},
            )

        return {
            word: str(await first(table))
            for word, table in (
                ("customer", "customers"),
                ("subscription", "subscriptions"),
                ("invoice", "invoices"),
                ("plan", "plans"),
                ("metric", "billable_metrics"),
                ("job", "jobs"),
                ("key", "api_keys"),
                ("endpoint", "webhook_endpoints"),
                ("delivery", "webhooks"),
                ("member", "memberships"),
                ("invite", "invites"),
                ("charge", "charges"),
                ("fee", "fees"),
                ("coupon", "coupons"),
                ("applied", "applied_coupons"),
                ("add_on", "add_ons"),
                ("feature", "features"),
                ("tax", "taxes"),
                ("wallet", "wallets"),
                ("alert", "alerts"),
                ("credit_note", "credit_notes"),
                ("payment", "payments"),
            )
        }


async def make_invitation(world: World) -> None:
    """Somebody who is invited."""
    async with world.runtime.database.transaction() as session:
        ctx = await world.fresh(session)
        await create_invite(ctx, world.runtime.box, "guest@acme.example", ["manager"], granted_by=["admin"])


async def make_delivery(world: World) -> None:
    """A webhook endpoint with one failed delivery."""
    async with world.runtime.database.transaction() as session:
        ctx = await world.fresh(session)
        endpoint = await create_endpoint(ctx, EndpointInput.parse({"webhook_url": "https://hooks.example.com/in"}))
        session.add(
            Webhook(
                id=new_id(),
                organization_id=world.organization.id,
                endpoint_id=endpoint.id,
                event_id=new_id(),
                webhook_type="customer.created",
                object_type="customer",
                object_id=new_id(),
                endpoint=endpoint.webhook_url,
                payload=b'{"webhook_type":"customer.created","customer":{"name":"Hooli"}}',
                status="failed",
                retries=3,
                http_status=503,
                response="busy",
                created_at=CLOCK,
                updated_at=CLOCK,
            )
        )


async def make_discounts(world: World) -> None:
    """A coupon, an add-on, a tax and a feature."""
    async with world.runtime.database.transaction() as session:
        ctx = await world.fresh(session)
        coupon = {"name": "Fair", "code": "fair-2024", "coupon_type": "percentage", "percentage_rate": "10"}
        await create_coupon(ctx, CouponInput.parse({**coupon, "frequency": "once", "expiration": "no_expiration"}))
        add_on = {"name": "Kit", "code": "kit-2024", "amount_cents": 50000, "amount_currency": "EUR"}
        await create_add_on(ctx, AddOnCreate.parse(add_on))
        await create_tax(ctx, TaxCreate.parse({"name": "Reduced", "code": "reduced-2024", "rate": "5"}))
        await create_feature(ctx, FeatureCreate.parse({"code": "seats", "privileges": [{"code": "max"}]}))


async def make_wallet(world: World, customer: str = "c0", **more: object) -> str:
    """An empty wallet of a customer, one credit worth half a euro; its id."""
    async with world.runtime.database.transaction() as session:
        wallet = {"external_customer_id": customer, "name": "Prepaid", "rate_amount": "0.5", "currency": "EUR", **more}
        return str((await create_wallet(await world.fresh(session), WalletInput.parse(wallet))).id)


async def make_credit_note(world: World, **parts: int) -> str:
    """A credit note on the first invoice, 5.00 as credit unless told; its id."""
    known = await ids(world)
    given = parts or {"credit_amount_cents": 500}
    async with world.runtime.database.transaction() as session:
        fee = await session.scalar(text("select id from fees where invoice_id = :id"), {"id": known["invoice"]})
        items = [{"fee_id": str(fee), "amount_cents": sum(given.values())}]
        asked = {"invoice_id": known["invoice"], "reason": "other", "items": items, **given}
        return str((await create_credit_note(await world.fresh(session), CreditNoteCreate.parse(asked))).id)


async def make_payment(world: World, cents: int = 500) -> str:
    """A payment of the first invoice, 5.00 unless told; its id."""
    known = await ids(world)
    sent = {"invoice_id": known["invoice"], "amount_cents": cents, "reference": "wire 1"}
    async with world.runtime.database.transaction() as session:
        return str((await create_manual_payment(await world.fresh(session), PaymentInput.parse(sent))).id)


async def make_alert(world: World) -> None:
    """An alert on the usage of the first subscription."""
    async with world.runtime.database.transaction() as session:
        values = {"alert_type": "current_usage_amount", "code": "spend", "thresholds": [{"value": 5000}]}
        await create_alert(await world.fresh(session), Watched("sub_c0"), AlertInput.parse(values))


async def company(world: World, customers: int = 2, *, grace_days: int = 0) -> dict[str, str]:
    """Customers on a plan in advance, the first with usage; their ids, see ``ids``."""
    if grace_days:
        async with world.runtime.database.transaction() as session:
            await session.execute(
                text("update organizations set invoice_grace_period = :days where id = :id"),
                {"days": grace_days, "id": world.organization.id},
            )
    await make_invitation(world)
    await make_delivery(world)
    await make_discounts(world)
    await make_customers(world, await make_plan(world), customers)
    await send_usage(world, "sub_c0", 12)
    await make_wallet(world)
    await make_alert(world)
    return await ids(world)
