"""Seller and buyer of a document as it prints them (spec 04 §19.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from billwright.billing.documents.header import TAX_INVOICE_COUNTRIES, customer_block, seller_block
from billwright.billing.documents.locales import load_locale
from billwright.billing.documents.parties import party
from billwright.ui import formatting
from billwright.ui.views.customers import customer_href, shown_name
from billwright.ui.views.support import View

Data = Mapping[str, Any]


def parties(view: View, document: Data, organization: Data) -> dict[str, Any]:
    """``seller``, ``customer`` and ``shown_metadata`` of an invoice or credit note: fixed at issue, as they are now
    before. ``taxed_by_law``: whether the seller's country calls an invoice a tax invoice.
    """
    issued = document["issuedParties"] or {}
    customer = document["customer"]
    locale = load_locale("en")
    seller = party(issued["seller"] if issued else _as_stored(organization), organization["name"])
    buyer_values = (
        {**issued["buyer"], "name": issued["buyer"].get("display_name")}
        if issued
        else {**_as_stored(customer), "name": customer["displayName"], "legal_name": None}
    )
    sold = seller_block(seller, locale)
    bought = customer_block(party(buyer_values, customer["externalId"]), "", locale)
    return {
        "taxed_by_law": (seller.address.country or "").upper() in TAX_INVOICE_COUNTRIES,
        "seller": {
            "name": sold.name,
            "logo_url": formatting.own_path(organization["logoUrl"]),
            "lines": list(sold.lines),
        },
        "customer": {
            "name": bought.name or shown_name(customer),
            "href": customer_href(view, customer),
            "timezone": customer["applicableTimezone"],
            "lines": list(bought.lines),
        },
        "shown_metadata": [
            {"label": item["key"], "value": item["value"]} for item in customer["metadata"] if item["displayInInvoice"]
        ],
    }


_STORED = {
    "name": "name", "legal_name": "legalName", "legal_number": "legalNumber", "email": "email",
    "tax_identification_number": "taxIdentificationNumber", "address_line1": "addressLine1",
    "address_line2": "addressLine2", "zipcode": "zipcode", "city": "city", "state": "state", "country": "country",
}  # fmt: skip


def _as_stored(values: Data) -> dict[str, Any]:
    return {stored: values.get(name) for stored, name in _STORED.items()}
