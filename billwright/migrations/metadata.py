"""The tables that the product's models describe: every ``billwright.billing.*.models`` module."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import warnings

from sqlalchemy import MetaData

import billwright.billing
from billwright.billing.kernel.records import Table


def metadata(*, tolerant: bool = False) -> MetaData:
    """Metadata with the tables of every concept; importing them is what registers them.

    ``tolerant`` (development before the first release) warns of a module that cannot be imported instead of failing.
    """
    for concept in pkgutil.iter_modules(billwright.billing.__path__, "billwright.billing."):
        name = f"{concept.name}.models"
        if concept.ispkg and importlib.util.find_spec(name) is not None:
            try:
                importlib.import_module(name)
            except ImportError as failure:
                if not tolerant:
                    raise
                warnings.warn(f"the tables of {name} are missing: {failure}", stacklevel=2)
    return Table.metadata
