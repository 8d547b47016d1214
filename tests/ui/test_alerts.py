"""Alerts in the back office: on subscriptions and wallets, the form with its mistakes, removing (spec 07 §9.4)."""

from __future__ import annotations

import re
from html import unescape

from billwright.billing.progressive.processing import check_marked
from tests.graphql.support import World
from tests.ui.support import BASE, company, visitor


async def test_an_alert_on_a_subscription_is_made_told_and_removed(world: World) -> None:
    known = await company(world)
    subscription = f"{BASE}/subscription/{known['subscription']}"
    async with visitor(world) as browser:
        text = await browser.page(f"{subscription}/usage")
        assert "€50.00" in text, "the alert that is there"
        form = await browser.page(f"{subscription}/alerts/create")
        assert "API calls" in form
        bad = await browser.submit(
            f"{subscription}/alerts/create",
            "alert-form",
            name="Calls",
            code="calls",
            type="billable_metric_current_usage_units",
            metric=known["metric"],
            **{"value-0": "ten", "value-1": "5", "every": "-1"},
        )
        assert bad.status_code == 422
        assert "This is not a number." in bad.text
        assert 'value="ten"' in bad.text
        sent = {
            "type": "billable_metric_current_usage_units",
            "metric": known["metric"],
            "value-0": "10",
            "code-0": "ten",
        }
        negative = await browser.submit(f"{subscription}/alerts/create", "alert-form", code="calls", every="-1", **sent)
        assert "A step is more than 0." in negative.text
        made = await browser.submit(f"{subscription}/alerts/create", code="calls", every="2,5", **sent)
        assert (made.status_code, made.headers["location"]) == (303, f"{subscription}/usage")
        again = await browser.submit(f"{subscription}/alerts/create", "alert-form", code="calls", **sent)
        assert "This is taken already." in again.text
        assert "Another alert watches this already" in again.text
        assert await check_marked(world.runtime, world.organization.id) == 1
        text = unescape(await browser.page(f"{subscription}/usage"))
        assert "10 units, then every 2.5 units" in text
        assert "Units of API calls" in text
        edit = re.findall(r'href="([^"]*/alert/[^"]*/edit)"', text)[-1]
        shown = await browser.page(edit)
        assert 'value="2.5"' in shown
        changed = await browser.submit(edit, name="Many calls", code="calls", **{"value-0": "20"})
        assert changed.status_code == 303
        assert "Many calls" in await browser.page(f"{subscription}/usage")
        removed = await browser.submit(edit.replace("/edit", "/delete"))
        assert removed.headers["location"] == f"{subscription}/usage"
        assert "Many calls" not in await browser.page(f"{subscription}/usage")


async def test_on_a_wallet_money_is_written_in_its_currency(world: World) -> None:
    known = await company(world)
    wallet = f"{BASE}/wallet/{known['wallet']}"
    async with visitor(world) as browser:
        assert "No alerts yet" in await browser.page(wallet)
        sent = {"code": "low", "type": "wallet_balance_amount", "value-0": "12.50", "value-1": "1"}
        made = await browser.submit(f"{wallet}/alerts/create", **sent)
        assert made.headers["location"] == wallet
        text = unescape(await browser.page(wallet))
        assert "€1.00, €12.50" in text
        [edit] = set(re.findall(r'href="([^"]*/alert/[^"]*/edit)"', text))
        shown = await browser.page(edit)
        assert 'value="12.50"' in shown
        assert "falls to" in shown
        nothing = await browser.submit(edit, "alert-form", code="low")
        assert "Write at least one threshold." in nothing.text
    async with visitor(world, "finance") as reader:
        text = await reader.page(wallet)
        assert "€1.00, €12.50" in unescape(text)
        assert "/alerts/create" not in text
