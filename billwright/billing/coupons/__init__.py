"""Coupons: discounts before tax, and their applications to customers (spec 05 B)."""
