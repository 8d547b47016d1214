"""A subscription with usage thresholds, driven by the sandbox clock."""

from __future__ import annotations

from typing import Any

from tests.support.sandbox import Sandbox

STARTED = "2024-02-01T00:00:00Z"
MARCH = "2024-03-01T00:00:00Z"


def threshold(amount_cents: int, *, recurring: bool = False, name: str | None = None) -> dict[str, Any]:
    return {"amount_cents": amount_cents, "recurring": recurring, "threshold_display_name": name}


async def sell(
    sandbox: Sandbox,
    *thresholds: dict[str, Any],
    plan_cents: int = 0,
    amount: str = "0.01",
    tax: str | None = None,
    year: int = 2024,
    **customer: Any,
) -> Any:
    """Subscription ``s1`` since 1 February of ``year`` on plan ``p`` with metric ``calls``; a unit costs a cent."""
    await sandbox.customer("c1", currency="EUR", **customer)
    if tax is not None:
        await sandbox.tax("vat", tax)
    plan = await sandbox.plan("p", plan_cents)
    await sandbox.charge(plan, properties={"amount": amount})
    if thresholds:
        await set_thresholds(sandbox, *thresholds)
    started = STARTED.replace("2024", str(year))
    await sandbox.advance(started)
    await sandbox.subscribe("s1", "p", subscription_at=started)
    return plan


async def set_thresholds(sandbox: Sandbox, *thresholds: dict[str, Any], plan: str = "p") -> Any:
    body = {"plan": {"usage_thresholds": list(thresholds)}}
    return (await sandbox.call("PUT", f"plans/{plan}", body))["plan"]


async def use(sandbox: Sandbox, when: str, units: Any, *, year: int = 2024, **more: Any) -> None:
    """Advance to the day ``when`` (such as ``02-06``), use ``units`` there, and have it checked."""
    instant = f"{year}-{when}T12:00:00+00:00"
    await sandbox.advance(instant.replace("+00:00", "Z"))
    await sandbox.send((instant, str(units)), **more)
    await settle(sandbox, instant)


async def settle(sandbox: Sandbox, instant: str) -> None:
    """Have marks checked: the clock stays where it is."""
    await sandbox.advance(instant.replace("+00:00", "Z"))


async def progressive(sandbox: Sandbox) -> list[Any]:
    """Progressive invoices with everything, oldest first."""
    found = await sandbox.invoices(invoice_type="progressive_billing")
    found.sort(key=lambda item: item["sequential_id"] or 0)
    return [await sandbox.invoice(item["lago_id"]) for item in found]


async def closing(sandbox: Sandbox) -> Any:
    """The latest subscription invoice, with everything."""
    found = await sandbox.invoices(invoice_type="subscription")
    return await sandbox.invoice(found[-1]["lago_id"])


def sums(invoice: Any) -> dict[str, int]:
    names = ("fees", "progressive_billing_credit", "coupons", "sub_total_excluding_taxes", "taxes", "total")
    return {name: invoice[f"{name}_amount_cents"] for name in names}


async def notes(sandbox: Sandbox) -> list[Any]:
    found = (await sandbox.call("GET", "credit_notes", params={"per_page": 100}))["credit_notes"]
    return sorted(found, key=lambda item: item["number"])


async def lifetime(sandbox: Sandbox, subscription: str = "s1", **query: Any) -> Any:
    return (await sandbox.call("GET", f"subscriptions/{subscription}/lifetime_usage", params=query))["lifetime_usage"]
