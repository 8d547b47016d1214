"""Customers as pages: list and filters, form, deletion, and what stands under the tabs (spec 07 §7.5, §7.7)."""

from __future__ import annotations

import re
from typing import Any

from billwright.billing.catalog.plans import update_plan
from billwright.billing.catalog.schemas import PlanInput
from billwright.billing.coupons.schemas import CouponInput
from billwright.billing.coupons.service import create_coupon
from billwright.ui.views.customer_overview import time_line
from tests.graphql.support import World, make_plan
from tests.ui.support import BASE, Visitor, company, field, visitor, words

FULL = {
    "name": "Acme", "external_id": "acme-1", "type": "company", "firstname": "Ann", "lastname": "Lee",
    "timezone": "Asia/Tokyo", "currency": "EUR", "legal_name": "Acme Inc.", "legal_number": "HRB 7", "tax_id": "DE-1",
    "email": "ap@acme.example, cfo@acme.example", "phone": "+49 30", "url": "https://acme.example",
    "address_line1": "1 Road", "address_line2": "Floor 2", "zipcode": "10115", "city": "Berlin", "state": "BE",
    "country": "DE", "metadata_key_0": "tier", "metadata_value_0": "gold", "metadata_shown_0": "yes",
    "metadata_key_3": "csm", "metadata_value_3": "Rui",
}  # fmt: skip


async def stored(world: World, **by: str) -> dict[str, Any]:
    query = """query($id: ID, $externalId: String) { customer(id: $id, externalId: $externalId) { id externalId name
        customerType firstname lastname timezone currency legalName legalNumber taxIdentificationNumber email phone url
        addressLine1 city country shippingAddress { addressLine1 city country } taxes { code }
        metadata { key value displayInInvoice } } }"""
    return (await world.data(query, **by))["customer"]


async def test_the_form_keeps_everything(world: World) -> None:
    await company(world, 1)
    async with visitor(world) as admin:
        new = await admin.page(f"{BASE}/create/customer")
        assert "The organization's: UTC" in words(new)
        assert "data-guard" in new
        made = await admin.submit(f"{BASE}/create/customer", **FULL, same="yes", tax="reduced-2024")
        href = made.headers["location"]
        customer = await stored(world, externalId="acme-1")
        assert customer["email"] == "ap@acme.example,cfo@acme.example"
        assert (customer["customerType"], customer["legalNumber"], customer["country"]) == ("company", "HRB 7", "DE")
        assert customer["shippingAddress"] == {"addressLine1": "1 Road", "city": "Berlin", "country": "DE"}
        assert customer["taxes"] == [{"code": "reduced-2024"}]
        assert customer["metadata"] == [
            {"key": "tier", "value": "gold", "displayInInvoice": True},
            {"key": "csm", "value": "Rui", "displayInInvoice": False},
        ]
        form = await admin.page(f"{href}/edit")
        for name in ("legal_name", "tax_id", "phone", "zipcode", "shipping_city", "metadata_key_1"):
            assert field(form, name), name
        ids = {f"metadata_id_{row}": field(form, f"metadata_id_{row}") for row in range(2)}
        changed = {**FULL, **ids, "external_id": "acme-2", "city": "", "metadata_key_0": "", "metadata_value_0": ""}
        changed |= {"metadata_key_1": "csm", "metadata_value_1": "Eva", "metadata_key_3": "", "metadata_value_3": ""}
        await admin.submit(f"{href}/edit", **changed, shipping_city="Hamburg")
        customer = await stored(world, externalId="acme-2")
        assert (customer["city"], customer["taxes"]) == (None, [])
        assert customer["shippingAddress"] == {"addressLine1": None, "city": "Hamburg", "country": None}
        assert customer["metadata"] == [{"key": "csm", "value": "Eva", "displayInInvoice": False}]
        assert 'name="same" value="yes">' in await admin.page(f"{href}/edit"), "not the same any more"


