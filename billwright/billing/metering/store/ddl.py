"""Tables of the PostgreSQL event store as SQL text (spec 08 C3); migration 0002 executes ``CREATE``.

This is the first release; later revisions change it (0024: ``events_as_received`` in place of ``events_by_reception``).

Quarters (``bucket``), ``valid_since``, ``marking_until`` and ``readable_until`` are bigint microseconds since 1970 UTC.
Rollup tables are derived data and can be recreated from ``events``.
"""

from __future__ import annotations

FUNCTIONS = r"""
CREATE FUNCTION usage_us(ts timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
  AS $$ SELECT (extract(epoch FROM ts) * 1000000)::bigint $$;

CREATE FUNCTION usage_quarter(ts timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
  AS $$ SELECT extract(epoch FROM date_bin('15 minutes', ts, '0001-01-01 00:00:00+00'))::bigint * 1000000 $$;

-- A property's number, or null when its text is not numeric (spec 01 §2.4). The length bound keeps a hostile event from
-- exceeding the range of numeric, which would fail every reading of its subscription.
CREATE FUNCTION usage_number(t text) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE
  AS $$ SELECT CASE WHEN t ~ '^-?[0-9]+(\.[0-9]+)?$' AND length(t) <= 1000 THEN t::numeric END $$;

CREATE FUNCTION usage_dims(properties jsonb, keys text[]) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
  AS $$ SELECT CASE cardinality(keys)
    WHEN 0 THEN '{}'::text[]
    WHEN 1 THEN ARRAY[properties ->> keys[1]]
    WHEN 2 THEN ARRAY[properties ->> keys[1], properties ->> keys[2]]
    WHEN 3 THEN ARRAY[properties ->> keys[1], properties ->> keys[2], properties ->> keys[3]]
    ELSE ARRAY(SELECT properties ->> k FROM unnest(keys) k) END $$;

CREATE FUNCTION usage_hash(t text) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE
  AS $$ SELECT substr(sha256(convert_to(t, 'UTF8')), 1, 16) $$;
"""

EVENTS = """
CREATE SEQUENCE event_seq CACHE 1;

CREATE TABLE events (
  seq bigint NOT NULL DEFAULT nextval('event_seq'),
  id uuid NOT NULL,
  organization_id uuid NOT NULL,
  external_subscription_id text COLLATE "C",
  code text COLLATE "C" NOT NULL,
  transaction_id text COLLATE "C" NOT NULL,
  ts timestamptz NOT NULL,
  properties jsonb NOT NULL,
  precise_total_amount_cents numeric(40,15),
  metadata jsonb,
  source text,
  created_at timestamptz NOT NULL,
  deleted_at timestamptz
) PARTITION BY RANGE (ts);

CREATE INDEX events_usage ON events (organization_id, external_subscription_id, code, ts) WHERE deleted_at IS NULL;
CREATE INDEX events_by_time ON events (organization_id, ts DESC);
CREATE INDEX events_by_reception ON events (organization_id, created_at DESC);
CREATE INDEX events_by_transaction ON events (organization_id, transaction_id);
CREATE INDEX events_ts_ranges ON events USING brin (ts) WITH (pages_per_range = 32, autosummarize = on);

CREATE TABLE events_default PARTITION OF events DEFAULT;

-- Makes the monthly partition that contains `at`; rows that waited in the default partition move into it.
CREATE FUNCTION events_make_partition(at timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  low timestamptz := date_trunc('month', at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC';
  high timestamptz := (date_trunc('month', at AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC';
  part text := 'events_' || to_char(at AT TIME ZONE 'UTC', 'YYYYMM');
BEGIN
  IF to_regclass(part) IS NOT NULL THEN
    RETURN false;
  END IF;
  PERFORM pg_advisory_xact_lock(48230001);
  IF to_regclass(part) IS NOT NULL THEN
    RETURN false;
  END IF;
  EXECUTE format('CREATE TABLE %I (LIKE events INCLUDING DEFAULTS INCLUDING GENERATED)', part);
  LOCK TABLE events_default IN ACCESS EXCLUSIVE MODE;
  EXECUTE format('WITH moved AS (DELETE FROM events_default WHERE ts >= %L AND ts < %L RETURNING *)
                  INSERT INTO %I SELECT * FROM moved', low, high, part);
  EXECUTE format('ALTER TABLE events ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', part, low, high);
  RETURN true;
END $$;
"""

