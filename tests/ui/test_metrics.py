"""Billable metrics in use: filters and deletion (spec 07 §7.6, 01 §1.4)."""

from __future__ import annotations

from sqlalchemy import text

from tests.graphql.support import World, make_customers, make_plan
from tests.ui.support import BASE, ids, visitor, words

FILTERS = "query($id: ID!){ billableMetric(id:$id){ filters{ key values } } }"


async def test_keys_are_written_once(world: World) -> None:
    async with visitor(world) as admin:
        fields = {"name": "Calls", "code": "calls", "aggregation": "count_agg", "do": "save"}
        rows = [("filter_key", "region"), ("filter_values", "eu"), ("filter_key", "region"), ("filter_values", "us")]
        body = {**fields, "csrf_token": admin.token}
        sent = "&".join(f"{name}={value}" for name, value in [*body.items(), *rows])
        head = {"content-type": "application/x-www-form-urlencoded"}
        answer = await admin.post(f"{BASE}/create/billable-metric", content=sent, headers=head)
        assert answer.status_code == 422
        assert "Something is written twice." in words(answer.text)
        assert answer.text.count('value="region"') == 2


async def test_values_in_use_go_only_when_it_is_confirmed(world: World) -> None:
    await make_plan(world)
    metric = (await ids(world))["metric"]
    form = f"{BASE}/billable-metric/{metric}/edit"
    async with visitor(world) as admin:
        fields = {"name": "Calls", "do": "save", "filter_key": "region"}
        await admin.submit(form, **fields, filter_values="eu, us")
        asked = await admin.submit(form, **fields, filter_values="us, asia")
        assert asked.status_code == 422
        assert "region: eu goes: prices of charges on 1 plan lose this value" in words(asked.text)
        assert 'value="us, asia"' in asked.text
        found = (await world.data(FILTERS, id=metric))["billableMetric"]["filters"]
        assert found == [{"key": "region", "values": ["eu", "us"]}]
        assert (await admin.submit(form, **fields, filter_values="us, asia", confirm="yes")).status_code == 303
        found = (await world.data(FILTERS, id=metric))["billableMetric"]["filters"]
        assert sorted(found[0]["values"]) == ["asia", "us"]
        page = words(await admin.page(f"{BASE}/billable-metric/{metric}"))
        assert "Filter region" in page


async def test_the_deletion_tells_what_it_affects(world: World) -> None:
    plan = await make_plan(world)
    async with world.runtime.database.transaction() as session:
        await session.execute(text("update organizations set invoice_grace_period = 3"))
    await make_customers(world, plan, 2)
    metric = (await ids(world))["metric"]
    async with visitor(world) as admin:
        page = words(await admin.page(f"{BASE}/billable-metric/{metric}"))
    assert "Its charges on 1 plan are deleted with it. 2 active subscriptions are no longer billed for it." in page
    assert "2 draft invoices lose its fees." in page