async def test_mistakes_stand_beside_their_fields(world: World) -> None:
    async def faults(admin: Visitor, **fields: str) -> str:
        answer = await admin.submit(f"{BASE}/create/customer", "customer-form", **fields)
        assert answer.status_code == 422
        assert answer.text.lstrip().startswith("<form")
        assert all(f'value="{value}"' in answer.text for name, value in fields.items() if name == "name")
        return answer.text

    def beside(markup: str, name: str) -> str:
        at = markup.index(f'id="field-{name}-error"')
        return words(markup[at : markup.index("</p>", at)].partition(">")[2])

    async with visitor(world) as admin:
        text = await faults(
            admin, name="Acme", external_id="a", email="x", country="XX", currency="EURO", timezone="Mars"
        )
        assert beside(text, "email") == "Write one address, or several separated by commas."
        assert beside(text, "country")
        assert beside(text, "currency")
        assert beside(text, "timezone") == "Choose a time zone from the list."
        text = await faults(admin, external_id="a", shipping_country="QQ")
        assert beside(text, "shipping_country")
        text = await faults(admin, external_id=" ")
        assert beside(text, "external_id") == "This cannot be empty."
        rows = {"metadata_key_0": "a", "metadata_value_0": "1", "metadata_key_1": "a", "metadata_value_1": "2"}
        text = await faults(admin, external_id="a", **rows, metadata_key_4="b", metadata_value_2="x" * 101)
        assert "Key: This is taken already." in words(text)
        assert "Key: This cannot be empty." in words(text)
        assert "Value: This cannot be empty." in words(text)
        assert "No customers yet" in await admin.page(f"{BASE}/customers"), "nothing was made"
        bare = await admin.submit(f"{BASE}/create/customer", external_id="bare", same="yes")
        assert bare.status_code == 303
        assert "bare" in words(await admin.page(bare.headers["location"])), "shown by its external id"


async def test_what_is_used_locks_external_id_and_currency(world: World) -> None:
    known = await company(world, 1)
    edit = f"{BASE}/customer/{known['customer']}/edit"
    async with visitor(world) as admin:
        form = await admin.page(edit)
        assert form.count("readonly") == 2
        done = await admin.submit(edit, name="Renamed", external_id="other", currency="USD", email="n@x.example")
        assert done.status_code == 303
    customer = await stored(world, id=known["customer"])
    assert (customer["externalId"], customer["currency"], customer["name"]) == ("c0", "EUR", "Renamed")


async def test_filters_of_the_list(world: World) -> None:
    await company(world, 1)
    async with visitor(world) as admin:
        await admin.submit(f"{BASE}/create/customer", **FULL)
        await admin.submit(f"{BASE}/create/customer", external_id="usd", currency="USD", type="individual")

        async def found(query: str) -> set[str]:
            page = await admin.page(f"{BASE}/customers?{query}")
            return {name for name in ("c0", "acme-1", "usd") if f'data-copy="{name}"' in page}

        assert await found("") == {"c0", "acme-1", "usd"}
        assert await found("currency=EUR") == {"c0", "acme-1"}
        assert await found("currency=EUR&currency=usd&type=individual") == {"usd"}
        assert await found("type=none") == {"c0"}
        assert await found("country=de,FR") == {"acme-1"}
        assert await found("zipcode=10115&state=BE") == {"acme-1"}
        assert await found("tax_id=no") == {"c0", "usd"}
        assert await found("subscriptions_from=1") == {"c0"}
        assert await found("subscriptions_to=0") == {"acme-1", "usd"}
        assert await found("external_id=acme-1") == {"acme-1"}
        assert await found("metadata=tier%3Dgold") == {"acme-1"}
        assert await found("metadata=tier&currency=EUR") == {"c0"}
        assert await found("type=nonsense&subscriptions_from=x&currency=QQQ") == {"c0", "acme-1", "usd"}
        page = await admin.page(f"{BASE}/customers?country=DE&subscriptions_from=9&search=")
        assert "Germany" in page
        assert "at least 9" in page
        assert "No customers match" in words(page)
        assert f'href="{BASE}/customers?country=DE&amp;search="' in page, "the chip takes one filter away"


