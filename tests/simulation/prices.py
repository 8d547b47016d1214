"""Random properties for each charge model."""

from __future__ import annotations

import random
from typing import Any


def _money(dice: random.Random) -> str:
    return dice.choice(
        ["0", f"{dice.randint(1, 500) / 100}", f"{dice.randint(1, 99999) / 10000}", str(dice.randint(1, 9))]
    )


def _tiers(dice: random.Random, key: str) -> list[dict[str, Any]]:
    tops = sorted(dice.sample(range(1, 60), dice.randint(0, 3)))
    tiers: list[dict[str, Any]] = []
    begin = 0
    for top in [*tops, None]:
        tiers.append({"from_value": begin, "to_value": top, key: _money(dice), "flat_amount": _money(dice)})
        if top is not None:
            begin = top + dice.choice([0, 1]) if dice.random() < 0.5 else top + 1
            if begin == top + 1 and tops and top + 1 in tops:
                begin = top
    return tiers


def properties_for(dice: random.Random, model: str, *, limited: bool) -> dict[str, Any]:
    """``limited``: free units and limits per transaction may be given."""
    if model == "standard":
        return {"amount": _money(dice)}
    if model == "graduated":
        return {"graduated_ranges": _tiers(dice, "per_unit_amount")}
    if model == "volume":
        return {"volume_ranges": _tiers(dice, "per_unit_amount")}
    if model == "graduated_percentage":
        return {"graduated_percentage_ranges": _tiers(dice, "rate")}
    if model == "package":
        return {"amount": _money(dice), "package_size": dice.randint(1, 20), "free_units": dice.choice([0, 5, 30])}
    if model == "dynamic":
        return {}
    found: dict[str, Any] = {"rate": f"{dice.randint(1, 2000) / 100}"}
    if dice.random() < 0.5:
        found["fixed_amount"] = _money(dice)
    if limited:
        if dice.random() < 0.3:
            found["free_units_per_events"] = dice.randint(1, 4)
        if dice.random() < 0.3:
            found["free_units_per_total_aggregation"] = str(dice.randint(1, 120))
        if dice.random() < 0.3:
            found["per_transaction_min_amount"] = f"{dice.randint(1, 200) / 100}"
        if dice.random() < 0.3:
            found["per_transaction_max_amount"] = f"{dice.randint(200, 900) / 100}"
    return found
