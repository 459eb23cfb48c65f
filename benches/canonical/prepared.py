"""What must be there before the first measurement: Python packages, usage and reference tables, Ratemill's job folder, the binary.

Separate from the runner because all of it is made once and kept in a cache folder outside the checkout. Each folder is
stamped with a hash of everything it was made from and is made again when the stamp differs. Nothing here is timed.
"""
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

CANONICAL = Path(__file__).resolve().parent
OPPONENTS = CANONICAL.parent / "opponents"
CHECKOUT = CANONICAL.parent.parent
REQUIREMENTS = OPPONENTS / "requirements.txt"


def cache_root() -> Path:
    """The folder for everything that can be made again."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "ratemill"


def python_with_packages() -> Path:
    """The interpreter of a virtual environment that holds the pinned packages; made on first use."""
    folder = cache_root() / "bench-venv"
    python = folder / "bin" / "python"

    def make() -> None:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", REQUIREMENTS], check=True)

    _made_once(folder, _stamp(REQUIREMENTS.read_text(), sys.version), make)
    return python


def reference_tables(python: Path, root: Path) -> Path:
    """Accounts, sites, prices and so on; the same for every number of records."""
    folder, generator = root / "reference", OPPONENTS / "gen.py"
    make = lambda: subprocess.run([python, generator, "ref", "--out", folder], check=True, stdout=sys.stderr)
    _made_once(folder, _stamp(generator.read_text(), REQUIREMENTS.read_text()), make)
    return folder


def usage_files(python: Path, root: Path, rows: int) -> Path:
    """720 hourly Parquet files with `rows` records together."""
    folder, generator = root / f"usage-{rows}", OPPONENTS / "gen.py"
    command = [python, generator, "usage", "--rows", str(rows), "--out", folder]
    make = lambda: subprocess.run(command, check=True, stdout=sys.stderr)
    _made_once(folder, _stamp(generator.read_text(), REQUIREMENTS.read_text(), str(rows)), make)
    return folder


def ratemill_job(python: Path, root: Path, reference: Path) -> Path:
    """Pipeline, price book and reference tables in Ratemill's language, made from the canonical ones and checked."""
    folder, writer, checker = root / "ratemill-job", CANONICAL / "book.py", CANONICAL / "check_book.py"

    def make() -> None:
        subprocess.run([python, writer, reference, folder], check=True, stdout=sys.stderr)
        subprocess.run([python, checker, reference, folder], check=True, stdout=sys.stderr)

    generator = OPPONENTS / "gen.py"
    _made_once(folder, _stamp(*(path.read_text() for path in (writer, checker, generator, REQUIREMENTS))), make)
    return folder


def ratemill_binary(given: Path | None) -> Path:
    """The binary named by the user, or the release build of this checkout."""
    if given:
        return given.resolve(strict=True)
    subprocess.run(["cargo", "build", "--release", "-p", "ratemill"], cwd=CHECKOUT, check=True)
    query = ["cargo", "metadata", "--format-version", "1", "--no-deps"]
    answer = subprocess.run(query, cwd=CHECKOUT, check=True, capture_output=True, text=True).stdout
    return Path(json.loads(answer)["target_directory"]) / "release" / "ratemill"


def _stamp(*ingredients: str) -> str:
    return hashlib.sha256("\0".join(ingredients).encode()).hexdigest()


def _made_once(folder: Path, stamp: str, make) -> None:
    """Runs `make` unless `folder` already carries `stamp`. The stamp is written last, so a broken attempt is made again."""
    mark = folder / ".made-from"
    if mark.is_file() and mark.read_text() == stamp:
        return
    print(f"making {folder.name}", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    make()
    mark.write_text(stamp)
