"""The tables that the product's models describe: every ``billwright.billing.*.models`` module."""

from __future__ import annotations

from billwright.billing.tables import metadata

__all__ = ["metadata"]
