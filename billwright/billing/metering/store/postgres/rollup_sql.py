# ruff: noqa: S608 -- statements are made of constants; every value is a parameter
"""How a quarter's events become rollup rows (spec 08 C3, C4), as SQL over any set of events.

Sealing, rolling and verifying use the same text, so they cannot disagree. ``source`` is a FROM ... WHERE that offers
``e`` (events) and ``d`` (their definitions); ``bucket`` is an expression for the quarter of ``e``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from billwright.billing.metering.store.postgres.connections import Connection

MAX_COMBINATIONS: Final = 1_000
"""More property combinations than this in one quarter of one key are kept as a single spilled row (read raw)."""

KEY: Final = "organization_id, external_subscription_id, code"
NUMERIC_COLUMNS: Final = f"{KEY}, def_version, bucket, dims_key, dims, n, total, maximum, latest, area, precise_cents"
UNIQUE_COLUMNS: Final = f"{KEY}, def_version, bucket, dims_key, value_hash, dims, value, has_add, last"
LIVE: Final = "e.deleted_at IS NULL AND e.external_subscription_id IS NOT NULL"
OF_EVENT: Final = "usage_quarter(e.ts)"


def numeric_rows(source: str, bucket: str = OF_EVENT) -> str:
    """SELECT of ``NUMERIC_COLUMNS``: counts, sums, maxima, latest values and weighted areas per dimension."""
    return f"""
    SELECT {KEY}, def_version, bucket, usage_hash(dims::text) AS dims_key, dims, n, total, maximum, latest, area,
           precise_cents
    FROM (
      SELECT {KEY}, def_version, bucket, dims, count(*) AS n,
             sum(v) FILTER (WHERE aggregation IN ('sum_agg', 'weighted_sum_agg')) AS total,
             max(v) FILTER (WHERE aggregation = 'max_agg') AS maximum,
             max(ARRAY[usage_us(ts)::numeric, seq::numeric, v]) FILTER (WHERE aggregation = 'latest_agg') AS latest,
             sum(v * (bucket + 900000000 - usage_us(ts))) FILTER (WHERE aggregation = 'weighted_sum_agg') AS area,
             sum(precise) FILTER (WHERE aggregation = 'sum_agg') AS precise_cents
      FROM (
        SELECT e.organization_id, e.external_subscription_id, e.code, d.def_version, d.aggregation, e.ts, e.seq,
               {bucket} AS bucket, usage_dims(e.properties, d.dims_keys) AS dims,
               e.precise_total_amount_cents AS precise,
               CASE WHEN d.aggregation <> 'count_agg' THEN usage_number(e.properties ->> d.field) END AS v
        {source} AND d.aggregation IN ('count_agg', 'sum_agg', 'max_agg', 'latest_agg', 'weighted_sum_agg')
        OFFSET 0
      ) event
      WHERE aggregation = 'count_agg' OR v IS NOT NULL
      GROUP BY {KEY}, def_version, bucket, dims
    ) combination
    """


def unique_rows(source: str, bucket: str = OF_EVENT) -> str:
    """SELECT of ``UNIQUE_COLUMNS``: per value whether it was added and how its last operation left it."""
    return f"""
    SELECT {KEY}, def_version, bucket, usage_hash(dims::text) AS dims_key, usage_hash(value) AS value_hash, dims, value,
           bool_or(op = 'add') AS has_add, max(ARRAY[us, seq, (op = 'remove')::int]) AS last
    FROM (
      SELECT e.organization_id, e.external_subscription_id, e.code, d.def_version, e.seq, usage_us(e.ts) AS us,
             {bucket} AS bucket, usage_dims(e.properties, d.dims_keys) AS dims,
             e.properties ->> d.field AS value, coalesce(e.properties ->> 'operation_type', 'add') AS op
      {source} AND d.aggregation = 'unique_count_agg' AND e.properties ->> d.field <> ''
           AND coalesce(e.properties ->> 'operation_type', 'add') IN ('add', 'remove')
    ) operation
    GROUP BY {KEY}, def_version, bucket, dims, value
    """


class Writer:
    """Writes the rollups of one kind of ``source``; every statement takes the source's parameters."""

    def __init__(self, source: str, bucket: str = OF_EVENT) -> None:
        self._inserts = [
            f"""
            WITH written AS (INSERT INTO {table} ({columns}) {rows} RETURNING {KEY}, def_version, bucket, dims_key)
            SELECT (SELECT count(*) FROM written) AS n, crowded.* FROM (SELECT) one LEFT JOIN (
              SELECT {KEY}, def_version, bucket FROM written
              GROUP BY {KEY}, def_version, bucket HAVING count(DISTINCT dims_key) > {MAX_COMBINATIONS}
            ) crowded ON true"""
            for table, columns, rows in (
                ("usage_rollups", NUMERIC_COLUMNS, numeric_rows(source, bucket)),
                ("usage_rollup_uniques", UNIQUE_COLUMNS, unique_rows(source, bucket)),
            )
        ]

    async def write(self, connection: Connection, *values: Any) -> int:
        """Insert the rollup rows inside the caller's transaction; returns how many."""
        count = 0
        for statement in self._inserts:
            rows = await connection.fetch(statement, *values)
            count += rows[0]["n"]
            if rows[0]["code"] is not None:
                await _spill(connection, [tuple(row)[1:] for row in rows])
        return count


async def _spill(connection: Connection, keys: Sequence[tuple[Any, ...]]) -> None:
    """Replace the rows of crowded quarters by one marker row each."""
    for key in keys:
        for table in ("usage_rollups", "usage_rollup_uniques"):
            await connection.execute(
                f"DELETE FROM {table} WHERE ({KEY}, def_version, bucket) = ($1::uuid, $2::text, $3::text, $4, $5)", *key
            )
        await connection.execute(
            f"""INSERT INTO usage_rollups ({KEY}, def_version, bucket, dims_key, dims, spilled, n)
                VALUES ($1, $2, $3, $4, $5, '', '{{}}', true, 0)""",
            *key,
        )
