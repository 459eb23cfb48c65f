"""Checks convert.py on hand-written Ratemill tables, one line of each kind: test_convert.py, with the benchmark's Python.

Separate from the benchmark because a wrong conversion must be found before a run of millions of records disagrees.
"""
import json
import tempfile
import unittest
from decimal import Decimal
from pathlib import Path

import convert
import duckdb

# line_kind, model, meter, plan, price_layer, tier, region and device, unit_price, list amount, discount, tax -> model, band
LINES = [
    ("usage", "per_unit", "api_calls", "p000", "plan:p000", "", None, "0.5", "10.00", "1.00", ["0.90"], "per_unit", 0),
    ("usage", "per_unit", "api_calls", "p001", "override:A1", "", None, "0.4", "8.00", "0.00", [], "override", 0),
    ("usage", "per_unit", "seats_cell", "p001", "override:A1", "", None, "0.4", "8.00", "0.00", [], "override", 0),
    ("usage", "graduated", "messages", "p000", "plan:p000", "2", None, "0.1", "2.00", "0.00", [], "graduated", 1),
    ("usage", "volume", "messages", "p001", "plan:p001", "3", None, "0.1", "2.00", "0.00", [], "volume", 2),
    ("usage", "package", "storage_gb_hours", "p000", "plan:p000", "", None, "5", "15.00", "0.00", [], "package", 0),
    ("usage", "percentage", "data_transfer_gb", "p000", "plan:p000", "", None, "0.06", "1.20", "0.00", [], "percentage", 0),
    ("allowance", "per_unit", "audio_minutes", "p000", "plan:p000", "included", None, "0", "0.00", "0.00", [], "allowance", 0),
    ("usage", "per_unit", "audio_minutes", "p000", "plan:p000", "", None, "0.2", "4.00", "0.00", ["0.1", "0.2"], "allowance", 1),
    ("usage", "per_unit", "audio_minutes", "p000-without-audio_minutes", "override:A1", "", None, "0.3", "6.00", "0.00", [], "override", 0),
    ("usage", "matrix", "seats_cell", "p000", "plan:p000", "", ("eu-west-1", "pstn"), "0.7", "14.00", "0.00", [], "matrix", 19),
]
QUANTITY = "20.000000"


class Conversion(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.database = duckdb.connect()
        write_reference(self.database, self.root / "reference")
        write_run(self.database, self.root / "ratemill")

    def converted(self) -> Path:
        convert.main(self.root / "ratemill", self.root / "reference", self.root / "out")
        return self.root / "out"

    def test_every_kind_of_line_gets_its_canonical_model_and_band(self):
        found = self.database.execute(
            f"SELECT site_id, meter, model, band, amount, tax FROM '{self.converted()}/lines.parquet' ORDER BY site_id"
        ).fetchall()
        for number, (line, got) in enumerate(zip(LINES, found, strict=True)):
            tax = sum(map(Decimal, line[10]), Decimal(0))
            wanted = (f"S{number:02d}", line[2].removesuffix("_cell"), line[11], line[12], Decimal(line[8]), tax)
            self.assertEqual(got, wanted, line)

    def test_rejects_carry_the_raw_record(self):
        found = self.database.execute(f"SELECT * EXCLUDE event_time FROM '{self.converted()}/rejects.parquet' ORDER BY 1").fetchall()

        self.assertEqual(found[0], ("e1", "mediation-a", None, "S1", "seats", Decimal("1.5"), "eu-west-1", "pstn", "null_account"))
        self.assertEqual(found[1], ("e2", "mediation-b", "A1", "S1", "", Decimal("2"), "eu-west-1", "pstn", "unknown_meter"))

    def test_summary_adds_up_the_files(self):
        summary = json.loads((self.converted() / "summary.json").read_text())
        self.assertEqual([summary[name] for name in ("rows_in", "rated", "duplicates", "rejected", "lines")], [30, 24, 4, 2, 11])
        self.assertEqual(summary["totals"], {"USD": ["70.200", "1.000", "1.200"]})

    def test_a_digit_the_comparison_would_not_see_is_refused(self):
        path = self.root / "ratemill/invoice_lines/period=2026-06/run=r1/part-000.parquet"
        replaced = "* REPLACE (quantity + 0.0000001::decimal(38,18) AS quantity)"
        self.database.execute(f"CREATE TABLE off AS SELECT {replaced} FROM '{path}'")
        self.database.execute(f"COPY off TO '{path}' (FORMAT parquet)")
        with self.assertRaisesRegex(SystemExit, "digits the comparison would not see"):
            self.converted()


def write_reference(database, folder: Path) -> None:
    folder.mkdir()
    matrix = "('p000', 'seats', 'eu-west-1', 'pstn', 19), ('p000', 'seats', 'us-east-1', 'desktop', 0)"
    tables = {
        "price_meters": "SELECT * FROM (VALUES ('P000', 'audio_minutes', 'allowance'), ('P000', 'api_calls', 'per_unit')) t(plan_id, meter, model)",
        "price_matrix": f"SELECT * FROM (VALUES {matrix}) t(plan_id, meter, region, device, band)",
    }
    for name, query in tables.items():
        database.execute(f"COPY ({query}) TO '{folder}/{name}.parquet' (FORMAT parquet)")


def write_run(database, folder: Path) -> None:
    lines, taxes = [], []
    for number, (kind, model, meter, plan, layer, tier, cell, price, amount, discount, tax, _, _) in enumerate(LINES):
        dimensions = f"MAP {{'region': '{cell[0]}', 'device': '{cell[1]}'}}" if cell else "MAP([]::varchar[], []::varchar[])"
        lines.append(
            f"('L{number}', 'r1', 'A1', 'A1', 'S{number:02d}', '{kind}', '{model}', '{meter}', '{plan}', '{layer}', '{tier}', {dimensions}, "
            f"{QUANTITY}::decimal(38,18), {price}::decimal(38,18), {amount}::decimal(18,4), {discount}::decimal(18,4), "
            f"({amount} - {discount})::decimal(18,4), 'USD')"
        )
        taxes += [f"('L{number}', {part}::decimal(18,4))" for part in tax]
    raw = '{"event_id":"%s","source":"%s","account_id":%s,"site_id":"S1","meter":"%s","quantity":"%s","region":"eu-west-1","device":"pstn","event_time":"2026-06-01T00:00:00Z"}'
    records = [(raw % ("e1", "mediation-a", "null", "seats", "1.500000"), "null_account"), (raw % ("e2", "mediation-b", '"A1"', "", "2.000000"), "unknown_meter")]
    columns = "line_id, run_id, account_id, bill_to_account_id, subscription_id, line_kind, model, meter, plan, price_layer, tier, dimensions, quantity, unit_price, amount_list, amount_discount, amount_net, currency"
    tables = {
        "invoice_lines": f"SELECT * FROM (VALUES {', '.join(lines)}) t({columns})",
        "invoice_taxes": f"SELECT * FROM (VALUES {', '.join(taxes)}) t(line_id, amount)",
        "suspense": f"SELECT * FROM (VALUES {', '.join(map(str, records))}) t(raw, reason)",
        "control_totals": "SELECT * FROM (VALUES (10, 8, 1, 1, 0, 0), (20, 16, 1, 3, 0, 0)) t(read, rated, suspended, duplicate, out_of_window, filtered)",
    }
    for name, query in tables.items():
        place = folder / name / "period=2026-06" / "run=r1"
        place.mkdir(parents=True)
        database.execute(f"COPY ({query}) TO '{place}/part-000.parquet' (FORMAT parquet)")


if __name__ == "__main__":
    unittest.main()
