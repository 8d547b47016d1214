"""Sandbox organizations as a whole: making, filling, resetting and destroying them (spec 09 §1)."""
