"""Every bound of the language in one place (spec 01 §9.2)."""

from __future__ import annotations

from decimal import Decimal

MAX_STEPS = 100_000
"""Steps per event: one per syntax node of an executed statement, plus the items that built-ins touch."""
MAX_ITEMS = 10_000
"""Items of one list or dict."""
MAX_STRING = 65_536
"""Characters of one computed string."""
CHARACTERS_PER_STEP = 64
"""Computed text costs a step per so many characters, so an event cannot build more than a few megabytes."""
MAX_CALL_DEPTH = 16
"""Own functions inside one another."""
MAX_NUMBER = Decimal(10) ** 40
"""Arithmetic results beyond it are errors."""
PRECISION = 50
"""Significant digits of arithmetic."""
SMALLEST_EXPONENT = -100
"""Below 10^-100 arithmetic results lose digits and finally become zero."""
MAX_NUMBER_TEXT = 400
"""Characters of a numeric string or JSON number."""
MAX_MEMO = 16_384
"""Bytes of the memo as JSON text."""
MAX_NESTING = 32
"""Lists and dicts inside one another, where a value is compared or kept."""
MAX_INPUT_NESTING = 200
"""The same for properties of events and buckets."""
MAX_SOURCE = 65_536
"""Characters of source."""
MAX_SYNTAX_DEPTH = 48
"""Syntax nodes inside one another."""
MAX_PROBLEMS = 20
"""Problems reported for one source."""
