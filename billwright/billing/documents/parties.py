"""Seller and buyer as a document prints them, from what was stored (spec 04 §19.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from billwright.billing.documents.invoice_document import Address, Party


def party(values: Mapping[str, Any], fallback: str) -> Party:
    """A party as it was fixed at issue; ``fallback`` is its name if it has none."""
    return Party(
        name=values.get("name") or fallback,
        legal_name=values.get("legal_name"),
        legal_number=values.get("legal_number"),
        tax_identification_number=values.get("tax_identification_number"),
        emails=tuple(part.strip() for part in (values.get("email") or "").split(",") if part.strip()),
        address=Address(
            line1=values.get("address_line1"),
            line2=values.get("address_line2"),
            zipcode=values.get("zipcode"),
            city=values.get("city"),
            state=values.get("state"),
            country=values.get("country"),
        ),
    )
