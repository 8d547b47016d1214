"""All tables of the product: every ``billwright.billing.*.models`` module."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from functools import cache

from sqlalchemy import MetaData

import billwright.billing
from billwright.billing.kernel.records import Table


@cache
def metadata() -> MetaData:
    """Metadata with the tables of every concept; importing them is what registers them."""
    for concept in pkgutil.iter_modules(billwright.billing.__path__, "billwright.billing."):
        name = f"{concept.name}.models"
        if concept.ispkg and importlib.util.find_spec(name) is not None:
            importlib.import_module(name)
    return Table.metadata
