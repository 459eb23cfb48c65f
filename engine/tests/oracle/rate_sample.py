"""Rates the sample job record by record, from the text of the language alone, and compares with a committed run.

    python engine/tests/oracle/rate_sample.py OUTPUT_ROOT [--period 2026-10] [--pipeline pipelines/nightly.yaml]

Shares nothing with the engine: no code, no SQL planner, no columns; one record after the other, in decimal.Decimal.
Exits 1 when one figure differs. ${USAGE_ROOT} and the like are read from the environment, as the engine does.
"""

import argparse
import sys
from decimal import Decimal
from pathlib import Path

import expected
from bill import bill
from committed import Run
from count import Tally
from facts import Facts
from job import Job, Period
from rate import Rater

SHOWN = 20
REPOSITORY = Path(__file__).resolve().parents[3]


def tables(pipeline: Path, month: str) -> dict[str, dict[tuple, dict]]:
    job = Job(pipeline)
    period = Period(month, job.zone)
    facts = Facts(job, period)
    usage = Tally(job, facts, period).count()
    billed = bill(job, facts, Rater(job, facts, usage).rate())
    bucketed, invoiced = expected.bucket_rows(job, facts, usage), expected.invoice_rows(facts, billed)
    return {
        "lines": expected.lines(job, facts, billed),
        "taxes": expected.taxes(facts, billed),
        "invoices": invoiced,
        "usage buckets": bucketed,
        "suspense": expected.suspense_rows(usage),
        "control totals": expected.control_rows(job, usage, billed, bucketed, invoiced),
    }


def shown(value) -> str:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return " ".join(map(shown, value)) if isinstance(value, tuple) else str(value)


def differences(ours: dict[tuple, dict], theirs: dict[tuple, dict]) -> list[str]:
    """One sentence for each row that is missing, too many, or has another value."""
    found = []
    for key in sorted(ours.keys() | theirs.keys(), key=str):
        if key not in theirs:
            found.append(f"{shown(key)}: only in the oracle, {shown(tuple(ours[key].values()))}")
        elif key not in ours:
            found.append(f"{shown(key)}: only in the run")
        else:
            wrong = [name for name, value in ours[key].items() if theirs[key][name] != value]
            if wrong:
                values = (f"{n} is {shown(theirs[key][n])}, oracle {shown(ours[key][n])}" for n in wrong)
                found.append(f"{shown(key)}: {'; '.join(values)}")
    return found


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("output_root", type=Path)
    words.add_argument("--period", default="2026-10")
    words.add_argument("--pipeline", type=Path, default=REPOSITORY / "pipelines" / "nightly.yaml")
    words.add_argument("--show", type=int, default=SHOWN, help="how many differences of each table are listed")
    asked = words.parse_args()
    run = Run(asked.output_root, asked.period)
    theirs, different = run.tables(), 0
    print(f"run {run.id} of {asked.period}")

    def report(what: str, compared: int, found: list[str]):
        nonlocal different
        different += len(found)
        print(f"{what} compared {compared}, different {len(found)}")
        for sentence in found[: asked.show]:
            print(f"  {sentence}")

    for table, ours in tables(asked.pipeline, asked.period).items():
        report(table, len(ours.keys() | theirs[table].keys()), differences(ours, theirs[table]))
    report("order of map keys", run.maps, run.unsorted)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
