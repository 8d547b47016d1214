"""Events in the back office (spec 07 §7.9)."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from billwright.billing.metering.store.protocol import EventIn
from tests.graphql.support import CLOCK, World, make_customers, make_plan
from tests.ui.support import BASE, ids, visitor, words

PATH = f"{BASE}/developers/events"


async def _send(world: World, *events: dict[str, Any]) -> None:
    usual = {
        "code": "calls_scale", "properties": {"n": 1}, "created_at": CLOCK, "timestamp": CLOCK,
        "external_subscription_id": "sub_c0", "organization_id": world.organization.id,
    }  # fmt: skip
    await world.runtime.event_store.append([EventIn(**{**usual, **event}) for event in events])


async def test_the_list_goes_on_where_a_page_ended(world: World) -> None:
    async with visitor(world) as admin:
        empty = words(await admin.page(PATH))
        assert "No events yet" in empty
        assert "curl -X POST http://billwright.test/api/v1/events" in empty
        await make_customers(world, await make_plan(world), 1)
        await _send(world, *({"transaction_id": f"t{number:03}"} for number in range(60)))
        page = await admin.page(PATH)
        shown = re.findall(r"<span class=\"mono clip\" title=\"(t\d+)\"", page)
        assert shown == [f"t{number:03}" for number in range(59, 9, -1)], "one instant, in the order of arrival"
        older = re.search(r'href="([^"]+after=[^"]+)"', page)
        assert older is not None
        await _send(world, {"transaction_id": "later", "created_at": CLOCK + timedelta(hours=1)})
        rest = await admin.part(older[1], "results")
        assert rest.text.lstrip().startswith('<div id="results"')
        assert re.findall(r"title=\"(t\d+)\"", rest.text) == [f"t{number:03}" for number in range(9, -1, -1)]
        assert "Older" not in rest.text
        assert "Latest" in rest.text
        assert "later" in await admin.page(PATH)
        assert re.findall(r"title=\"(t\d+)\"", await admin.page(f"{PATH}?search=t004")) == ["t004"]
        assert "No events match" in words(await admin.page(f"{PATH}?search=t00"))
        wrong = await admin.get(f"{PATH}?after=nonsense")
        assert wrong.headers["location"] == PATH
    async with visitor(world, "manager") as manager:
        assert (await manager.get(PATH)).status_code == 403


async def test_an_event_says_what_is_wrong_with_it(world: World) -> None:
    await make_customers(world, await make_plan(world), 1)
    known = await ids(world)
    await _send(
        world,
        {"transaction_id": "good/1", "metadata": {"ip_address": "198.51.100.7", "user_agent": "curl/8"}},
        {"transaction_id": "unknown", "code": "nobody"},
        {"transaction_id": "missing", "properties": {"m": 1}},
        {"transaction_id": "<b>&1", "external_subscription_id": "nobody"},
    )
    async with visitor(world) as admin:
        page = await admin.page(PATH)
        listed = words(page)
        assert listed.count("Unknown code") == 1
        assert listed.count("Property missing") == 1
        assert "nobody Unknown code unknown" in listed
        links = [link.replace("&amp;", "&") for link in re.findall(r'data-href="([^"]+)"', page)]
        assert len(links) == 4
        assert "<b>&1" not in page
        good = next(link for link in links if "good%2F1" in link)
        whole = await admin.page(good)
        shown = words(whole)
        assert "Billable metric API calls" in shown
        assert "IP address 198.51.100.7 Client curl/8" in shown
        assert f'href="{BASE}/subscription/{known["subscription"]}"' in whole
        assert f'href="{BASE}/customer/{known["customer"]}"' in whole
        assert "&#34;n&#34;: 1" in whole
        assert 'class="banner' not in whole
        unknown = words(await admin.page(next(link for link in links if "unknown" in link)))
        assert (
            "No billable metric has the code nobody: the event is kept, and nothing counts it. Create a metric"
            in unknown
        )
        missing = words(await admin.page(next(link for link in links if "missing" in link)))
        assert "The metric aggregates the property n, which this event does not have" in missing
        orphan = words(await admin.page(next(link for link in links if "nobody" in link)))
        assert "No subscription with this id runs at the event's time" in orphan
        await admin.page(f"{PATH}?transaction=nothing", 404)