async def test_deleting_says_what_it_does(world: World) -> None:
    known = await company(world, 1, grace_days=3)
    href = f"{BASE}/customer/{known['customer']}"
    plan = await make_plan(world, code="later")
    subscribe = "mutation($i: CreateSubscriptionInput!) { createSubscription(input: $i) { id } }"
    later = {"customerId": known["customer"], "planId": str(plan.id), "billingTime": "calendar"}
    await world.data(subscribe, i={**later, "subscriptionAt": "2024-03-01T00:00:00Z"})
    async with visitor(world) as admin:
        page = words(await admin.page(href))
        assert "Delete Customer c0?" in page
        assert "1 active subscription ends now and is billed." in page
        assert "1 subscription that has not started is canceled." in page
        assert "1 draft invoice is finalized in five minutes." in page
        assert "coupon ends" not in page
        gone = await admin.submit(f"{href}/delete")
        assert gone.headers["location"] == f"{BASE}/customers"
        assert "Customer deleted" in await admin.page(f"{BASE}/customers")
        await admin.page(href, 404)
    async with visitor(world, "finance") as finance:
        assert "Delete" not in words(await finance.page(f"{BASE}/customers")).split("Customers")[-1]


async def test_the_overview_and_its_usage(world: World) -> None:
    known = await company(world, 1)
    href = f"{BASE}/customer/{known['customer']}"
    async with visitor(world) as admin:
        page = words(await admin.page(href))
        assert "€0.60 so far, without taxes" in page, "12 calls of 0.05"
        assert "Jan 15, 2024 – Jan 31, 2024" in page
        assert "Gross revenue €17.00 1 invoice" in page
        assert "sub_c0 Scale" in page
        assert page == words(await admin.page(f"{href}/overview"))
        bars = await admin.part(href, "usage")
        assert bars.text.startswith('<div id="usage"')
        assert "€0.60" in bars.text
        coming = await admin.fragment(f"{href}/next-invoices")
        assert "Feb 1, 2024" in coming
        said = words(coming)
        assert "API calls usage so far 0.60" in said.replace("€", "")
        assert "31.60" in said, "the fee of February and the usage of January"
        old = await admin.get(f"{href}/subscriptions")
        assert old.headers["location"] == f"{href}/overview#subscriptions"
        usage = await admin.page(f"{href}/usage")
        assert "API calls Standard Explain 100.0% of this period's usage 12 0.60" in words(usage)
        part = await admin.part(f"{href}/usage", "usage")
        assert part.text.startswith('<div id="usage"')
        tab = await admin.part(f"{href}/usage", "tab")
        assert tab.text.startswith('<div id="tab"')
        await admin.page(f"{href}/nonsense", 404)
        bare = (await admin.submit(f"{BASE}/create/customer", external_id="bare")).headers["location"]
        assert "No subscriptions yet" in await admin.page(bare)
        assert "Assign a plan" in await admin.page(f"{bare}/usage")
    async with visitor(world, "manager") as manager:
        shown = words(await manager.page(href))
        assert "Gross revenue" not in shown, "figures need analytics:view"
        assert "Analytics" not in shown
        await manager.page(f"{href}/analytics", 403)


async def test_bars_against_minimum_and_thresholds(world: World) -> None:
    known = await company(world, 1)
    async with world.runtime.database.transaction() as session:
        ctx = await world.fresh(session)
        plan = {"minimum_commitment": {"amount_cents": 6200}, "usage_thresholds": [{"amount_cents": 120}]}
        await update_plan(ctx, "scale", PlanInput.parse(plan))
    async with visitor(world) as admin:
        page = words(await admin.page(f"{BASE}/customer/{known['customer']}"))
    assert "€31.60 of the minimum commitment of €62.00, fee included" in page
    assert "€0.60 since the beginning, €0.60 to the threshold of €1.20" in page


