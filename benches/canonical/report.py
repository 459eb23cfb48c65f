"""Turns measured rounds into the table people read and the JSON line machines keep.

Separate from the runner because it is arithmetic on figures already taken. Medians over rounds: one disturbed round
must not make or mar a result. Float is fine here: these are seconds, not money.
"""
import json
from dataclasses import asdict
from pathlib import Path
from statistics import median

from measure import Cost

FIGURES = {"wall_s": "wall s", "cpu_s": "CPU s", "peak_mib": "peak MiB"}


def medians(rounds: list[Cost]) -> Cost:
    """The median of each figure by itself."""
    return Cost(*(median(getattr(cost, figure) for cost in rounds) for figure in FIGURES))


def table(costs: dict[str, list[Cost]]) -> str:
    """One row per contender with medians and the spread of wall times; below, Ratemill's ratios to each opponent."""
    lines = [f"{'':<14}{'wall s':>9}{'CPU s':>9}{'peak MiB':>10}   wall s of each round"]
    middle = {name: medians(rounds) for name, rounds in costs.items()}
    for name, cost in middle.items():
        each = " ".join(f"{one.wall_s:.2f}" for one in costs[name])
        lines.append(f"{name:<14}{cost.wall_s:>9.2f}{cost.cpu_s:>9.2f}{cost.peak_mib:>10.0f}   {each}")
    if "ratemill" in middle:
        faster = faster_opponent(middle)
        for name, ratios in ratios_of(middle).items():
            note = "   <- the faster opponent" if name == faster else ""
            lines.append(f"{'/ ' + name:<14}{ratios['wall_s']:>9.2f}{ratios['cpu_s']:>9.2f}{ratios['peak_mib']:>10.2f}{note}")
    return "\n".join(lines)


def faster_opponent(middle: dict[str, Cost]) -> str:
    return min((name for name in middle if name != "ratemill"), key=lambda name: middle[name].wall_s)


def ratios_of(middle: dict[str, Cost]) -> dict[str, dict[str, float]]:
    """Ratemill's figure divided by each opponent's; below 1 is better than the opponent."""
    own = middle["ratemill"]
    return {
        name: {figure: getattr(own, figure) / getattr(cost, figure) for figure in FIGURES}
        for name, cost in middle.items()
        if name != "ratemill"
    }


def append_history(path: Path, setting: dict, costs: dict[str, list[Cost]]) -> None:
    """One JSON object per benchmark, appended; nothing is ever rewritten."""
    middle = {name: medians(rounds) for name, rounds in costs.items()}
    entry = {
        **setting,
        "medians": {name: rounded(asdict(cost)) for name, cost in middle.items()},
        "rounds": {name: [rounded(asdict(cost)) for cost in rounds] for name, rounds in costs.items()},
    }
    if "ratemill" in middle:
        entry["faster_opponent"] = faster_opponent(middle)
        entry["ratios"] = {name: rounded(ratios) for name, ratios in ratios_of(middle).items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(entry) + "\n")


def rounded(figures: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in figures.items()}
