"""Numbers that callers send (spec 07 §1.2)."""

from __future__ import annotations

from typing import Any

import pytest

from billwright.billing.kernel.errors import ValidationFailed
from billwright.billing.kernel.inputs import Input, Integer, NonNegativeInteger, whole_number


class _Amount(Input):
    amount_cents: Integer
    rest_cents: NonNegativeInteger = 0


@pytest.mark.parametrize(
    ("sent", "expected"),
    [(4900, 4900), ("4900", 4900), (" 4900 ", 4900), ("-1", -1), ("+1", 1), (4900.0, 4900), ("0049", 49)],
)
def test_07_1_2_integers(sent: Any, expected: int) -> None:
    assert _Amount.parse({"amount_cents": sent}).amount_cents == expected


@pytest.mark.parametrize(
    "sent", ["49.00", "49.0", "49,00", "1e3", "4 900", "", "0x10", "٤٩", 49.5, "NaN", True, [], {}, float("inf")]
)
def test_07_1_2_text_with_decimals_is_no_integer(sent: Any) -> None:
    """``"49.00"`` looks like an amount in units: as 49 minor units it would be a hundredth of it."""
    with pytest.raises(ValidationFailed) as refused:
        _Amount.parse({"amount_cents": sent})
    assert refused.value.details == {"amount_cents": ["value_is_invalid"]}
    with pytest.raises(ValidationFailed) as refused:
        _Amount.parse({"amount_cents": 1, "rest_cents": sent})
    assert refused.value.details == {"rest_cents": ["value_is_invalid"]}


def test_whole_numbers() -> None:
    assert whole_number("9" * 30) == int("9" * 30)
    assert whole_number("9" * 31) is None
