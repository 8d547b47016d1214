"""Query fields: one module per concept."""
