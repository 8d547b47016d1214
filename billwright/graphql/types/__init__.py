"""Types of the schema: one module per concept, named after the REST objects (spec 07 §6.3)."""
