"""The form of billable metrics: filters, expressions, custom code; and deletion (spec 07 §7.6, 01 §1.4, §9.2)."""

from __future__ import annotations

import json
from html import unescape
from urllib.parse import urlencode

from sqlalchemy import text

from tests.billing.metering.custom_aggregation.programs import EX_18
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


async def test_custom_code_is_tried_event_by_event(world: World) -> None:
    """Spec 01 §9.2, Ex 18: a test run with sample events shows the state after each event."""
    form = f"{BASE}/create/billable-metric"
    events = [{"properties": {"gb": gb, "zone": zone}} for gb, zone in ((4, "eu"), (10, "asia"), (16, "us"))]
    ranges = [
        {"from": 0, "to": 10, "eu": 0, "us": 0, "asia": 0},
        {"from": 10, "to": 20, "eu": 0.10, "us": 0.20, "asia": 0.30},
        {"from": 20, "to": None, "eu": 0.20, "us": 0.30, "asia": 0.40},
    ]
    fields = {"name": "Gigabytes", "code": "gb", "aggregation": "custom_agg", "source": EX_18.replace("\n", "\r\n"),
              "sample_events": json.dumps(events), "sample_properties": json.dumps({"ranges": ranges})}  # fmt: skip
    async with visitor(world) as admin:
        page = await admin.page(form)
        assert '<option value="custom_agg">Custom</option>' in page
        assert "def aggregate(event, state, properties):" in page, "something to begin with"
        tried = words((await admin.submit(form, **fields, do="try")).text)
        steps = ['"eu"} 4 0', '"asia"} 14 1.2', '"us"} 30 5.4']
        assert [tried.index(step) for step in steps] == sorted(tried.index(step) for step in steps)
        for wrong, said in (
            ({"sample_events": "[{"}, "The events are not JSON."),
            ({"sample_events": "{}"}, "The events are a JSON list."),
            ({"sample_events": '[{"timestamp": 1}, {}]'}, "Either all events have a timestamp or none."),
            ({"sample_events": '[{"timestamp": "soon"}]'}, "A timestamp is a number of Unix seconds."),
            ({"sample_events": '[{"properties": 1}]'}, "An event is an object such as"),
            ({"sample_events": "[" + ", ".join(["{}"] * 101) + "]"}, "At most 100 events."),
            ({"sample_properties": "NaN"}, "The properties are not JSON."),
            ({"sample_properties": "{}"}, "line 6"),
            ({"source": ""}, "This cannot be empty."),
            ({"source": "def aggregate(event, state, properties):\n    import os\n    return {}"}, "Line 2."),
        ):
            answer = await admin.submit(form, **{**fields, **wrong}, do="try")
            assert said in words(answer.text), wrong


async def test_custom_code_is_saved_shown_and_locked(world: World) -> None:
    form = f"{BASE}/create/billable-metric"
    fields = {"name": "Gigabytes", "code": "gb", "aggregation": "custom_agg", "do": "save"}
    async with visitor(world) as admin:
        bad = await admin.submit(
            form, **fields, source="def aggregate(event, state, properties):\n    while True: pass"
        )
        assert bad.status_code == 422
        assert "Line 2." in words(bad.text)
        assert "while True" in bad.text
        made = await admin.submit(form, **fields, source=EX_18)
        assert made.status_code == 303, words(made.text)
        page = unescape(await admin.page(made.headers["location"]))
        assert EX_18.strip() in page
        assert '"gb": 1' in page, "the sample event has what the code reads"
        assert '"zone": 1' in page
        edited = await admin.page(made.headers["location"] + "/edit")
        assert EX_18.strip() in unescape(edited)
        await admin.submit(made.headers["location"] + "/edit", **fields, source=EX_18.replace("units", "volume"))
        await admin.submit(made.headers["location"] + "/edit", **fields, source=EX_18)
        found = await world.data("{ activityLogs { collection { activityObjectChanges } } }")
        [back, there] = [item["activityObjectChanges"] for item in found["activityLogs"]["collection"][:2]]
        assert there["custom_aggregator"] == back["custom_aggregator"][::-1], "on record, but not the code"
        assert all(text.startswith("sha256:") for text in there["custom_aggregator"])
        metric = made.headers["location"].rpartition("/")[2]
        charge = {"billableMetricId": metric, "chargeModel": "custom", "properties": {"custom_properties": {}}}
        plan = {"name": "P", "code": "p", "interval": "monthly", "amountCents": "0", "amountCurrency": "EUR",
                "payInAdvance": False, "charges": [charge]}  # fmt: skip
        await world.data("mutation($input: CreatePlanInput!){ createPlan(input:$input){ id } }", input=plan)
        locked = await admin.page(made.headers["location"] + "/edit")
        assert 'name="source"' not in locked
        assert EX_18.strip() in unescape(locked), "read only"
        assert "Aggregation Custom" in words(locked)
        saved = await admin.submit(made.headers["location"] + "/edit", name="GB", do="save")
        assert saved.status_code == 303
    stored = await world.data("query($id: ID!){ billableMetric(id:$id){ name customAggregator } }", id=metric)
    assert stored["billableMetric"] == {"name": "GB", "customAggregator": EX_18.strip()}


async def test_the_sample_event_follows_the_expression_until_it_is_changed(world: World) -> None:
    form = f"{BASE}/create/billable-metric"
    fields = {"name": "Cpu", "code": "cpu", "aggregation": "sum_agg", "field": "cost", "do": "test"}
    expression = "round(event.properties.cpus * event.properties.hours)"
    async with visitor(world) as admin:
        begun = unescape(await admin.page(form))
        assert '"value": 1' in begun
        sample = '{"code": "sample", "properties": {"value": 1}}'
        asked = await admin.submit(form, **fields, expression=expression, payload=sample)
        assert '"cpus": 1' in unescape(asked.text)
        assert "It gives 1" in words(asked.text)
        asked = await admin.submit(
            form, **fields, expression=expression, payload=sample.replace("value", "hours").replace("1", "2")
        )
        assert '"cpus"' not in unescape(asked.text), "an event that somebody wrote stays"
        made = await admin.submit(
            form, **{**fields, "do": "save"}, expression=expression, filter_key="region", filter_values="eu, us"
        )
        page = unescape(await admin.page(made.headers["location"]))
        assert '"cpus": 1' in page
        assert '"region": "eu"' in page
        assert '"cost"' not in page, "the expression writes it"


async def test_a_filter_is_removed_by_its_button(world: World) -> None:
    async with visitor(world) as admin:
        filters = [("region", "eu"), ("", ""), ("cloud", "aws")]
        rows = [pair for key, text in filters for pair in (("filter_key", key), ("filter_values", text))]
        rows += [("csrf_token", admin.token), ("do", "remove-filter:2")]
        head = {"content-type": "application/x-www-form-urlencoded"}
        answer = await admin.post(f"{BASE}/create/billable-metric", content=urlencode(rows), headers=head)
        assert answer.status_code == 200
        assert 'value="region"' in answer.text
        assert 'value="cloud"' not in answer.text
