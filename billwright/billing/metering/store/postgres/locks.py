"""Advisory locks of the event store. Transaction-scoped, so a crash frees them."""

from __future__ import annotations

from typing import Final

APPEND: Final = 48_230_000
"""Shared by every append and soft deletion, exclusive for the instant in which a seal moves ``marking_until``."""
PARTITIONS: Final = 48_230_001
SEALING: Final = 48_230_002
DEFINITIONS: Final = 48_230_003
ROLLING: Final = 48_230_004
"""First half of the two-part key under which one organization's dirty quarters are rolled."""
INSTANT: Final = 48_230_005
"""First half of the two-part key that orders the in-advance events of one subscription."""

SHARE_APPEND: Final = f"SELECT pg_advisory_xact_lock_shared({APPEND})"
