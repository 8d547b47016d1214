"""Loading every module that may register a job handler."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence

from billwright.billing.background.jobs import registered

PACKAGES = ("billwright.billing", "billwright.integrations")


def register_handlers(packages: Sequence[str] = PACKAGES) -> frozenset[str]:
    """Import all modules of ``packages``; returns the names of the jobs that this process can now run."""
    for package in packages:
        found = importlib.import_module(package)
        for module in pkgutil.walk_packages(found.__path__, package + "."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    return registered()
