"""The committed run of a period, read back from its Parquet: every table as key -> values, keyed as in expected.py."""

import json
from pathlib import Path

import pyarrow.parquet


class Run:
    def __init__(self, root: Path, period: str):
        manifests = sorted((root / "runs" / f"period={period}").glob("*.json"))
        if not manifests:
            raise SystemExit(f"{root} holds no committed run of {period}")
        self.manifest = json.loads(manifests[-1].read_text(encoding="utf-8"))
        self.id, self.root, self.period = self.manifest["run_id"], root, period
        self.maps, self.unsorted = 0, []

    def rows(self, table: str) -> list[dict]:
        parts = sorted((self.root / table / f"period={self.period}" / f"run={self.id}").glob("*.parquet"))
        assert parts, f"the run has no {table}"
        return [row for part in parts for row in pyarrow.parquet.ParquetFile(part).read().to_pylist()]

    def dimensions(self, table: str, row: dict) -> tuple:
        """The map, sorted; whether it was is kept, for the published meaning of a map is "keys sorted"."""
        pairs = tuple(row["dimensions"])
        self.maps += 1
        if list(pairs) != sorted(pairs):
            self.unsorted.append(f"{table} of {row['subscription_id']}: keys {', '.join(name for name, _ in pairs)}")
        return tuple(sorted(pairs))

    def tables(self) -> dict[str, dict[tuple, dict]]:
        lines, line_of = {}, {}
        for row in self.rows("invoice_lines"):
            key = tuple(row[name] for name in ("subscription_id", "charge", "line_kind", "tier"))
            key += (self.dimensions("invoice_lines", row),)
            once(lines, key, row)
            line_of[row["line_id"]] = key
        taxes, invoices, buckets, suspense, controls = {}, {}, {}, {}, {}
        for row in self.rows("invoice_taxes"):
            once(taxes, (*line_of[row["line_id"]], row["tax"]), row)
        for row in self.rows("invoices"):
            once(invoices, (row["bill_to_account_id"], row["currency"]), row)
        for row in self.rows("usage_buckets"):
            dimensions = self.dimensions("usage_buckets", row)
            once(buckets, (row["subscription_id"], row["meter"], dimensions, row["day"]), row)
        for row in self.rows("suspense"):
            once(suspense, (row["source"], row["file"], row["row"]), row)
        for row in self.rows("control_totals"):
            what = " ".join(row[n] for n in ("source", "file", "meter", "charge", "currency") if row[n] is not None)
            once(controls, (row["scope"], what, row["measure"]), row)
        return {
            "lines": lines,
            "taxes": taxes,
            "invoices": invoices,
            "usage buckets": buckets,
            "suspense": suspense,
            "control totals": controls,
        }


def once(rows: dict, key: tuple, row: dict):
    if key in rows:
        raise SystemExit(f"two committed rows have the key {key}")
    rows[key] = row
