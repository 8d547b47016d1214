"""Who changed what, and when (spec 07 §9.1)."""
