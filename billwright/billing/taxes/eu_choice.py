"""Which automatic tax a customer gets under EU tax management (spec 05 A6). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from billwright.billing.taxes.eu_rates import (
    REVERSE_CHARGE,
    TAX_EXEMPT,
    eu_rates,
    exception_code,
    is_eu,
    standard_code,
)
from billwright.billing.taxes.vat_checks import Invalid, Valid
from billwright.billing.taxes.vat_numbers import VatNumber


@dataclass(frozen=True, slots=True)
class Buyer:
    """What of a customer decides; blank is ``None``."""

    country: str | None
    zipcode: str | None
    tax_identification_number: str | None


def choose_at_once(seller_country: str, buyer: Buyer, now: datetime) -> str | None:
    """The code of the tax where no check is needed, ``None`` where VIES must be asked about the buyer's number."""
    slug = eu_rates().territory(buyer.country, buyer.zipcode, now)
    # The French overseas departments have their rates between businesses only.
    applies = buyer.country != "FR" or VatNumber.read(buyer.tax_identification_number).is_well_formed
    if slug is not None and buyer.country is not None and applies:
        return exception_code(buyer.country, slug)
    return None if buyer.tax_identification_number else _by_country(seller_country, buyer)


def choose_after_check(seller_country: str, buyer: Buyer, outcome: Valid | Invalid, now: datetime) -> str:
    """The code of the tax once VIES has answered: the country of the number counts, not the buyer's (tables R1, R2)."""
    if isinstance(outcome, Invalid):
        return _by_country(seller_country, buyer)
    if outcome.country_code != seller_country:
        return REVERSE_CHARGE
    slug = eu_rates().territory(outcome.country_code, buyer.zipcode, now)
    return exception_code(outcome.country_code, slug) if slug else standard_code(seller_country)


def _by_country(seller_country: str, buyer: Buyer) -> str:
    if not buyer.country:
        return standard_code(seller_country)
    return standard_code(buyer.country) if is_eu(buyer.country) else TAX_EXEMPT
