"""``/customers`` (spec 03 §1) with the lists of a customer's subscriptions and invoices."""

from __future__ import annotations

from billwright.billing.customers.deletion import delete_customer
from billwright.billing.customers.models import Customer
from billwright.billing.customers.queries import CustomerFilters, customer_objects, get_customer, list_customers
from billwright.billing.customers.schemas import CustomerInput, CustomerOut
from billwright.billing.customers.service import upsert_customer
from billwright.billing.kernel.pagination import Page
from billwright.billing.portal.schemas import PortalUrlOut
from billwright.server.rest.envelope import many, one
from billwright.server.rest.filters import BILLING_ENTITIES, PAGES, check_billing_entities
from billwright.server.rest.operations import Call, Parameter, operation
from billwright.server.settings import Settings


async def _answer(call: Call, customer: Customer) -> CustomerOut:
    return (await customer_objects(call.context, [customer]))[0]


async def create_customer(call: Call, inp: CustomerInput) -> CustomerOut:
    return await _answer(call, await upsert_customer(call.context, inp))


async def find_all_customers(call: Call) -> Page[CustomerOut]:
    check_billing_entities(call)
    query = call.query
    kinds = query.texts("account_type")
    filters = CustomerFilters(
        search=query.text("search_term"),
        external_id=query.text("external_id"),
        countries=_upper(query.texts("countries")),
        states=query.texts("states"),
        zipcodes=query.texts("zipcodes"),
        currencies=_upper(query.texts("currencies")),
        customer_type=query.text("customer_type"),
        has_customer_type=query.boolean("has_customer_type"),
        has_tax_identification_number=query.boolean("has_tax_identification_number"),
        metadata=query.mapping("metadata"),
    )
    if kinds is not None and "customer" not in kinds:
        return Page([], 0, call.page)
    page = await list_customers(call.context, filters, call.page)
    return Page(await customer_objects(call.context, page.items), page.total_count, page.request)


def _upper(values: list[str] | None) -> list[str] | None:
    return [value.upper() for value in values] if values is not None else None


async def find_customer(call: Call, external_id: str) -> CustomerOut:
    return await _answer(call, await get_customer(call.context, external_id))


async def destroy_customer(call: Call, external_id: str) -> CustomerOut:
    return await _answer(call, await delete_customer(call.context, external_id))


async def portal_url(call: Call, external_id: str) -> PortalUrlOut:
    customer = await get_customer(call.context, external_id)
    settings: Settings = call.request.app.state.settings
    return {"portal_url": settings.portal_links.url(customer.id)}


_ONE = one("customer", CustomerOut)

OPERATIONS = [
    operation(
        "POST",
        "/customers",
        permission="customer:write",
        body=CustomerInput,
        root="customer",
        nulls="keep",
        answer=_ONE,
        summary="Create or update a customer",
        description="The customer with this `external_id` is updated, or created if there is none. Absent attributes "
        "stay as they are, null clears. The currency is fixed by the first subscription or invoice. No integrations "
        "can be connected yet: entries of `integration_customers` name none and are left out of the answer.",
        example={
            "external_id": "5eb02857-a71e-4ea2-bcf9-57d3a41bc6ba",
            "name": "Gavin Belson",
            "email": "dinesh@piedpiper.test",
            "country": "US",
            "currency": "USD",
            "timezone": "America/New_York",
            "net_payment_term": 30,
            "tax_codes": [],
            "metadata": [{"key": "Purchase Order", "value": "123456789", "display_in_invoice": True}],
            "billing_configuration": {"invoice_grace_period": 3, "document_locale": "fr"},
        },
    )(create_customer),
    operation(
        "GET",
        "/customers",
        permission="customer:read",
        answer=many("customers", CustomerOut),
        summary="List customers, newest first",
        parameters=(
            *PAGES,
            Parameter("search_term", "Part of a name, of the external id or of the e-mail address."),
            Parameter("external_id"),
            Parameter("countries", "ISO 3166-1 codes.", "array"),
            Parameter("states", kind="array"),
            Parameter("zipcodes", kind="array"),
            Parameter("currencies", "ISO 4217 codes.", "array"),
            Parameter("customer_type", enum=("company", "individual")),
            Parameter("has_customer_type", kind="boolean"),
            Parameter("has_tax_identification_number", kind="boolean"),
            Parameter("account_type", kind="array"),
            Parameter("metadata", "`metadata[key]=value`; an empty value finds those without the key.", "object"),
            BILLING_ENTITIES,
        ),
    )(find_all_customers),
    operation("GET", "/customers/{external_id}", permission="customer:read", answer=_ONE, summary="Show a customer")(
        find_customer
    ),
    operation(
        "GET",
        "/customers/{external_id}/portal_url",
        permission="customer:read",
        answer=one("customer", PortalUrlOut),
        summary="A link to the customer's portal",
        description="The address of a page on which the customer sees its usage, balance and invoices, tops up its "
        "wallets and edits its own information. It needs no other credentials and is valid for twelve hours: ask for a "
        "new one each time the customer opens it.",
    )(portal_url),
    operation(
        "DELETE",
        "/customers/{external_id}",
        permission="customer:write",
        answer=_ONE,
        summary="Delete a customer",
        description="Its subscriptions end with a final invoice and its drafts are issued five minutes later; "
        "invoices stay readable. The `external_id` is free again at once.",
    )(destroy_customer),
]
