"""Features, what plans grant of them, and what subscriptions change about it (spec 07 §9.3)."""
