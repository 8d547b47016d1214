"""Coupons, add-ons and taxes as pages (spec 07 §7.6, §7.10)."""

from __future__ import annotations

import re

import pytest

from billwright.ui.views.money import minor_units, written
from tests.graphql.support import World, make_customers, make_plan
from tests.ui.support import BASE, ids, visitor, words

GIVE = "mutation($input: CreateAppliedCouponInput!){ createAppliedCoupon(input:$input){ id } }"


@pytest.mark.parametrize(
    ("text", "currency", "cents"),
    [
        ("49", "USD", "4900"),
        ("49.5", "USD", "4950"),
        ("49,50", "EUR", "4950"),
        (" 1 000.05 ", "USD", "100005"),
        ("500", "JPY", "500"),
        ("1.234", "KWD", "1234"),
        ("49.505", "USD", None),
        ("0.5", "JPY", None),
        ("1,000.00", "USD", None),
        ("nan", "USD", None),
        ("1e99", "USD", None),
        ("", "USD", None),
        ("10", "???", None),
    ],
)
def test_amounts_as_people_write_them(text: str, currency: str, cents: str | None) -> None:
    assert minor_units(text, currency) == cents
    if cents is not None:
        assert minor_units(written(cents, currency), currency) == cents


async def test_a_coupon_from_form_to_customer(world: World) -> None:
    plan = await make_plan(world)
    await make_customers(world, plan, 1)
    async with visitor(world) as admin:
        assert "No coupons yet" in await admin.page(f"{BASE}/coupons")
        fields = {"name": "Welcome", "code": "welcome", "type": "percentage", "rate": "10", "frequency": "recurring",
                  "duration": "3", "currency": "EUR", "reusable": "yes", "plan": str(plan.id)}  # fmt: skip
        bad = await admin.submit(f"{BASE}/create/coupon", **{**fields, "duration": "many"})
        assert bad.status_code == 422
        assert 'value="many"' in bad.text
        made = await admin.submit(f"{BASE}/create/coupon", **fields)
        page = await admin.page(made.headers["location"])
        assert "10% off during 3 invoices" in words(page)
        assert plan.name in page
        taken = await admin.submit(f"{BASE}/create/coupon", **fields)
        assert "taken" in words(taken.text)
        coupon = made.headers["location"].rpartition("/")[2]
        customer = (await ids(world))["customer"]
        await world.data(GIVE, input={"couponId": coupon, "customerId": customer})
        page = await admin.page(f"{BASE}/coupon/{coupon}")
        assert "Customer c0" in page
        assert "3 invoices" in words(page)
        form = await admin.page(f"{BASE}/coupon/{coupon}/edit")
        assert "A customer has it" in form
        await admin.submit(f"{BASE}/coupon/{coupon}/edit", name="Hello", until="2030-01-01T00:00")
        page = await admin.page(f"{BASE}/coupon/{coupon}")
        assert "Hello" in page
        assert "Jan 1, 2030" in page
        applied = re.search(r"/applied/([0-9a-f-]{36})/remove", page)
        assert applied is not None
        await admin.submit(f"{BASE}/coupon/{coupon}/applied/{applied[1]}/remove")
        assert "Remove it from" not in await admin.page(f"{BASE}/coupon/{coupon}")
        await admin.submit(f"{BASE}/coupon/{coupon}/terminate")
        assert "Terminated" in words(await admin.page(f"{BASE}/coupons?status=terminated"))
        await admin.submit(f"{BASE}/coupon/{coupon}/delete")
        assert "No coupons yet" in await admin.page(f"{BASE}/coupons")


async def test_a_fixed_coupon_in_currency_units(world: World) -> None:
    async with visitor(world) as admin:
        fields = {"name": "Twenty", "code": "twenty", "type": "fixed_amount", "frequency": "once", "currency": "USD"}
        assert (await admin.submit(f"{BASE}/create/coupon", **fields, amount="20.005")).status_code == 422
        made = await admin.submit(f"{BASE}/create/coupon", **fields, amount="20")
        page = await admin.page(made.headers["location"])
        assert "$20.00 off once" in words(page)
        form = await admin.page(made.headers["location"] + "/edit")
        assert 'value="20.00"' in form


async def test_add_ons(world: World) -> None:
    async with visitor(world) as admin:
        assert "No add-ons yet" in await admin.page(f"{BASE}/add-ons")
        fields = {"name": "Setup", "code": "setup", "amount": "500", "currency": "USD"}
        made = await admin.submit(f"{BASE}/create/add-on", **fields)
        page = await admin.page(made.headers["location"])
        assert "$500.00" in page
        assert "add_on_code" in page
        assert (await admin.submit(f"{BASE}/create/add-on", **fields)).status_code == 422
        assert (
            await admin.submit(f"{BASE}/create/add-on", **{**fields, "code": "x", "amount": "0"})
        ).status_code == 422
        await admin.submit(made.headers["location"] + "/edit", **{**fields, "amount": "510.50"})
        assert "$510.50" in await admin.page(f"{BASE}/add-ons")
        await admin.submit(made.headers["location"] + "/delete")
        assert "No add-ons yet" in await admin.page(f"{BASE}/add-ons")