LEDGER = """
-- One row per accepted (organization, subscription, transaction id): the unique index of events, which a table
-- partitioned by time cannot have. Keys are 16-byte hashes kept as uuid.
CREATE TABLE event_keys (key uuid NOT NULL, ts timestamptz NOT NULL, PRIMARY KEY (key)) PARTITION BY HASH (key);
""" + "\n".join(
    f"CREATE TABLE event_keys_{part:02d} PARTITION OF event_keys FOR VALUES WITH (MODULUS 16, REMAINDER {part});"
    for part in range(16)
)

ROLLUPS = """
CREATE SEQUENCE dirty_gen;
CREATE SEQUENCE rollup_def_version;

CREATE TABLE rollup_state (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  marking_until bigint NOT NULL,
  readable_until bigint NOT NULL,
  CHECK (readable_until <= marking_until AND marking_until % 900000000 = 0 AND readable_until % 900000000 = 0)
);
INSERT INTO rollup_state (marking_until, readable_until) VALUES (usage_quarter(now()), usage_quarter(now()));

CREATE TABLE rollup_defs (
  organization_id uuid NOT NULL,
  code text COLLATE "C" NOT NULL,
  def_version bigint NOT NULL DEFAULT nextval('rollup_def_version'),
  metric_id uuid NOT NULL,
  aggregation text NOT NULL,
  field text,
  dims_keys text[] NOT NULL,
  valid_since bigint NOT NULL,
  PRIMARY KEY (organization_id, code)
);

CREATE TABLE usage_dirty (
  organization_id uuid NOT NULL,
  external_subscription_id text COLLATE "C" NOT NULL,
  code text COLLATE "C" NOT NULL,
  bucket bigint NOT NULL,
  gen bigint NOT NULL,
  marked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (organization_id, external_subscription_id, code, bucket)
) WITH (fillfactor = 70);

-- n: counted events. latest: {timestamp in microseconds, seq, value}. area: sum of change x microseconds to the
-- quarter's end. dims: property texts in the order of rollup_defs.dims_keys.
CREATE TABLE usage_rollups (
  organization_id uuid NOT NULL,
  external_subscription_id text COLLATE "C" NOT NULL,
  code text COLLATE "C" NOT NULL,
  def_version bigint NOT NULL,
  bucket bigint NOT NULL,
  dims_key bytea NOT NULL,
  dims text[] NOT NULL,
  spilled boolean NOT NULL DEFAULT false,
  n bigint NOT NULL,
  total numeric,
  maximum numeric,
  latest numeric[],
  area numeric,
  precise_cents numeric,
  PRIMARY KEY (organization_id, external_subscription_id, code, def_version, bucket, dims_key)
);
CREATE INDEX usage_rollups_spilled ON usage_rollups (organization_id, external_subscription_id, code, bucket)
  WHERE spilled;

-- last: {timestamp in microseconds, seq, 1 if the operation was a remove} of the value's last operation in the quarter.
CREATE TABLE usage_rollup_uniques (
  organization_id uuid NOT NULL,
  external_subscription_id text COLLATE "C" NOT NULL,
  code text COLLATE "C" NOT NULL,
  def_version bigint NOT NULL,
  bucket bigint NOT NULL,
  dims_key bytea NOT NULL,
  value_hash bytea NOT NULL,
  dims text[] NOT NULL,
  value text COLLATE "C" NOT NULL,
  has_add boolean NOT NULL,
  last bigint[] NOT NULL,
  PRIMARY KEY (organization_id, external_subscription_id, code, def_version, bucket, dims_key, value_hash)
);
"""

CREATE = FUNCTIONS + EVENTS + LEDGER + ROLLUPS

DROP = """
DROP TABLE IF EXISTS usage_rollup_uniques, usage_rollups, usage_dirty, rollup_defs, rollup_state, event_keys, events
  CASCADE;
DROP SEQUENCE IF EXISTS event_seq, dirty_gen, rollup_def_version;
DROP FUNCTION IF EXISTS events_make_partition(timestamptz);
DROP FUNCTION IF EXISTS usage_us(timestamptz), usage_quarter(timestamptz), usage_number(text),
  usage_dims(jsonb, text[]), usage_hash(text);
"""
