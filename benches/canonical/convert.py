"""Brings a run of Ratemill into the shape the opponents write: convert.py RATEMILL_OUT REFERENCE OUT.

lines.parquet, rejects.parquet and summary.json, ready for compare.py. Separate from the runner because it needs DuckDB
and is never timed. It only renames, joins on ids and casts; it refuses to cast away a digit, so a difference of a
billionth still shows. What it takes from the reference tables: the numbers of matrix cells, and which plan prices are
allowances (Ratemill's line of an overage is an ordinary per-unit line).

Relied on, beyond DESIGN section 6: `unit_price` is the price of one unit (percentage: the percentage as a fraction;
package: the price of a block; included units: 0), and `price_layer` of an account's own price begins with `override`.
"""
import json
import sys
from pathlib import Path

import duckdb

LINES = """
    CREATE TABLE lines AS
    WITH named AS (
        SELECT *, regexp_replace(meter, '_cell$', '') AS canonical_meter, starts_with(price_layer, 'override') AS is_own_price,
               upper(plan[1:4]) AS canonical_plan
        FROM invoice_lines
    ), modelled AS (
        SELECT named.*,
               CASE WHEN line_kind = 'allowance' THEN 'allowance'
                    WHEN is_own_price THEN 'override'
                    WHEN named.model = 'per_unit' AND price_meters.model = 'allowance' THEN 'allowance'
                    ELSE named.model END AS canonical_model
        FROM named LEFT JOIN price_meters ON price_meters.plan_id = canonical_plan AND price_meters.meter = canonical_meter
    ), cell AS (SELECT DISTINCT region, device, band FROM price_matrix),
    tax AS (SELECT line_id, sum(amount) AS amount FROM invoice_taxes GROUP BY line_id)
    SELECT account_id, bill_to_account_id AS bill_to, subscription_id AS site_id, canonical_meter AS meter,
           canonical_model AS model,
           (CASE WHEN canonical_model = 'matrix' THEN cell.band
                 WHEN canonical_model IN ('graduated', 'volume') THEN tier::int - 1
                 WHEN canonical_model = 'allowance' AND line_kind <> 'allowance' THEN 1
                 ELSE 0 END)::int AS band,
           currency, quantity::decimal(26,6) AS quantity, unit_price::decimal(18,6) AS unit_price,
           amount_list::decimal(17,3) AS amount, amount_discount::decimal(17,3) AS discount,
           coalesce(tax.amount, 0)::decimal(17,3) AS tax
    FROM modelled LEFT JOIN tax USING (line_id)
         LEFT JOIN cell ON canonical_model = 'matrix' AND cell.region = dimensions['region'] AND cell.device = dimensions['device']"""

# A record without a meter is called so by the suspend rule; `no_meter` would be the word of guiding.
REJECTS = """
    CREATE TABLE rejects AS
    SELECT raw ->> '$.event_id' AS event_id, raw ->> '$.source' AS source, raw ->> '$.account_id' AS account_id,
           raw ->> '$.site_id' AS site_id, raw ->> '$.meter' AS meter, (raw ->> '$.quantity')::decimal(18,6) AS quantity,
           raw ->> '$.region' AS region, raw ->> '$.device' AS device, (raw ->> '$.event_time')::timestamptz AS event_time,
           CASE reason WHEN 'no_meter' THEN 'unknown_meter' ELSE reason END AS reason
    FROM suspense"""

# Each must find nothing: the comparison would be blind to what these find.
REFUSED = {
    "lines with digits the comparison would not see": """
        SELECT count(*) FROM invoice_lines
        WHERE quantity <> quantity::decimal(26,6) OR unit_price <> unit_price::decimal(18,6)
           OR amount_list <> amount_list::decimal(17,3) OR amount_discount <> amount_discount::decimal(17,3)""",
    "taxes with digits the comparison would not see": "SELECT count(*) FROM invoice_taxes WHERE amount <> amount::decimal(17,3)",
    "lines whose net is not list less discount": """
        SELECT count(*) FROM invoice_lines WHERE amount_net <> amount_list - amount_discount""",
    "taxes without a line": "SELECT count(*) FROM invoice_taxes ANTI JOIN invoice_lines USING (line_id)",
    "own prices that are not per unit": """
        SELECT count(*) FROM invoice_lines WHERE starts_with(price_layer, 'override') AND model <> 'per_unit'""",
    "line ids that occur twice": "SELECT count(*) - count(DISTINCT line_id) FROM invoice_lines",
    "runs beyond the first": "SELECT count(DISTINCT run_id) - 1 FROM invoice_lines",
}


def main(ratemill_out: Path, reference: Path, out: Path) -> None:
    database = duckdb.connect()
    database.execute("SET timezone = 'UTC'")
    for table in ("invoice_lines", "invoice_taxes", "suspense", "control_totals"):
        files = f"read_parquet('{ratemill_out}/{table}/**/*.parquet', hive_partitioning = false)"
        database.execute(f"CREATE VIEW {table} AS SELECT * FROM {files}")
    for table in ("price_meters", "price_matrix"):
        database.execute(f"CREATE VIEW {table} AS SELECT * FROM read_parquet('{reference}/{table}.parquet')")
    faults = [f"{count} {name}" for name, query in REFUSED.items() if (count := scalar(database, query))]
    if faults:
        raise SystemExit("not converted: " + "; ".join(faults))

    out.mkdir(parents=True, exist_ok=True)
    for table, query in (("lines", LINES), ("rejects", REJECTS)):
        database.execute(query)
        database.execute(f"COPY {table} TO '{out}/{table}.parquet' (FORMAT parquet, COMPRESSION zstd)")
    (out / "summary.json").write_text(json.dumps(summary(database), indent=1))


def summary(database: duckdb.DuckDBPyConnection) -> dict:
    """Counts as Ratemill's control totals have them, money as its lines add up to."""
    counts = record_counts(database)
    totals = database.execute("SELECT currency, sum(amount), sum(discount), sum(tax) FROM lines GROUP BY ALL ORDER BY ALL").fetchall()
    return {
        "rows_in": counts["read"],
        "rated": counts["rated"],
        "duplicates": counts["duplicate"],
        "rejected": counts["suspended"],
        "lines": scalar(database, "SELECT count(*) FROM lines"),
        "totals": {currency: [str(amount) for amount in amounts] for currency, *amounts in totals},
    }


def record_counts(database: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Sums over all files of the identity read = rated + suspended + duplicate + out of window + filtered."""
    outcomes = ("read", "rated", "suspended", "duplicate", "out_of_window", "filtered")
    rows = database.execute(
        "SELECT measure, sum(value)::bigint FROM control_totals WHERE scope = 'file' GROUP BY measure"
    ).fetchall()
    sums = dict(rows)
    counts = {outcome: sums.get(f"records_{outcome}", 0) for outcome in outcomes}
    if counts["out_of_window"] or counts["filtered"]:
        raise SystemExit(f"not converted: the canonical job has no such records: {counts}")
    return counts


def scalar(database: duckdb.DuckDBPyConnection, query: str) -> int:
    return database.execute(query).fetchone()[0]


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
