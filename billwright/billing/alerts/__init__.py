"""Alerts: webhooks when usage of a subscription or a wallet's balance passes a threshold (spec 07 §9.4)."""
