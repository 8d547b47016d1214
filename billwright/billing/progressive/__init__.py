"""Progressive billing: usage thresholds, lifetime usage, and the invoices in between (spec 02 §13)."""
