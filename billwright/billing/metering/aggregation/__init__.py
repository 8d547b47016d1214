"""Aggregation rules shared by every event store: partial states, merges, proration and final rounding."""
