"""Customers as pages: list and filters, form, deletion, and what stands under the tabs (spec 07 §7.5, §7.7)."""

from __future__ import annotations

from typing import Any

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
