"""Customers over GraphQL: every attribute, the lock, filters, coupons, deletion (spec 03 §1, 07 §6.2)."""

from __future__ import annotations

from typing import Any

import pytest

from billwright.billing.coupons.schemas import CouponInput
from billwright.billing.coupons.service import create_coupon
from tests.graphql.support import Statements, World, make_customers, make_plan

FULL = """id externalId name firstname lastname displayName customerType email legalName legalNumber
  taxIdentificationNumber phone url logoUrl externalSalesforceId addressLine1 addressLine2 city zipcode state country
  shippingAddress { addressLine1 city zipcode state country } currency timezone netPaymentTerm invoiceGracePeriod
  documentLocale applicableDocumentLocale finalizeZeroAmountInvoice finalizesEmptyInvoices
  subscriptionInvoiceIssuingDateAnchor subscriptionInvoiceIssuingDateAdjustment canEditAttributes
  metadata { id key value displayInInvoice } taxes { code } paymentProvider paymentProviderCode
  providerCustomer { providerCustomerId syncWithProvider providerPaymentMethods }"""
CREATE = f"mutation($i: CreateCustomerInput!) {{ createCustomer(input: $i) {{ {FULL} }} }}"
UPDATE = f"mutation($i: UpdateCustomerInput!) {{ updateCustomer(input: $i) {{ {FULL} }} }}"
DESTROY = "mutation($i: DestroyCustomerInput!) { destroyCustomer(input: $i) { id } }"

ATTRIBUTES: dict[str, Any] = {
    "externalId": "acme-1", "name": "Acme", "firstname": "Ann", "lastname": "Lee", "customerType": "company",
    "email": "ap@acme.example,cfo@acme.example", "legalName": "Acme Inc.", "legalNumber": "HRB 1",
    "taxIdentificationNumber": "US-1", "phone": "+1 555", "url": "https://acme.example",
    "logoUrl": "https://acme.example/l.png", "externalSalesforceId": "sf-1", "addressLine1": "1 Road",
    "addressLine2": "Floor 2", "city": "Boston", "zipcode": "02101", "state": "MA", "country": "US", "currency": "USD",
    "timezone": "America/New_York", "netPaymentTerm": 15, "finalizeZeroAmountInvoice": "skip",
}  # fmt: skip


async def test_every_attribute_is_kept_changed_and_cleared(world: World) -> None:
    sent = {
        **ATTRIBUTES,
        "shippingAddress": {"addressLine1": "2 Dock", "city": "Salem", "country": "us"},
        "metadata": [{"key": "tier", "value": "gold", "displayInInvoice": True}, {"key": "csm", "value": "Rui"}],
        "billingConfiguration": {
            "documentLocale": "fr", "invoiceGracePeriod": 3,
            "subscriptionInvoiceIssuingDateAnchor": "current_period_end",
            "subscriptionInvoiceIssuingDateAdjustment": "keep_anchor",
        },
        "paymentProvider": "stripe", "paymentProviderCode": "main",
        "providerCustomer": {"providerCustomerId": "cus_1", "providerPaymentMethods": ["card"]},
    }  # fmt: skip
    made = (await world.data(CREATE, "manager", i=sent))["createCustomer"]
    assert {name: made[name] for name in ATTRIBUTES} == ATTRIBUTES
    assert made["displayName"] == "Acme - Ann Lee"
    shipped = {"addressLine1": "2 Dock", "city": "Salem", "country": "US", "zipcode": None, "state": None}
    assert made["shippingAddress"] == shipped
    assert [(item["key"], item["value"], item["displayInInvoice"]) for item in made["metadata"]] == [
        ("tier", "gold", True),
        ("csm", "Rui", False),
    ]
    assert (made["documentLocale"], made["applicableDocumentLocale"], made["invoiceGracePeriod"]) == ("fr", "fr", 3)
    assert made["subscriptionInvoiceIssuingDateAnchor"] == "current_period_end"
    assert made["subscriptionInvoiceIssuingDateAdjustment"] == "keep_anchor"
    assert made["finalizesEmptyInvoices"] is False
    assert (made["paymentProvider"], made["paymentProviderCode"]) == ("stripe", "main")
    assert made["providerCustomer"] == {
        "providerCustomerId": "cus_1",
        "syncWithProvider": False,
        "providerPaymentMethods": ["card"],
    }

    cleared: dict[str, Any] = {
        **dict.fromkeys(name for name in ATTRIBUTES if name not in ("externalId", "name")),
        "shippingAddress": None,
        "metadata": [],
        "billingConfiguration": {"documentLocale": None, "invoiceGracePeriod": None},
        "paymentProvider": None,
    }
    changed = (await world.data(UPDATE, i={"id": made["id"], **cleared}))["updateCustomer"]
    emptied = {name: changed[name] for name in cleared if name in ATTRIBUTES and name != "finalizeZeroAmountInvoice"}
    assert set(emptied.values()) == {None}
    assert changed["finalizeZeroAmountInvoice"] == "inherit"
    assert (changed["name"], changed["externalId"]) == ("Acme", "acme-1"), "what is not sent stays"
    assert set(changed["shippingAddress"].values()) == {None}
    assert (changed["metadata"], changed["paymentProvider"], changed["providerCustomer"]) == ([], None, None)
    assert (changed["documentLocale"], changed["applicableDocumentLocale"]) == (None, "en")


