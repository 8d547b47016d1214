"""Mutation fields: one module per concept."""
