"""Wallets: prepaid credits of customers (spec 05 Part D)."""
