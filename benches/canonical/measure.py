"""Runs one process and says what it cost: wall time, CPU time, peak memory.

Separate from the runner because the way a figure is taken must be readable in one place. It measures the whole
process from outside (start-up, reading, writing, exit), never a part that a contender reports about itself.
It never imports an engine: on Linux a child's peak starts at its parent's memory, so the parent has to stay small.
"""
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

# ru_maxrss is in KiB on Linux and in bytes on macOS.
MAXRSS_PER_MIB = 1024 * 1024 if sys.platform == "darwin" else 1024


@dataclass(frozen=True)
class Cost:
    """What one process cost."""

    wall_s: float
    cpu_s: float
    peak_mib: float


class ContenderFailed(Exception):
    """A contender left with another exit code than 0; the message carries the end of its log."""


def cost_of(command: list[str], log: Path, extra_environment: dict[str, str] | None = None) -> Cost:
    """Runs `command` with stdout and stderr in `log`; raises ContenderFailed unless it exits with 0."""
    log.parent.mkdir(parents=True, exist_ok=True)
    # Pages of the previous contender's output still to be written would be charged to this one.
    os.sync()
    with log.open("wb") as sink:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=sink, stderr=subprocess.STDOUT, env={**os.environ, **(extra_environment or {})}
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
    # wait4 has reaped the child behind Popen's back; without this Popen would wait for it again.
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        tail = log.read_text(errors="replace")[-2000:]
        raise ContenderFailed(f"exit code {process.returncode} from: {' '.join(command)}\n{tail}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / MAXRSS_PER_MIB)


def warm_page_cache(folder: Path) -> None:
    """Reads every file below `folder` once, so that the first contender does not pay for the disk."""
    for path in sorted(folder.rglob("*.parquet")):
        with path.open("rb") as file:
            while file.read(1 << 20):
                pass
