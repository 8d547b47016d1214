"""Invoices per second of a billing tick: 3 charges with usage, tax, coupon, one customer each (design §8: >= 150/s).

    python -m benchmarks.bench_billing [--subscriptions 600] [--events 30] [--workers 1 2] [--profile]

So many ``--workers`` processes tick at once and share the customers, in one run after the other. ``--profile`` prints
where a process spends its time. Exits 1 beyond the target. Without a URL each run starts an embedded, durable server
in a temporary folder and also prints what does not depend on how busy the machine is: processor time and statements
per invoice.
"""

from __future__ import annotations

import argparse
import sys

from benchmarks.billing_run import Scenario, main
from billwright.billing.background.runtime import Runtime
from tests.support.company import found_company


async def found(runtime: Runtime, arguments: argparse.Namespace) -> None:
    await found_company(runtime, subscriptions=arguments.subscriptions, events=arguments.events, coupon=True)


SCENARIO = Scenario(found, 150.0, 4, "taxes_amount_cents > 0 AND coupons_amount_cents > 0")

if __name__ == "__main__":
    sys.exit(main(__doc__, SCENARIO, 600))