def held(status: str, external: str, **changes: Any) -> dict[str, Any]:
    names = "startedAt endingAt terminatedAt downgradePlanDate nextSubscription previousSubscription name".split()
    item: dict[str, Any] = dict.fromkeys(names)
    return {**item, "status": status, "externalId": external, "subscriptionAt": "2024-01-01T00:00:00Z",
            "applicableTimezone": "UTC", "plan": {"name": "Scale"}, **changes}  # fmt: skip


def test_the_time_line() -> None:
    now = "2024-03-31T00:00:00Z"
    assert time_line([], now) is None
    assert time_line([held("canceled", "a")], now) is None
    following = {"status": "pending", "plan": {"name": "Team"}}
    line = time_line(
        [
            held(
                "active",
                "a",
                startedAt="2024-02-01T00:00:00Z",
                downgradePlanDate="2024-05-01",
                nextSubscription=following,
            ),
            held("terminated", "a", startedAt="2024-01-01T00:00:00Z", terminatedAt="2024-02-01T00:00:00Z"),
            held("pending", "a", previousSubscription={"downgradePlanDate": "2024-05-01"}, plan={"name": "Team"}),
            held("active", "b", startedAt="2020-01-01T00:00:00Z"),
        ],
        now,
    )
    assert line is not None
    first, second = line["lines"]
    assert [part["state"] for part in first["parts"]] == ["past", "active", "next"]
    ends = [(part["x"], part["x"] + part["width"]) for part in first["parts"]]
    assert all(abs(ends[at][1] - ends[at + 1][0]) < 0.1 for at in range(2)), "one begins where the other ends"
    assert ends[1][0] < line["today"] < ends[1][1]
    assert ends[2][1] == 100, "a pending one is open to the right"
    assert second["parts"][0]["x"] == 0, "what began long ago is cut"
    assert first["parts"][1]["title"] == "Scale: Feb 1, 2024 – May 1, 2024"
    assert line["to"] is not None
    alone = time_line([held("active", "a", startedAt="2024-03-01T00:00:00Z")], now)
    assert alone is not None
    assert (alone["today"], alone["to"], alone["lines"][0]["parts"][0]["width"]) == (100, None, 100)
    begun = time_line([held("active", "a", startedAt=now)], now)
    assert begun is not None
    assert begun["lines"], "a line from its first moment on"


async def test_coupons_are_given_and_taken(world: World) -> None:
    known = await company(world, 1)
    href = f"{BASE}/customer/{known['customer']}/coupons"
    async with world.runtime.database.transaction() as session:
        ctx = await world.fresh(session)
        fixed = {"name": "Twenty", "code": "twenty", "coupon_type": "fixed_amount", "amount_cents": 2000}
        fixed |= {"amount_currency": "USD", "frequency": "once", "expiration": "no_expiration", "reusable": False}
        twenty = str((await create_coupon(ctx, CouponInput.parse(fixed))).id)
    fair = known["coupon"]
    async with visitor(world) as admin:
        assert "No coupons yet" in await admin.page(href)
        part = await admin.part(f"{href}?coupon={twenty}", "coupon-form")
        assert part.text.startswith('<form id="coupon-form"')
        assert field(part.text, "amount") == "20.00"
        assert "EUR is the currency of this customer: the coupon reduces only invoices in USD." in words(part.text)
        bad = await admin.submit(href, "coupon-form", coupon=twenty, amount="x", currency="USD", frequency="once")
        assert bad.status_code == 422
        assert bad.text.startswith('<form id="coupon-form"')
        assert "This is not an amount of this currency." in bad.text
        none = await admin.submit(href, "coupon-form", coupon="")
        assert "This cannot be empty." in none.text
        given = await admin.submit(
            href, coupon=twenty, amount="15", currency="EUR", frequency="recurring", duration="2"
        )
        assert given.headers["location"] == href
        assert (await admin.submit(href, coupon=fair, rate="12,5", frequency="forever")).status_code == 303
        page = words(await admin.page(href))
        assert "Twenty €15.00 off during 2 invoices" in page
        assert "12.5% off forever Active No end" in page
        twice = await admin.submit(href, "coupon-form", coupon=twenty, amount="5", currency="EUR", frequency="once")
        assert twice.status_code == 422
        assert "This customer had it before, and it is given only once." in words(twice.text)
        assert "Twenty" in words(await admin.page(f"{BASE}/customer/{known['customer']}"))
        applied = re.search(r"/coupons/([0-9a-f-]{36})/remove", await admin.page(href))
        assert applied is not None
        await admin.submit(f"{href}/{applied[1]}/remove")
        assert words(await admin.page(href)).count("Terminated") == 1


