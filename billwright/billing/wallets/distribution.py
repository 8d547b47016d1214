"""Which wallet answers for which part of the usage that is not paid yet (spec 05 D8). Pure; minor units.

Lines of one fee type and metric are netted. Positive ones, largest first, are offered to the wallets that may pay them,
in their order: each takes up to its balance, the last one all that is left, so that it may go negative.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from billwright.billing.kernel.money import round_half_up
from billwright.billing.wallets.allocation import Bucket, Payer


@dataclass(frozen=True, slots=True)
class Line:
    """Something owed, or already billed (negative), taxes included; ``metric_id`` of charges only."""

    fee_type: str
    metric_id: str | None
    amount: Fraction


@dataclass(frozen=True, slots=True)
class Answerer:
    """A wallet. One that refills itself (a threshold rule) takes all that it is offered."""

    payer: Payer
    refills: bool = False


def distribute(lines: Iterable[Line], wallets: Sequence[Answerer]) -> list[int]:
    """The usage that each wallet answers for, in whole minor units; together never more than the net total."""
    netted: dict[tuple[str, str | None], Fraction] = {}
    for line in lines:
        key = (line.fee_type, line.metric_id if line.fee_type == "charge" else None)
        netted[key] = netted.get(key, Fraction(0)) + line.amount
    left = max(sum(netted.values(), Fraction(0)), Fraction(0))
    given = [Fraction(0) for _ in wallets]
    for (fee_type, metric_id), amount in sorted(netted.items(), key=lambda item: -item[1]):
        offered = min(amount, left)
        if offered <= 0:
            continue
        bucket = Bucket(fee_type, metric_id, offered)
        places = [place for place, wallet in enumerate(wallets) if wallet.payer.pays(bucket)]
        for place in places:
            wallet = wallets[place]
            room = max(wallet.payer.balance_cents - given[place], Fraction(0))
            all_of_it = wallet.refills or place == places[-1]
            taken = bucket.rest if all_of_it else min(bucket.rest, room)
            given[place] += taken
            bucket.rest -= taken
        left -= offered - bucket.rest
    return _whole(given)


def _whole(given: Sequence[Fraction]) -> list[int]:
    """Whole minor units by the rounded running sum, so that nothing gets lost or is counted twice."""
    running, before = Fraction(0), 0
    amounts: list[int] = []
    for amount in given:
        running += amount
        after = int(round_half_up(running))
        amounts.append(after - before)
        before = after
    return amounts
