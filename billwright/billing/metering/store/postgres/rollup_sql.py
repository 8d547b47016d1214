# ruff: noqa: S608 -- statements are made of constants; every value is a parameter
"""How a quarter's events become rollup rows (spec 08 C3, C4), as SQL over any set of events.

Sealing, rolling and verifying use the same text, so they cannot disagree. ``source`` is a FROM ... WHERE that offers
``e`` (events) and ``d`` (their definitions).
"""

from __future__ import annotations

from typing import Final

MAX_COMBINATIONS: Final = 1_000
"""More property combinations than this in one quarter of one key are kept as a single spilled row (read raw)."""

KEY: Final = "organization_id, external_subscription_id, code"

NUMERIC_COLUMNS: Final = (
    f"{KEY}, def_version, bucket, dims_key, dims, spilled, n, total, maximum, latest, area, precise_cents"
)
UNIQUE_COLUMNS: Final = f"{KEY}, def_version, bucket, dims_key, value_hash, dims, value, has_add, last"

LIVE: Final = "e.deleted_at IS NULL AND e.external_subscription_id IS NOT NULL"


def numeric_rows(source: str) -> str:
    """SELECT of ``NUMERIC_COLUMNS``: counts, sums, maxima, latest values and weighted areas per dimension."""
    return f"""
    SELECT {KEY}, def_version, bucket, usage_hash(dims::text) AS dims_key, dims, false AS spilled,
           n, total, maximum, latest, area, precise_cents
    FROM (
      SELECT *, count(*) OVER (PARTITION BY {KEY}, def_version, bucket) AS combinations
      FROM (
        SELECT {KEY}, def_version, bucket, dims, count(*) AS n,
               sum(v) FILTER (WHERE aggregation IN ('sum_agg', 'weighted_sum_agg')) AS total,
               max(v) FILTER (WHERE aggregation = 'max_agg') AS maximum,
               max(ARRAY[usage_us(ts)::numeric, seq::numeric, v]) FILTER (WHERE aggregation = 'latest_agg') AS latest,
               sum(v * (bucket + 900000000 - usage_us(ts))) FILTER (WHERE aggregation = 'weighted_sum_agg') AS area,
               sum(precise) FILTER (WHERE aggregation = 'sum_agg') AS precise_cents
        FROM (
          SELECT e.organization_id, e.external_subscription_id, e.code, d.def_version, d.aggregation, e.ts, e.seq,
                 usage_quarter(e.ts) AS bucket, usage_dims(e.properties, d.dims_keys) AS dims,
                 e.precise_total_amount_cents AS precise,
                 CASE WHEN d.aggregation <> 'count_agg' THEN usage_number(e.properties ->> d.field) END AS v
          {source} AND d.aggregation IN ('count_agg', 'sum_agg', 'max_agg', 'latest_agg', 'weighted_sum_agg')
        ) event
        WHERE aggregation = 'count_agg' OR v IS NOT NULL
        GROUP BY {KEY}, def_version, bucket, dims
      ) combination
    ) counted
    WHERE combinations <= {MAX_COMBINATIONS}
    """


def unique_rows(source: str) -> str:
    """SELECT of ``UNIQUE_COLUMNS``: per value whether it was added and how its last operation left it."""
    return f"""
    SELECT {KEY}, def_version, bucket, usage_hash(dims::text) AS dims_key, usage_hash(value) AS value_hash, dims, value,
           bool_or(op = 'add') AS has_add, max(ARRAY[us, seq, (op = 'remove')::int]) AS last
    FROM (
      SELECT e.organization_id, e.external_subscription_id, e.code, d.def_version, e.seq, usage_us(e.ts) AS us,
             usage_quarter(e.ts) AS bucket, usage_dims(e.properties, d.dims_keys) AS dims,
             e.properties ->> d.field AS value, coalesce(e.properties ->> 'operation_type', 'add') AS op
      {source} AND d.aggregation = 'unique_count_agg' AND e.properties ->> d.field <> ''
           AND coalesce(e.properties ->> 'operation_type', 'add') IN ('add', 'remove')
    ) operation
    GROUP BY {KEY}, def_version, bucket, dims, value
    """


def spilled_rows(source: str) -> str:
    """SELECT of ``NUMERIC_COLUMNS``: one marker row for every key and quarter with too many combinations."""
    return f"""
    SELECT {KEY}, def_version, bucket, '\\x'::bytea AS dims_key, '{{}}'::text[] AS dims, true AS spilled,
           0::bigint AS n,
           NULL::numeric AS total, NULL::numeric AS maximum, NULL::numeric[] AS latest, NULL::numeric AS area,
           NULL::numeric AS precise_cents
    FROM (
      SELECT DISTINCT e.organization_id, e.external_subscription_id, e.code, d.def_version,
             usage_quarter(e.ts) AS bucket, usage_dims(e.properties, d.dims_keys) AS dims
      {source} AND d.dims_keys <> '{{}}' AND d.aggregation <> 'custom_agg'
           AND CASE d.aggregation WHEN 'count_agg' THEN true
                 WHEN 'unique_count_agg' THEN e.properties ->> d.field <> ''
                      AND coalesce(e.properties ->> 'operation_type', 'add') IN ('add', 'remove')
                 ELSE usage_number(e.properties ->> d.field) IS NOT NULL END
    ) combination
    GROUP BY {KEY}, def_version, bucket HAVING count(*) > {MAX_COMBINATIONS}
    """


def insert_rollups(source: str) -> tuple[str, str, str]:
    """The three statements that write the rollups of ``source``; all take the same parameters, spilled rows first."""
    spilled = f"INSERT INTO usage_rollups ({NUMERIC_COLUMNS}) {spilled_rows(source)}"
    numeric = f"INSERT INTO usage_rollups ({NUMERIC_COLUMNS}) {numeric_rows(source)}"
    unspilled = f"""
    INSERT INTO usage_rollup_uniques ({UNIQUE_COLUMNS})
    SELECT {UNIQUE_COLUMNS} FROM ({unique_rows(source)}) row
    WHERE NOT EXISTS (
      SELECT FROM usage_rollups s WHERE s.spilled AND s.organization_id = row.organization_id
        AND s.external_subscription_id = row.external_subscription_id AND s.code = row.code
        AND s.bucket = row.bucket AND s.def_version = row.def_version)
    """
    return spilled, numeric, unspilled