async def test_taxes(world: World) -> None:
    async with visitor(world) as admin:
        assert "No taxes yet" in await admin.page(f"{BASE}/settings/taxes")
        fields = {"name": "VAT", "code": "vat", "rate": "20", "default": "yes"}
        assert (await admin.submit(f"{BASE}/settings/taxes", **{**fields, "rate": "much"})).status_code == 422
        await admin.submit(f"{BASE}/settings/taxes", **fields)
        page = await admin.page(f"{BASE}/settings/taxes")
        assert "20%" in page
        assert "Default" in words(page)
        found = re.search(r"/settings/taxes/([0-9a-f-]{36})", page)
        assert found is not None
        await admin.submit(f"{BASE}/settings/taxes/{found[1]}", name="VAT", code="vat", rate="21.5")
        page = await admin.page(f"{BASE}/settings/taxes")
        assert "21.5%" in page
        assert "Default" not in words(page)
        await admin.submit(f"{BASE}/settings/taxes/{found[1]}/delete")
        assert "No taxes yet" in await admin.page(f"{BASE}/settings/taxes")


async def test_eu_taxes_are_switched(world: World) -> None:
    async with visitor(world) as admin:
        await admin.submit(f"{BASE}/settings/taxes/eu", on="yes")
        refused = words(await admin.page(f"{BASE}/settings/taxes"))
        assert "Turn on" in refused, "not without an address in the EU"
        await admin.submit(
            f"{BASE}/settings/general", name="Acme Search", slug="acme-search", timezone="UTC", country="FR"
        )
        await admin.submit(f"{BASE}/settings/taxes/eu", on="yes")
        page = words(await admin.page(f"{BASE}/settings/taxes"))
        assert "Turn off" in page
        assert "EU" in page


async def test_roles_see_what_they_may(world: World) -> None:
    async with visitor(world, "manager") as manager:
        page = await manager.page(f"{BASE}/coupons")
        assert "/create/coupon" not in page
        await manager.page(f"{BASE}/create/coupon", 403)
        await manager.page(f"{BASE}/settings/taxes", 403)


async def test_a_metric_is_made_tried_changed_and_deleted(world: World) -> None:
    async with visitor(world) as admin:
        fields = {
            "name": "Minutes",
            "code": "minutes",
            "aggregation": "sum_agg",
            "type": "metered",
            "field": "minutes",
            "expression": "ceil(event.properties.seconds / 60)",
            "rounding": "round",
            "precision": "2",
        }
        path = f"{BASE}/create/billable-metric"
        assert "Try it on this event" in await admin.page(path)
        tried = await admin.submit(path, **fields, do="test", payload='{"properties": {"seconds": 61}}')
        assert "It gives 2" in words(tried.text)
        wrong = await admin.submit(path, **{**fields, "expression": "ceil("}, do="test", payload="{}")
        assert 'role="alert"' in wrong.text
        more = await admin.submit(path, **fields, do="add-filter", filter_key="region", filter_values="eu, us")
        assert more.text.count('name="filter_key"') == 2
        bad = await admin.submit(path, **{**fields, "field": ""}, do="save")
        assert bad.status_code == 422
        made = await admin.submit(path, **fields, do="save", filter_key="region", filter_values="eu, us")
        page = await admin.page(made.headers["location"])
        assert "ceil(event.properties.seconds / 60)" in page
        form = await admin.page(made.headers["location"] + "/edit")
        assert 'value="eu, us"' in form
        copy = await admin.page(f"{path}?copy={made.headers['location'].rpartition('/')[2]}")
        assert "ceil(event.properties.seconds / 60)" in copy
        await admin.submit(made.headers["location"] + "/edit", **{**fields, "name": "Long minutes"}, do="save")
        assert "Long minutes" in await admin.page(f"{BASE}/billable-metrics")
        await admin.submit(made.headers["location"] + "/delete")
        assert "No billable metrics yet" in await admin.page(f"{BASE}/billable-metrics")


async def test_a_metric_on_a_plan_keeps_how_it_counts(world: World) -> None:
    await make_plan(world)
    metric = (await ids(world))["metric"]
    async with visitor(world) as admin:
        form = await admin.page(f"{BASE}/billable-metric/{metric}/edit")
        assert "how units are counted stays as it is" in form
        await admin.submit(f"{BASE}/billable-metric/{metric}/edit", name="Calls", code="other", aggregation="max_agg")
        page = await admin.page(f"{BASE}/billable-metric/{metric}")
        assert "Calls" in page
        assert "calls_scale" in page
        assert "Its charges on 1 plan are deleted with it" in words(page)


async def test_a_coupon_without_an_end_shows_none(world: World) -> None:
    """Spec 05 B1: a date may stand beside ``no_expiration``; it ends nothing then."""
    await make_customers(world, await make_plan(world), 2)
    given: dict[str, object] = {"name": "Fair", "code": "fair", "couponType": "percentage", "percentageRate": "10"}
    given |= {"frequency": "recurring", "frequencyDuration": 3}
    given |= {"expiration": "no_expiration", "expirationAt": "2030-01-01T00:00:00Z"}
    make = "mutation($input: CreateCouponInput!){ createCoupon(input:$input){ id } }"
    coupon = (await world.data(make, input=given))["createCoupon"]["id"]
    async with visitor(world) as admin:
        assert "No end date" in words(await admin.page(f"{BASE}/coupons"))
        page = words(await admin.page(f"{BASE}/coupon/{coupon}"))
        assert "Ends No end date" in page
        assert "Nobody has it. This cannot be undone." in page
        assert "2030" not in await admin.page(f"{BASE}/coupon/{coupon}/edit")
        await world.data(GIVE, input={"couponId": coupon, "customerId": (await ids(world))["customer"]})
        page = words(await admin.page(f"{BASE}/coupon/{coupon}"))
        assert "Customer c0 10% off during 3 invoices" in page
        assert "It is in force 1 time. The next invoices are not reduced by it" in page
        locked = words(await admin.page(f"{BASE}/coupon/{coupon}/edit"))
        assert "It gives 10% off during 3 invoices" in locked, "what it gives is shown, read only"
