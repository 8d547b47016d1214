"""Custom aggregation: user-written folds in a restricted Python, behind two walls (spec 01 §9)."""

from billwright.billing.metering.custom_aggregation.language.errors import AggregationError, InvalidSource, Problem
from billwright.billing.metering.custom_aggregation.language.folding import (
    INITIAL,
    Event,
    State,
    fold,
    trace,
    validate,
)
from billwright.billing.metering.custom_aggregation.pool import (
    SandboxPool,
    close_sandbox,
    fold_in_sandbox,
    sandbox_pool,
    trace_in_sandbox,
)
from billwright.billing.metering.custom_aggregation.semantics import (
    EventStep,
    custom_properties,
    opening_state,
    step_event,
    unit_amount,
)

__all__ = [
    "INITIAL",
    "AggregationError",
    "Event",
    "EventStep",
    "InvalidSource",
    "Problem",
    "SandboxPool",
    "State",
    "close_sandbox",
    "custom_properties",
    "fold",
    "fold_in_sandbox",
    "opening_state",
    "sandbox_pool",
    "step_event",
    "trace",
    "trace_in_sandbox",
    "unit_amount",
    "validate",
]
