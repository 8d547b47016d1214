"""``python -m tests.simulation --seeds 1000 --from 0``: many lives on a database of its own."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from pathlib import Path

import structlog

from billwright.billing.kernel.db import Database
from billwright.migrations.runner import upgrade
from tests.conftest import TestStack, _Admin, _start
from tests.simulation.plan import FEATURES
from tests.simulation.running import simulate, told_first


async def _run(url: str, seeds: range, features: frozenset[str], *, history: bool) -> int:
    database = Database(url)
    wrong = 0
    try:
        for seed in seeds:
            begin = time.perf_counter()
            try:
                invoices, lines, told = await simulate(database, seed, features)
            except Exception as error:
                wrong += 1
                print(f"seed {seed}: {type(error).__name__}: {error}", flush=True)
                if history:
                    raise
                continue
            spent = time.perf_counter() - begin
            if lines:
                wrong += 1
                print(f"seed {seed}: {invoices} invoices, {len(lines)} differences, {spent:.1f} s", flush=True)
                print("\n".join(f"  {line}" for line in told_first(lines)), flush=True)
                if history:
                    print(told, flush=True)
            elif history or len(seeds) <= 20:
                print(f"seed {seed}: {invoices} invoices agree, {spent:.1f} s", flush=True)
    finally:
        await database.close()
    print(f"{len(seeds)} lives, {wrong} with differences")
    return 1 if wrong else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=60, help="how many lives")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first seed")
    parser.add_argument("--only", help="comma-separated features to mix; all if not given")
    parser.add_argument("--history", action="store_true", help="print what was asked for")
    given = parser.parse_args()
    features = frozenset(given.only.split(",")) if given.only is not None else FEATURES
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory() as folder:
        stack = TestStack(_start(Path(folder)), 0)
        admin = _Admin(stack.info.database_url)
        admin.execute("CREATE DATABASE simulation")
        admin.close()
        url = stack.database_url("simulation")
        upgrade(url)
        return asyncio.run(_run(url, range(given.first, given.first + given.seeds), features, history=given.history))


if __name__ == "__main__":
    sys.exit(main())
