"""Activity logs in the back office and in GraphQL (spec 07 §7.9, §9.1)."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from uuid import uuid4

from billwright.billing.access.api_keys import create_api_key
from billwright.billing.access.context import Actor, Context
from billwright.billing.access.models import Organization
from billwright.billing.coupons.schemas import CouponInput
from billwright.billing.coupons.service import create_coupon, update_coupon
from billwright.ui.views.activity_changes import change_lines
from billwright.ui.views.activity_logs import words as said
from tests.graphql.support import World
from tests.ui.support import BASE, visitor, words

PATH = f"{BASE}/developers/activity-logs"
COUPON = {
    "name": "Ten",
    "code": "ten",
    "coupon_type": "fixed_amount",
    "amount_cents": 1000,
    "amount_currency": "EUR",
    "frequency": "once",
    "expiration": "no_expiration",
}


async def _work(world: World) -> dict[str, Any]:
    """A coupon made by an API key and renamed by a member; an API key."""
    made: dict[str, Any] = {}
    member = Actor("user", uuid4(), "anna@acme.example")
    for step in ("key", "create", "update"):
        async with world.runtime.database.transaction() as session:
            ctx = Context(session, await session.get_one(Organization, world.organization.id))
            if step == "key":
                ctx.actor = member
                made["key"] = (await create_api_key(ctx, "Backend")).key
            elif step == "create":
                ctx.actor = Actor("api_key", made["key"].id)
                made["coupon"] = await create_coupon(ctx, CouponInput.parse(COUPON))
            else:
                ctx.actor = member
                await update_coupon(ctx, "ten", CouponInput.parse({"name": "<b>Twelve</b>", "description": "Big"}))
    return made


async def test_the_list_is_filtered_and_a_row_shows_what_changed(world: World) -> None:
    made = await _work(world)
    coupon = str(made["coupon"].id)
    async with visitor(world) as admin:
        page = await admin.page(PATH)
        listed = words(page)
        newest, older = (
            listed.index("Coupon updated <b>Twelve</b> anna@acme.example"),
            listed.index("Coupon created Ten"),
        )
        assert newest < older < listed.index("API key created Backend anna@acme.example")
        assert "API key Backend" in listed
        for query, expected in (
            (f"?search={coupon}", ["Coupon updated <b>Twelve</b>", "Coupon created Ten"]),
            (f"?search={coupon}&source=api", ["Coupon created Ten"]),
            ("?kind=ApiKey&member=Anna@acme.example", ["API key created Backend"]),
            ("?activity=coupon.updated", ["Coupon updated <b>Twelve</b>"]),
            ("?customer=nobody", []),
            ("?activity=coupon.created&day_to=2024-01-01", []),
        ):
            part = (await admin.part(f"{PATH}{query}", "results")).text
            assert [
                unescape(title) for title in re.findall(r'<a class="change-name"[^>]*title="([^"]*)"', part)
            ] == expected, query
        assert "Through Back office" in words(await admin.page(f"{PATH}?source=front"))
        assert "No changes match" in words(await admin.page(f"{PATH}?search=nonsense"))

        links = [unescape(link) for link in re.findall(r'data-href="([^"]+)"', page)]
        whole = await admin.page(links[0])
        shown = words(whole)
        assert "What changed" in shown
        assert "name Ten <b>Twelve</b>" in shown
        assert "description none Big" in shown
        assert "<b>Twelve" not in whole
        assert f'href="{BASE}/coupon/{coupon}"' in whole
        assert f"{PATH}?search={coupon}" in unescape(whole)
        created = await admin.page(links[1])
        assert "What changed" not in words(created)
        assert "API key Backend" in words(created)
        assert f'data-copy="{made["key"].id}"' in created
        assert (await admin.get(f"{PATH}?id={uuid4()}")).status_code == 404
    async with visitor(world, "finance") as finance:
        assert (await finance.get(PATH)).status_code == 403


LIST = """query ($types: [String!], $sources: [ActivitySourceEnum!]) {
  activityLogs(limit: 2, activityTypes: $types, activitySources: $sources) {
    collection { activityId activityType activitySource userEmail apiKeyId apiKeyName objectName resourceType resourceId
      activityObjectChanges externalCustomerId loggedAt }
    metadata { totalCount totalPages } } }"""
ONE = "query ($id: ID!) { activityLog(activityId: $id) { activityId activityObject } }"


async def test_graphql(world: World) -> None:
    made = await _work(world)
    found = (await world.data(LIST, types=["coupon.created", "coupon.updated"]))["activityLogs"]
    assert found["metadata"] == {"totalCount": 2, "totalPages": 1}
    updated, created = found["collection"]
    assert (updated["activitySource"], updated["userEmail"]) == ("front", "anna@acme.example")
    assert updated["activityObjectChanges"] == {"name": ["Ten", "<b>Twelve</b>"], "description": [None, "Big"]}
    assert (created["activitySource"], created["apiKeyName"]) == ("api", "Backend")
    assert created["apiKeyId"] == str(made["key"].id)
    assert (created["resourceType"], created["resourceId"]) == ("Coupon", str(made["coupon"].id))
    keys = (await world.data(LIST, types=["api_key.created"], sources=["front"]))["activityLogs"]["collection"]
    assert [item["objectName"] for item in keys] == ["Backend"]
    whole = (await world.data(ONE, id=updated["activityId"]))["activityLog"]
    assert whole["activityObject"]["name"] == "<b>Twelve</b>"
    for wrong in ("x", str(uuid4())):
        [error] = (await world.ask(ONE, id=wrong))["errors"]
        assert error["extensions"]["details"] == {"activityLog": ["not_found"]}
    [error] = (await world.ask(LIST, "finance"))["errors"]
    assert error["extensions"]["requiredPermissions"] == ["audit_logs:view"]


def test_changes_are_read_down_to_the_attribute() -> None:
    old = {"code": "calls", "properties": {"amount": "1"}, "filters": []}
    new = {"code": "calls", "properties": {"amount": "2"}, "filters": []}
    seats = {"code": "seats", "prorated": True}
    assert change_lines({"amount_cents": [1, 2], "charges": [[old], [new, seats]], "name": [None, "A"]}) == [
        {"path": "amount_cents", "old": "1", "new": "2"},
        {"path": "charges › calls › properties › amount", "old": "1", "new": "2"},
        {"path": "charges › seats", "old": None, "new": '{\n  "code": "seats",\n  "prorated": true\n}'},
        {"path": "name", "old": None, "new": "A"},
    ]
    assert change_lines({"roles": [["a"], ["a", "b"]]})[0]["new"] == '[\n  "a",\n  "b"\n]', "nothing tells them apart"
    assert change_lines({"taxes": [[], [{"code": "vat"}]]})[0]["old"] == "[]"
    moved = [{"code": "a", "n": 1}, {"code": "b", "n": 1}]
    assert change_lines({"charges": [moved, moved[::-1]]}) == [], "the same in another order"


def test_types_are_said_in_words() -> None:
    assert said("invoice.payment_status_updated") == "Invoice payment status updated"
    assert said("billing_entities.updated") == "Billing entity updated"
    assert said("api_key.created") == "API key created"
    assert said("applied_coupon.deleted") == "Applied coupon deleted"
