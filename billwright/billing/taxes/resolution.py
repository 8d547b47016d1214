"""Which taxes a fee gets: the first level that has any (spec 05 A2). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from billwright.billing.taxes.computation import TaxRate

T = TypeVar("T", bound=TaxRate)


def first_level(*levels: Sequence[T]) -> tuple[T, ...]:
    """The taxes of the first level that is not empty, as they are given; levels never add up."""
    return next((level if isinstance(level, tuple) else tuple(level) for level in levels if level), ())


def taxes_of_fee(
    fee_type: str,
    *,
    own: Sequence[T] = (),
    plan: Sequence[T] = (),
    customer: Sequence[T] = (),
    organization: Sequence[T] = (),
) -> tuple[T, ...]:
    """Taxes of a fee. ``own`` are those of its charge, fixed charge, commitment or add-on.

    ``fee_type``: ``charge``, ``fixed_charge``, ``commitment``, ``subscription``, ``add_on``, ``credit`` (never taxed).
    """
    if fee_type == "credit":
        return ()
    if fee_type == "subscription":
        return first_level(plan, customer, organization)
    if fee_type == "add_on":
        return first_level(own, customer, organization)
    return first_level(own, plan, customer, organization)


def one_off_taxes(requested: Iterable[str] | None, known: Sequence[T]) -> tuple[T, ...]:
    """The taxes that a one-off fee's ``tax_codes`` name; unknown codes are ignored, none known counts as absent."""
    by_code = {tax.code: tax for tax in known}
    return tuple(by_code[code] for code in dict.fromkeys(requested or ()) if code in by_code)
