"""Runs notebooks top to bottom and fails with the cell and the error where one of them fails. Writes nothing back.

    python notebooks.py FOLDER...

The notebooks find the line set by the environment variable OUTPUT_ROOT, as the sample pipeline does.
"""

import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError


def run(path: Path) -> int:
    notebook = nbformat.read(path, as_version=4)
    cells = sum(cell.cell_type == "code" for cell in notebook.cells)
    client = NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
    )
    client.execute()
    return cells


def main(folders: list[str]) -> int:
    notebooks = sorted(
        path for folder in folders for path in Path(folder).rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts
    )
    failed = 0
    # Jupyter keeps connection files and a history; neither belongs into the home of whoever runs this.
    with tempfile.TemporaryDirectory() as scratch:
        for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
            os.environ[name] = str(Path(scratch) / name.lower())
        for path in notebooks:
            try:
                print(f"{path}: {run(path)} cells ran", flush=True)
            except CellExecutionError as error:
                failed += 1
                print(f"{path}: a cell failed\n{error}", file=sys.stderr, flush=True)
    print(f"notebooks: {len(notebooks) - failed} passed, {failed} failed")
    return 1 if failed or not notebooks else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
