"""Importing every module that registers job handlers, so that a process can run any job."""

from __future__ import annotations

import importlib
import pkgutil

import billwright.billing


def register_all() -> None:
    """Import all modules of the domain; handlers register themselves when their module is imported."""
    for module in pkgutil.walk_packages(billwright.billing.__path__, "billwright.billing."):
        importlib.import_module(module.name)
