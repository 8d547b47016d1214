"""Every job handler of the domain. A process that runs jobs loads them once."""

from __future__ import annotations

import importlib

MODULES = (
    "billwright.billing.catalog.definitions",
    "billwright.billing.catalog.metric_deletion",
    "billwright.billing.customers.deletion",
    "billwright.billing.invoicing.documents",
    "billwright.billing.invoicing.generation",
    "billwright.billing.scheduling.advancing",
)
"""Modules that register handlers with ``background.jobs.job``."""


def load_handlers() -> None:
    """Import all modules with handlers."""
    for name in MODULES:
        importlib.import_module(name)