async def test_mistakes_are_named_by_field(world: World) -> None:
    bad = {
        "externalId": "a",
        "email": "x",
        "country": "XX",
        "currency": "EURO",
        "timezone": "Mars",
        "netPaymentTerm": -1,
    }
    error = await world.error(CREATE, i=bad)
    assert set(error["extensions"]["details"]) == {"email", "country", "currency", "timezone", "netPaymentTerm"}
    many = [{"key": f"k{number}", "value": "v"} for number in range(6)]
    error = await world.error(CREATE, i={"externalId": "a", "metadata": many})
    assert error["extensions"]["details"] == {"metadata": ["invalid_count"]}
    error = await world.error(CREATE, i={"externalId": "a", "taxCodes": ["none"]})
    assert error["extensions"]["details"] == {"tax": ["not_found"]}
    assert (await world.error(CREATE, "finance", i={"externalId": "a"}))["extensions"]["code"] == "forbidden"


async def test_the_external_id_is_locked_like_the_currency(world: World) -> None:
    """Spec 03 §1.1, 07 §7.7: locked once objects are attached."""
    await make_customers(world, await make_plan(world), 1)
    made = (await world.data(CREATE, i={"externalId": "first"}))["createCustomer"]
    renamed = (await world.data(UPDATE, i={"id": made["id"], "externalId": " second "}))["updateCustomer"]
    assert (renamed["externalId"], renamed["id"]) == ("second", made["id"])
    for wanted, code in (("c0", "value_already_exist"), (" ", "value_is_mandatory"), ("x" * 256, "value_is_too_long")):
        error = await world.error(UPDATE, i={"id": made["id"], "externalId": wanted})
        assert error["extensions"]["details"] == {"externalId": [code]}
    used = (await world.data('{ customer(externalId: "c0") { id canEditAttributes } }'))["customer"]
    assert used["canEditAttributes"] is False
    error = await world.error(UPDATE, i={"id": used["id"], "externalId": "other"})
    assert error["extensions"]["details"] == {"externalId": ["value_is_locked"]}
    same = await world.data(UPDATE, i={"id": used["id"], "externalId": "c0", "name": "Same id"})
    assert same["updateCustomer"]["name"] == "Same id"


async def test_grace_period_alone(world: World) -> None:
    made = (await world.data(CREATE, i={"externalId": "a", "name": "Acme"}))["createCustomer"]
    change = """mutation($i: UpdateCustomerInvoiceGracePeriodInput!) { updateCustomerInvoiceGracePeriod(input: $i)
        { invoiceGracePeriod applicableInvoiceGracePeriod name } }"""
    for days in (4, 0, None):
        done = await world.data(change, i={"id": made["id"], "invoiceGracePeriod": days})
        assert done["updateCustomerInvoiceGracePeriod"] == {
            "invoiceGracePeriod": days,
            "applicableInvoiceGracePeriod": days or 0,
            "name": "Acme",
        }


LIST = """query($from: Int, $to: Int, $metadata: [CustomerMetadataFilter!], $kind: Boolean, $tax: Boolean,
  $zip: [String!], $deleted: Boolean) { customers(activeSubscriptionsCountFrom: $from, activeSubscriptionsCountTo: $to,
  metadata: $metadata, hasCustomerType: $kind, hasTaxIdentificationNumber: $tax, zipcodes: $zip, withDeleted: $deleted)
  { collection { externalId deletedAt } } }"""


