#!/usr/bin/env python3
"""Runs the canonical nightly job with Ratemill, DuckDB and Polars on the same files and compares cost and result.

    benches/canonical/run.py --rows 1000000 --rounds 3

The conductor: what is run, in which order, and what must be equal. It needs Python 3.11 and nothing installed; packages,
data sets and Ratemill's job folder are made once in the cache folder. Exit code: 0 every line, reject and control total
agrees · 1 something differs · 2 a contender failed.
"""
import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import prepared
import report
from measure import ContenderFailed, Cost, cost_of, warm_page_cache

PERIOD = "2026-06"

# What the generator's seed is known to give; a data set that rates otherwise is not the canonical one.
KNOWN = {
    1_000_000: {"rated": 992_978, "duplicates": 4_992, "rejected": 2_030, "lines": 409_051, "USD": "1305934.31"},
    10_000_000: {"rated": 9_929_967, "duplicates": 49_898, "rejected": 20_135, "lines": 1_636_996, "USD": "12778593.48"},
}


@dataclass(frozen=True)
class Contender:
    """One way to run the job: the command that is timed, and the folder it writes."""

    name: str
    command: list[str]
    out: Path
    environment: dict[str, str]


def main() -> int:
    words = arguments()
    python = prepared.python_with_packages()
    reference = prepared.reference_tables(python, words.data)
    usage = prepared.usage_files(python, words.data, words.rows)
    results = words.data / "out"
    contenders = opponents(python, usage, reference, results, words.threads)
    if not words.skip_ratemill:
        job = prepared.ratemill_job(python, words.data, reference)
        binary = prepared.ratemill_binary(words.ratemill)
        contenders.insert(0, ratemill(binary, job, usage, results))

    say(f"canonical job: {words.rows:,} records, {words.rounds} rounds, {words.threads} threads")
    warm_page_cache(usage)
    costs: dict[str, list[Cost]] = {contender.name: [] for contender in contenders}
    agreed = True
    for number in range(words.rounds):
        # A different one begins each round, so that none always runs on the machine another left behind.
        for contender in contenders[number % len(contenders) :] + contenders[: number % len(contenders)]:
            costs[contender.name].append(timed(contender, number, words.rounds))
        agreed = results_agree(python, contenders, reference, results, words.rows) and agreed

    print(report.table(costs))
    print("results: " + ("every line, reject and control total equal in every round" if agreed else "DIFFERENT"))
    report.append_history(words.history or words.data / "history.ndjson", setting(words, agreed), costs)
    return 0 if agreed else 1


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="usage records (default 1000000)")
    parser.add_argument("--rounds", type=int, default=3, help="times each contender runs (default 3)")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="threads of the opponents (default: all cores)")
    parser.add_argument("--data", type=Path, default=prepared.cache_root() / "bench", help="folder for data sets and results")
    parser.add_argument("--history", type=Path, help="file that gets one JSON line per benchmark (default: in --data)")
    parser.add_argument("--ratemill", type=Path, help="binary to run (default: the release build of this checkout)")
    parser.add_argument("--skip-ratemill", action="store_true", help="only the opponents")
    words = parser.parse_args()
    words.data = words.data.resolve()
    return words


def opponents(python: Path, usage: Path, reference: Path, results: Path, threads: int) -> list[Contender]:
    """The hand-written scripts, each with the dedup method that is fastest for its engine."""
    contenders = []
    for name in ("duckdb", "polars"):
        script = prepared.OPPONENTS / f"job_{name}.py"
        options = ["--ref", str(reference), "--dedup", "hashcand", "--threads", str(threads)]
        command = [str(python), str(script), str(usage), str(results / name), *options]
        contenders.append(Contender(name, command, results / name, {}))
    return contenders


def ratemill(binary: Path, job: Path, usage: Path, results: Path) -> Contender:
    out = results / "ratemill"
    command = [str(binary), "run", str(job / "pipeline.yaml"), "--period", PERIOD, "--output", str(out), "--format", "json"]
    return Contender("ratemill", command, out, {"CANONICAL_USAGE": str(usage)})


def timed(contender: Contender, number: int, rounds: int) -> Cost:
    """One measured run into an empty folder; a folder that holds the run already would cost nothing."""
    shutil.rmtree(contender.out, ignore_errors=True)
    cost = cost_of(contender.command, contender.out.parent / f"{contender.name}.log", contender.environment)
    say(f"round {number + 1}/{rounds} {contender.name}: {cost.wall_s:.2f} s wall, {cost.cpu_s:.2f} s CPU, {cost.peak_mib:.0f} MiB")
    return cost


def results_agree(python: Path, contenders: list[Contender], reference: Path, results: Path, rows: int) -> bool:
    """DuckDB's result against what is known of this data set, and every other result against DuckDB's."""
    agreed = as_known(json.loads((results / "duckdb" / "summary.json").read_text()), rows)
    for contender in contenders:
        if contender.name == "duckdb":
            continue
        shaped = contender.out
        if contender.name == "ratemill":
            shaped = results / "ratemill-converted"
            shutil.rmtree(shaped, ignore_errors=True)
            convert = [python, prepared.CANONICAL / "convert.py", contender.out, reference, shaped]
            if subprocess.run(convert, stdout=sys.stderr).returncode != 0:
                agreed = False
                continue
        say(f"duckdb (A) against {contender.name} (B):")
        compare = [python, prepared.OPPONENTS / "compare.py", results / "duckdb", shaped]
        agreed = subprocess.run(compare, stdout=sys.stderr).returncode == 0 and agreed
    return agreed


def as_known(summary: dict, rows: int) -> bool:
    known = KNOWN.get(rows)
    if known is None:
        return True
    found = {name: summary[name] for name in known if name != "USD"}
    found["USD"] = str(Decimal(summary["totals"]["USD"][0]).quantize(Decimal("0.01")))
    if found != known:
        say(f"not the canonical data set: {found} instead of {known}")
    return found == known


def setting(words: argparse.Namespace, agreed: bool) -> dict:
    """What a reader of the history must know to judge the figures."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=prepared.CHECKOUT, capture_output=True, text=True).stdout
    return {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "commit": commit.strip(),
        "rows": words.rows,
        "threads": words.threads,
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "opponents": [line for line in prepared.REQUIREMENTS.read_text().split() if line.startswith(("duckdb==", "polars=="))],
        "agreed": agreed,
    }


def say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ContenderFailed as failure:
        say(str(failure))
        sys.exit(2)
