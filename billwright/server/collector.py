"""Python's garbage collector in processes that live long: not while they load, and not over what they have loaded."""

from __future__ import annotations

import gc

_YOUNG_OBJECTS = 20_000


def leave_the_loading_alone() -> None:
    """No collections until ``spare_the_loaded``: modules make hardly any garbage, and each pass walks all of them."""
    gc.disable()


def spare_the_loaded() -> None:
    """Keep what the process has loaded out of garbage collections: walking it takes a tenth of a second each time.

    Requests make short-lived objects, nearly all of which end by their reference counts.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, 20, 20)
    gc.enable()
