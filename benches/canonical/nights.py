#!/usr/bin/env python3
"""What a night costs: the canonical month rated night after night, the last night against the whole month in one run, and
`simulate` from what was kept against reading the month.

    benches/canonical/nights.py --rows 10000000 --rounds 3

Data sets, job and binary are those of `run.py`. The result must be the same: the manifests of the last night and of the one
run are compared byte for byte. Exit code: 0 they are equal · 1 they differ · 2 a run failed.
"""
import argparse
import os
import shutil
import statistics
import sys
from pathlib import Path

import prepared
from measure import ContenderFailed, Cost, cost_of, warm_page_cache

PERIOD = "2026-06"


def main() -> int:
    words = arguments()
    python = prepared.python_with_packages()
    reference = prepared.reference_tables(python, words.data)
    usage = prepared.usage_files(python, words.data, words.rows)
    job = incremental(prepared.ratemill_job(python, words.data, reference), words.data / "nights-job")
    binary = prepared.ratemill_binary(words.ratemill)
    days = sorted(folder for folder in usage.iterdir() if folder.is_dir())
    warm_page_cache(usage)
    equal, costs = True, {"month": [], "night": [], "simulate": [], "plain": []}
    for number in range(words.rounds):
        work = words.data / "nights"
        shutil.rmtree(work, ignore_errors=True)
        once = Month(binary, job, work / "once")
        once.arrive(days)
        costs["month"].append(once.run())
        nights = Month(binary, job, work / "nights")
        nights.arrive(days[: len(days) // 2])
        nights.run()
        nights.arrive(days[len(days) // 2 : -1])
        nights.run()
        nights.arrive(days[-1:])
        costs["night"].append(nights.run())
        equal = once.manifest() == nights.manifest() and equal
        costs["simulate"].append(nights.simulate())
        plain = Month(binary, prepared.ratemill_job(python, words.data, reference), work / "plain")
        plain.arrive(days)
        costs["plain"].append(plain.run())
        say(f"round {number + 1}/{words.rounds}: " + ", ".join(f"{name} {all[-1].wall_s:.2f} s" for name, all in costs.items()))
    print(table(words.rows, costs))
    print("manifests: " + ("the last night's is that of the one run, byte for byte" if equal else "DIFFERENT"))
    return 0 if equal else 1


class Month:
    """A folder that usage arrives in, and its output."""

    def __init__(self, binary: Path, job: Path, work: Path) -> None:
        self.binary, self.job, self.work = binary, job, work
        self.usage, self.out = work / "usage", work / "out"
        self.usage.mkdir(parents=True)

    def arrive(self, days: list[Path]) -> None:
        for day in days:
            shutil.copytree(day, self.usage / day.name, copy_function=os.link)

    def run(self) -> Cost:
        return self._cost("run")

    def simulate(self) -> Cost:
        book = next(path for path in (self.job / "book", self.job / "book.yaml") if path.exists())
        return self._cost("simulate", "--book", str(book), "--top", "1")

    def manifest(self) -> bytes:
        return max((self.out / "runs" / f"period={PERIOD}").glob("*.json")).read_bytes()

    def _cost(self, name: str, *more: str) -> Cost:
        command = [str(self.binary), name, str(self.job / "pipeline.yaml"), "--period", PERIOD]
        command += ["--output", str(self.out), "--format", "json", *more]
        return cost_of(command, self.work / f"{name}.log", {"CANONICAL_USAGE": str(self.usage)})


def incremental(job: Path, folder: Path) -> Path:
    """The canonical job as an incremental one."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(job, folder)
    pipeline = folder / "pipeline.yaml"
    pipeline.write_text(pipeline.read_text() + "incremental: {}\n")
    return folder


def table(rows: int, costs: dict[str, list[Cost]]) -> str:
    month = statistics.median(cost.wall_s for cost in costs["month"])
    meanings = {
        "plain": "the month in one run that keeps nothing",
        "month": "the month in one run that keeps what the next night needs",
        "night": "the last of 30 nights",
        "simulate": "`simulate` with the same book",
    }
    lines = [f"| {rows:,} records | wall s | CPU s | peak MiB | of the month |", "|---|---|---|---|---|"]
    for name, meaning in meanings.items():
        wall = statistics.median(cost.wall_s for cost in costs[name])
        cpu = statistics.median(cost.cpu_s for cost in costs[name])
        peak = max(cost.peak_mib for cost in costs[name])
        lines.append(f"| {meaning} | {wall:.2f} | {cpu:.2f} | {peak:.0f} | 1/{month / wall:.1f} |")
    return "\n".join(lines)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="usage records (default 1000000)")
    parser.add_argument("--rounds", type=int, default=3, help="times each is measured (default 3)")
    parser.add_argument("--data", type=Path, default=prepared.cache_root() / "bench", help="folder for data sets and results")
    parser.add_argument("--ratemill", type=Path, help="binary to run (default: the release build of this checkout)")
    words = parser.parse_args()
    words.data = words.data.resolve()
    return words


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ContenderFailed as failed:
        say(str(failed))
        sys.exit(2)
