"""Ranges of amounts in the filters of lists, in minor units."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from billwright.billing.kernel.money import CURRENCIES, exponent
from billwright.ui.filters import Filters
from billwright.ui.views.support import View, load_frame


async def amount_span(view: View, found: Filters) -> tuple[str | None, str | None]:
    """The ends of the filter ``amount``: read in the currency that is filtered by, else in the organization's."""
    lowest, highest = found.span("amount")
    chosen = found.one("currency")
    currency = chosen if chosen in CURRENCIES else (await load_frame(view))["organization"]["defaultCurrency"]
    return _cents(lowest, currency, ROUND_CEILING), _cents(highest, currency, ROUND_FLOOR)


def _cents(amount: str | None, currency: str, rounding: str) -> str | None:
    """An end of a range in minor units; between two of them, the one inside the range."""
    if amount is None:
        return None
    return str(int(Decimal(amount).scaleb(exponent(currency)).to_integral_value(rounding=rounding)))
