"""What of an organization lies in which table: what a reset keeps, what it deletes, and what a copy takes along.

Read from the tables themselves, so that a new table that hangs on customers is deleted with them. A table that hangs on
nothing is named here; the tests name those that nobody has placed.
"""

from __future__ import annotations

from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, ForeignKey, Table, and_, or_, select

from billwright.billing.tables import metadata

ORGANIZATIONS = "organizations"
CATALOGUE = frozenset(
    """taxes billable_metrics billable_metric_filters add_ons add_ons_taxes plans plans_taxes charges charges_taxes
    charge_filters commitments commitments_taxes usage_thresholds coupons coupon_targets features privileges
    entitlements entitlement_values""".split()
)
"""What a sandbox may take over from another organization (spec 09 §1)."""
KEPT = CATALOGUE | frozenset(
    """organizations users memberships invites okta_connections user_sessions password_resets api_keys signing_keys
    webhook_endpoints webhook_hmac_keys""".split()
)
"""What a reset keeps: catalogue, settings, members, keys. Rows in them that hang on what is deleted go all the same:
a subscription's own prices and thresholds."""
DELETED = frozenset(
    """jobs instant_events lifetime_usage_marks wallet_marks wallet_watches event_checks audit_findings data_exports
    stored_files webhooks emails custom_aggregation_states unit_marks api_logs daily_usage_marks analytics_figures
    alerts activity_logs""".split()
)
"""What a reset deletes although no foreign key leads to a customer: usage, work to do, files, and what was sent."""


def _links(table: Table) -> list[ForeignKey]:
    """Foreign keys to other tables, those that are always set first."""
    found = [link for link in table.foreign_keys if link.column.table is not table]
    return sorted(found, key=lambda link: (bool(link.parent.nullable), link.parent.name))


@cache
def deleted_tables() -> frozenset[str]:
    """Tables of which a reset leaves no row: ``DELETED``, customers, and those whose rows always belong to them."""
    found = {"customers", *DELETED}
    for table in metadata().sorted_tables:
        if table.name not in KEPT and any(
            link.column.table.name in found and not link.parent.nullable for link in _links(table)
        ):
            found.add(table.name)
    return frozenset(found)


def owned_by(table: Table, organization_id: UUID) -> ColumnElement[bool] | None:
    """The rows of an organization; ``None`` for a table whose rows belong to none (people, keys of the server)."""
    if table.name == ORGANIZATIONS:
        return table.c.id == organization_id
    if "organization_id" in table.c:
        return table.c.organization_id == organization_id
    for link in _links(table):
        if link.column.table.name == ORGANIZATIONS:
            return link.parent == organization_id
        inner = owned_by(link.column.table, organization_id)
        if inner is not None:
            return link.parent.in_(select(link.column).where(inner))
    return None


def deleted_rows(table: Table, organization_id: UUID) -> ColumnElement[bool] | None:
    """The rows of an organization that a reset deletes; ``None`` for none."""
    owned = owned_by(table, organization_id)
    if owned is None or table.name in deleted_tables():
        return owned
    left = _hanging(table, organization_id)
    return None if left is None else and_(owned, left)


def _hanging(table: Table, organization_id: UUID) -> ColumnElement[bool] | None:
    """Rows of a kept table that hang on deleted ones, or on a subscription's own version of a plan."""
    found: list[Any] = [table.c.parent_id.is_not(None)] if table.name == "plans" else []
    for link in _links(table):
        parent = link.column.table
        if parent.name == ORGANIZATIONS:
            continue
        if parent.name in deleted_tables():
            found.append(link.parent.is_not(None))
        else:
            inner = deleted_rows(parent, organization_id)
            if inner is not None:
                found.append(link.parent.in_(select(link.column).where(inner)))
    return or_(*found) if found else None
