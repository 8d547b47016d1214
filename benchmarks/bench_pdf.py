"""Invoice PDFs: first and warm rendering times. ``python -m benchmarks.bench_pdf [ROUNDS]``; exits 1 beyond the target.

Target (design §8): an invoice PDF <= 50 ms warm. Every round renders a document of another number, so that nothing of
the previous one can be reused as a whole.
"""

from __future__ import annotations

import dataclasses
import resource
import statistics
import sys
import time

from billwright.billing.documents.invoice_document import InvoiceDocument
from billwright.billing.documents.render import render_invoice
from tests.billing.documents.fixtures import gallery

TARGET_MS = 50.0


def timed(document: InvoiceDocument, rounds: int) -> list[float]:
    times: list[float] = []
    for round_number in range(rounds):
        numbered = dataclasses.replace(document, number=f"{document.number}-{round_number}")
        started = time.perf_counter()
        render_invoice(numbered)
        times.append((time.perf_counter() - started) * 1000)
    return times


def main(rounds: int) -> int:
    documents = gallery()
    started = time.perf_counter()
    render_invoice(documents["simple"])
    print(f"first render of the process      {(time.perf_counter() - started) * 1000:8.1f} ms")
    failed = False
    for name in ("simple", "everything_fr", "models", "several", "many_lines"):
        times = sorted(timed(documents[name], rounds))
        median, p95 = statistics.median(times), times[int(len(times) * 0.95)]
        verdict = ""
        if name in ("simple", "everything_fr"):
            failed |= median > TARGET_MS
            verdict = f"  ratio to target {median / TARGET_MS:.2f}"
        print(f"{name:<20} median {median:8.1f} ms   p95 {p95:8.1f} ms{verdict}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 40))
