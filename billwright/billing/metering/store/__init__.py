"""Event stores: durable, exactly-once events and exact aggregation over them. Start reading at ``protocol``."""
