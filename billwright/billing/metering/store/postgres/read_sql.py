# ruff: noqa: S608 -- statements are made of constants; every value is a parameter
"""SQL text of a query: property columns, the bucket rule and grouping over rollups and raw events alike.

``Columns`` hides where a property's text comes from (a rollup's ``dims`` or an event's ``properties``); bucket, group
and match conditions are the same text over either.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from billwright.billing.metering.store.postgres.cutting import Interval, instants
from billwright.billing.metering.store.protocol import Query


class Parameters:
    """Values of a statement in the making."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._named: dict[str, str] = {}

    def once(self, name: str, value: Any, kind: str) -> str:
        """The placeholder of a value that several fragments use; PostgreSQL refuses parameters that none uses."""
        if name not in self._named:
            self._named[name] = self.add(value, kind)
        return self._named[name]

    def add(self, value: Any, kind: str) -> str:
        """The placeholder of ``value``, typed."""
        self.values.append(value)
        return f"${len(self.values)}::{kind}"


class Statement:
    """Builds the sources of one query; every fragment shares ``parameters``."""

    def __init__(self, query: Query) -> None:
        self.query = query
        self.parameters = Parameters()
        add = self.parameters.add
        self._organization = add(query.organization_id, "uuid")
        self._subscription = add(query.external_subscription_id, "text")
        self._code = add(query.code, "text")
        self._keys = sorted(property_keys(query))
        self._predicates = [
            [(key, add(sorted(values), "text[]")) for key, values in sorted(bucket.predicates.items())]
            for bucket in query.buckets
        ]
        self._matches = [(key, add(value or "", "text")) for key, value in sorted(query.match.items())]

    def raw(self, intervals: Sequence[Interval], columns: str) -> str:
        """SELECT b, g, ``columns`` over the live events ``e`` of ``intervals``; ``value`` is the field's text."""
        lows, highs = instants(list(intervals))
        add, once = self.parameters.add, self.parameters.once
        texts = {key: f"(e.properties ->> {once(f'key {key}', key, 'text')})" for key in self._keys}
        field = self.query.field
        value = "NULL::text" if field is None else f"e.properties ->> {once('field', field, 'text')}"
        bounds = ""
        if len(intervals) == 1:
            source = "events e"
            bounds = f"e.ts >= {add(lows[0], 'timestamptz')} AND e.ts < {add(highs[0], 'timestamptz')}"
        else:
            source = (
                f"unnest({add(lows, 'timestamptz[]')}, {add(highs, 'timestamptz[]')}) AS span(low, high) "
                "JOIN events e ON e.ts >= span.low AND e.ts < span.high"
            )
            bounds = f"e.ts >= {add(lows[0], 'timestamptz')} AND e.ts < {add(highs[-1], 'timestamptz')}"
        boundary = self.query.boundary
        if boundary is not None:
            sign = "<=" if boundary.inclusive else "<"
            bounds += (
                f" AND (e.ts, e.seq) {sign} ({add(boundary.timestamp, 'timestamptz')}, {add(boundary.seq, 'bigint')})"
            )
        return f"""
        SELECT {self._bucket(texts)} AS b, {self._group(texts)} AS g, {value} AS value, {columns}
        FROM {source}
        WHERE e.organization_id = {self._organization} AND e.external_subscription_id = {self._subscription}
          AND e.code = {self._code} AND e.deleted_at IS NULL AND {bounds}{self._matching(texts)}"""

    def rolled(self, table: str, version: int, dims: Sequence[str], intervals: Sequence[Interval], columns: str) -> str:
        """SELECT b, g, ``columns`` over the rollup rows ``u`` of ``intervals``."""
        add = self.parameters.add
        texts = {key: f"u.dims[{dims.index(key) + 1}]" for key in self._keys}
        if len(intervals) == 1:
            source = f"{table} u"
            low, high = intervals[0]
            bounds = f"u.bucket >= {add(low, 'bigint')} AND u.bucket < {add(high, 'bigint')}"
        else:
            lows, highs = [low for low, _ in intervals], [high for _, high in intervals]
            source = (
                f"unnest({add(lows, 'bigint[]')}, {add(highs, 'bigint[]')}) AS span(low, high) "
                f"JOIN {table} u ON u.bucket >= span.low AND u.bucket < span.high"
            )
            bounds = "true"
        return f"""
        SELECT {self._bucket(texts)} AS b, {self._group(texts)} AS g, {columns}
        FROM {source}
        WHERE u.organization_id = {self._organization} AND u.external_subscription_id = {self._subscription}
          AND u.code = {self._code} AND u.def_version = {add(version, "bigint")} AND {bounds}{self._matching(texts)}"""

    def _bucket(self, texts: dict[str, str]) -> str:
        """The index of the first bucket whose predicates hold (spec 01 §4.3)."""
        if len(self._predicates) == 1:
            return "0"
        cases = [
            f"WHEN {' AND '.join(f'{texts[key]} = ANY({values})' for key, values in predicates)} THEN {index}"
            for index, predicates in enumerate(self._predicates)
            if predicates
        ]
        return f"CASE {' '.join(cases)} ELSE {len(self._predicates) - 1} END"

    def _group(self, texts: dict[str, str]) -> str:
        """The group's values; a null entry for missing, null and "" (spec 01 §4.5)."""
        keys = [self.query.group_keys(bucket) for bucket in self.query.buckets]
        if all(each == keys[0] for each in keys):
            return _array(keys[0], texts)
        cases = [f"WHEN {index} THEN {_array(each, texts)}" for index, each in enumerate(keys)]
        return f"CASE {self._bucket(texts)} {' '.join(cases)} END"

    def _matching(self, texts: dict[str, str]) -> str:
        return "".join(f" AND coalesce({texts[key]}, '') = {value}" for key, value in self._matches)


def property_keys(query: Query) -> set[str]:
    """Every property that the query splits or selects events by."""
    keys = set(query.match)
    for bucket in query.buckets:
        keys.update(bucket.predicates)
        keys.update(query.group_keys(bucket))
    return keys


def _array(keys: Sequence[str], texts: dict[str, str]) -> str:
    values = ", ".join(f"nullif({texts[key]}, '')" for key in keys)
    return f"ARRAY[{values}]::text[]"