async def test_settings_of_its_own(world: World) -> None:
    known = await company(world, 1)
    href = f"{BASE}/customer/{known['customer']}/settings"
    async with visitor(world) as admin:
        page = words(await admin.page(href))
        for inherited in ("English", "0 days", "Issue them", "none"):
            assert f"Inherits from organization: {inherited}" in page, inherited
        for setting, fields in (
            ("locale", {"value": "fr"}),
            ("grace", {"value": "3"}),
            ("term", {"value": "0"}),
            ("empty", {"value": "skip"}),
            ("taxes", {"tax": "reduced-2024"}),
        ):
            assert (await admin.submit(href, setting=setting, **fields)).headers["location"] == href
        page = words(await admin.page(href))
        assert "Inherits from" not in page
        for own in ("French the organization has: English", "3 days", "Leave them out", "Reduced 5%"):
            assert own in page, own
        refused = await admin.submit(href, "setting-form-grace", setting="grace", value="-1")
        assert refused.status_code == 422
        assert refused.text.startswith('<form id="setting-form-grace"')
        assert "This is not a valid value." in refused.text
        assert 'value="-1"' in refused.text
        assert (await admin.submit(href, "setting-form-locale", setting="locale", value="xx")).status_code == 422
        for setting in ("locale", "grace", "term", "empty", "taxes"):
            await admin.submit(f"{href}/remove", setting=setting)
        assert words(await admin.page(href)).count("Inherits from organization") == 5
        assert (await admin.submit(href, setting="nonsense", value="1")).status_code == 404


async def test_invoices_payments_revenue_and_attributes(world: World) -> None:
    known = await company(world, 1)
    href = f"{BASE}/customer/{known['customer']}"
    pay = "mutation($i: CreatePaymentInput!) { createPayment(input: $i) { id } }"
    number = (await world.data("{ invoices { collection { number } } }"))["invoices"]["collection"][0]["number"]
    async with visitor(world) as admin:
        listed = words(await admin.page(f"{href}/invoices"))
        assert "1–1 of 1" in listed
        assert number in words(await admin.page(f"{href}/invoices?search={number[-7:]}"))
        none = await admin.part(f"{href}/invoices?search=nothing-like-it", "results")
        assert none.text.startswith('<div id="results"')
        assert "No invoices match" in none.text
        empty = await admin.page(f"{href}/payments")
        assert "No payments yet" in empty
        assert f"{number} €17.00" in words(empty), "what a payment can be recorded for"
        sent = {
            "invoiceId": known["invoice"],
            "amountCents": "700",
            "reference": "transfer 9",
            "createdAt": "2024-01-15T10:00:00Z",
        }
        await world.data(pay, i=sent)
        paid = words(await admin.page(f"{href}/payments"))
        assert f"{number} Succeeded Recorded by hand transfer 9 €7.00" in paid
        assert f"{number} €10.00" in paid
        year = await admin.page(f"{href}/analytics")
        assert "€17.00 issued, by month of issue" in words(year)
        assert "data-chart" in year
        assert "This month" in words(await admin.page(f"{href}/analytics?period=1"))
        facts = await admin.page(f"{href}/information")
        assert "c0@buyer.example" in facts
        assert f'data-copy="{known["customer"]}"' in facts
        assert "UTC, from organization" in words(facts)