async def test_filters_of_the_list(world: World) -> None:
    plan = await make_plan(world)
    await make_customers(world, plan, 2)
    await world.data(CREATE, i={**ATTRIBUTES, "metadata": [{"key": "tier", "value": "gold"}]})
    gone = (await world.data(CREATE, i={"externalId": "gone"}))["createCustomer"]["id"]
    subscribe = "mutation($i: CreateSubscriptionInput!) { createSubscription(input: $i) { id } }"
    first = (await world.data('{ customer(externalId: "c0") { id } }'))["customer"]["id"]
    await world.data(subscribe, i={"customerId": first, "planId": str(plan.id), "billingTime": "calendar"})
    assert (await world.data(DESTROY, i={"id": gone}))["destroyCustomer"]["id"] == gone

    async def found(**variables: Any) -> set[str]:
        listed = (await world.data(LIST, **variables))["customers"]["collection"]
        assert all((item["deletedAt"] is not None) == (item["externalId"] == "gone") for item in listed)
        return {item["externalId"] for item in listed}

    assert await found() == {"c0", "c1", "acme-1"}
    assert await found(deleted=True) == {"c0", "c1", "acme-1", "gone"}
    assert await found(**{"from": 1}) == {"c0", "c1"}
    assert await found(**{"from": 2}) == {"c0"}
    assert await found(to=1) == {"c1", "acme-1"}
    assert await found(**{"from": 1, "to": 1}) == {"c1"}
    assert await found(to=0) == {"acme-1"}
    assert await found(metadata=[{"key": "tier", "value": "gold"}]) == {"acme-1"}
    assert await found(metadata=[{"key": "tier"}]) == {"c0", "c1"}
    assert await found(kind=True) == {"acme-1"}
    assert await found(tax=False) == {"c0", "c1"}
    assert await found(zip=["02101", "9"]) == {"acme-1"}


async def test_coupons_of_customers_cost_the_same_for_any_number(world: World) -> None:
    async with world.runtime.database.transaction() as session:
        ctx = await world.fresh(session)
        values = {"name": "Ten", "code": "ten", "coupon_type": "percentage", "percentage_rate": "10", "reusable": True}
        coupon = await create_coupon(
            ctx, CouponInput.parse({**values, "frequency": "forever", "expiration": "no_expiration"})
        )
    await make_customers(world, await make_plan(world), 6)
    listed = (await world.data("{ customers { collection { id } } }"))["customers"]["collection"]
    give = "mutation($i: CreateAppliedCouponInput!) { createAppliedCoupon(input: $i) { id } }"
    for customer in listed:
        given = await world.data(give, i={"couponId": str(coupon.id), "customerId": customer["id"]})
    take = "mutation($i: TerminateAppliedCouponInput!) { terminateAppliedCoupon(input: $i) { status } }"
    ended = await world.data(take, i={"id": given["createAppliedCoupon"]["id"]})
    assert ended["terminateAppliedCoupon"] == {"status": "terminated"}
    query = """query($limit: Int) { customers(limit: $limit) { collection { activeCouponsCount draftInvoicesCount
        pendingSubscriptionsCount appliedCoupons { status coupon { name } } inUse: appliedCoupons(onlyActive: true)
        { id } } } }"""
    costs: list[int] = []
    for limit in (2, 6):
        with Statements(world.runtime) as seen:
            rows = (await world.data(query, limit=limit))["customers"]["collection"]
        costs.append(len(seen.texts))
    assert costs[0] == costs[1]
    assert [row["activeCouponsCount"] for row in rows] == [1, 1, 1, 1, 1, 0]
    assert rows[-1]["appliedCoupons"] == [{"status": "terminated", "coupon": {"name": "Ten"}}]
    assert rows[-1]["inUse"] == []
    assert {(row["draftInvoicesCount"], row["pendingSubscriptionsCount"]) for row in rows} == {(0, 0)}


@pytest.mark.parametrize("role", ["manager", "finance"])
async def test_deleting_needs_its_permission(world: World, role: str) -> None:
    made = (await world.data(CREATE, i={"externalId": "a"}))["createCustomer"]
    from billwright.billing.access.permissions import permissions_of

    allowed = "customers:delete" in permissions_of([role])
    answer = await world.ask(DESTROY, role, i={"id": made["id"]})
    assert ("errors" not in answer) is allowed
    left = (await world.data("{ customers { collection { id } } }"))["customers"]["collection"]
    assert (left == []) is allowed
