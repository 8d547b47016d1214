"""What can be done with an issued invoice on its page (spec 07 §7.8)."""

from __future__ import annotations

from tests.graphql.support import World
from tests.ui.support import BASE, company, visitor, words

ACTIONS = ("#payment-status", "#void", "#dispute")


async def test_the_payment_status_is_set_and_set_back(world: World) -> None:
    known = await company(world, 1)
    href = f"{BASE}/invoice/{known['invoice']}"
    async with visitor(world) as admin:
        page = await admin.page(href)
        assert all(f'href="{action}"' in page for action in ACTIONS)
        paid = await admin.submit(f"{href}/payment-status", "invoice", payment_status="succeeded")
        assert paid.text.lstrip().startswith('<div id="invoice">')
        assert "Marked as paid. No payment is recorded." in words(paid.text)
        failed = await admin.submit(f"{href}/payment-status", "invoice", payment_status="failed")
        assert "Failed" in words(failed.text)
        unknown = await admin.submit(f"{href}/payment-status", "invoice", payment_status="refunded")
        assert "This is not a valid value." in unknown.headers["hx-trigger"]
        back = await admin.submit(f"{href}/payment-status", payment_status="pending")
        assert back.headers["location"] == href


async def test_voiding(world: World) -> None:
    known = await company(world, 1)
    href = f"{BASE}/invoice/{known['invoice']}"
    async with visitor(world) as admin:
        voided = await admin.submit(f"{href}/void", "invoice")
        said = words(voided.text)
        assert "Voided: nothing is due." in said
        assert "No payment." in said
        page = await admin.page(href)
        assert not any(f'href="{action}"' in page for action in (*ACTIONS, "#record-payment"))
        again = await admin.submit(f"{href}/void", "invoice")
        assert "negative" in again.headers["hx-trigger"]
        late = await admin.submit(f"{href}/payment-status", "invoice", payment_status="succeeded")
        assert "negative" in late.headers["hx-trigger"]


async def test_a_lost_dispute(world: World) -> None:
    known = await company(world, 1)
    href = f"{BASE}/invoice/{known['invoice']}"
    async with visitor(world) as admin:
        lost = await admin.submit(f"{href}/dispute", "invoice")
        assert "Dispute lost" in words(lost.text)
        page = await admin.page(href)
        assert 'href="#void"' not in page
        assert 'href="#dispute"' not in page
        assert 'href="#payment-status"' in page
