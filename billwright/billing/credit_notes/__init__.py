"""Credit notes: what is given back of an issued invoice (spec 05 C)."""
