"""Writes the canonical job in Ratemill's language: book.py REFERENCE OUT.

Reads the canonical reference tables (gen.py ref) and writes pipeline, price book and reference tables to OUT.
Separate from the runner because it is the whole statement of how the canonical words map to Ratemill's:

- A canonical meter is two Ratemill meters: `M` adds up by subscription, `M_cell` by region and device too. Only matrix
  prices need the cells; a plan includes, for each canonical meter, the product of exactly one of the two.
- A site is a subscription. Its plan is its account's plan. Where an account has a price of its own for a meter, the plan's
  allowance of that meter does not hold; such accounts have a variant of the plan (`p012-without-seats`) that lacks it.
- No account has a parent here: in the canonical job overrides and discounts are not inherited. `bill_to` is the parent.

It does no arithmetic on money but the exact shift from a fraction to a percentage.
"""
import sys
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import duckdb

PIPELINE = """\
# The canonical nightly job. CANONICAL_USAGE names the folder of the hourly files.
pipeline: canonical
timezone: UTC
period: month
book: book
usage:
  hourly:
    path: ${CANONICAL_USAGE}/*/*.parquet
    format: parquet
    schema:
      event_id: string
      source: string
      account_id: string
      site_id: string
      meter: string
      quantity: "decimal(18,6)"
      region: string
      device: string
      event_time: timestamp
    mediate: |
      SELECT event_id AS record_id, meter AS record_type, site_id AS identifier, event_time AS record_time,
             account_id, quantity, region, device FROM input
    dedup: { key: [record_id], window: 35 days }
    # Every copy of an unknown meter is rejected here, before dedup, as the job wants it; guiding would come after dedup.
    suspend:
      - { code: null_account, when: "account_id IS NULL" }
      - { code: negative_quantity, when: "quantity < 0" }
      - { code: unknown_meter, when: "record_type NOT IN (METERS)" }
reference:
  accounts: reference/accounts.parquet
  subscriptions: reference/subscriptions.parquet
  identifiers: reference/identifiers.parquet
  tax_rates: reference/tax_rates.parquet
  price_overrides: reference/price_overrides.parquet
output: output
"""

BOOK = """\
book: canonical
currency: account
rounding: { mode: half_even, discount_base: rounded }
discounts:
  - { id: negotiated, percent_column: discount_percent }
"""

# Text in every column, blank as null: reference tables are read like CSV.
REFERENCE_TABLES = {
    "accounts": """
        SELECT account_id, NULL::varchar AS parent_id, 'customer' AS level, account_id AS name, currency,
               coalesce(parent_id, account_id) AS bill_to, pcode AS tax_jurisdiction,
               CASE WHEN tax_exempt THEN 'all' END AS tax_exemptions, (pct * 100)::decimal(9,4)::varchar AS discount_percent
        FROM accounts LEFT JOIN discounts USING (account_id) ORDER BY account_id""",
    "subscriptions": """
        SELECT site_id AS subscription_id, account_id, plan, '2026-01-01' AS "start", NULL::varchar AS "end"
        FROM sites JOIN plan_of_account USING (account_id) ORDER BY site_id""",
    "identifiers": """
        SELECT site_id AS identifier, site_id AS subscription_id, NULL::varchar AS account_id,
               NULL::varchar AS valid_from, NULL::varchar AS valid_to
        FROM sites ORDER BY site_id""",
    "tax_rates": """
        SELECT pcode AS jurisdiction, 'sales' AS tax, NULL::varchar AS tax_category,
               (rate * 100)::decimal(9,5)::varchar AS rate, NULL::varchar AS valid_from, NULL::varchar AS valid_to,
               NULL::varchar AS compound
        FROM tax_rates ORDER BY pcode""",
    "price_overrides": """
        SELECT account_id, meter || CASE WHEN model = 'matrix' THEN '_cell' ELSE '' END || '/use' AS charge,
               'per_unit' AS model, overrides.unit_price::varchar AS unit_price
        FROM overrides JOIN accounts USING (account_id) JOIN price_meters USING (plan_id, meter) ORDER BY ALL""",
}

# Every account's plan in Ratemill, named for the allowances its own prices switch off.
PLAN_OF_ACCOUNT = """
    CREATE TABLE plan_of_account AS
    SELECT account_id, plan_id, coalesce(without, []) AS without,
           lower(plan_id) || CASE WHEN without IS NULL THEN '' ELSE '-without-' || array_to_string(without, '-') END AS plan
    FROM accounts LEFT JOIN (
        SELECT account_id, list(meter ORDER BY meter) AS without
        FROM overrides JOIN accounts USING (account_id) JOIN price_meters USING (plan_id, meter)
        WHERE model = 'allowance' GROUP BY account_id) USING (account_id)"""


def main(reference: Path, out: Path) -> None:
    database = duckdb.connect()
    for path in sorted(reference.glob("*.parquet")):
        database.execute(f"CREATE VIEW {path.stem} AS SELECT * FROM read_parquet('{path}')")
    database.execute(PLAN_OF_ACCOUNT)
    meters = [meter for (meter,) in database.execute("SELECT meter FROM meters").fetchall()]

    for folder in ("book/cells", "reference"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    (out / "pipeline.yaml").write_text(PIPELINE.replace("METERS", ", ".join(f"'{meter}'" for meter in meters)))
    (out / "book" / "book.yaml").write_text(BOOK)
    (out / "book" / "products.yaml").write_text(products_text(meters))
    (out / "book" / "plans.yaml").write_text(plans_text(database, out / "book"))
    for name, query in REFERENCE_TABLES.items():
        target = out / "reference" / f"{name}.parquet"
        database.execute(f"COPY ({query}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")


def products_text(meters: list[str]) -> str:
    """Two meters and two products for each canonical meter. Every plan sets its own price; list prices are never charged."""
    meter_lines, product_lines = ["meters:"], ["products:"]
    for meter in meters:
        for name, dimensions in ((meter, ""), (f"{meter}_cell", ", dimensions: [region, device]")):
            meter_lines.append(f"  {name}: {{ record_type: {meter}, quantity: quantity, aggregate: sum{dimensions} }}")
            product_lines += [
                f"  {name}:",
                f"    name: {name}",
                f"    charges: {{ use: {{ meter: {name}, model: per_unit, unit_price: 0 }} }}",
            ]
    return "\n".join([*meter_lines, *product_lines, ""])


def plans_text(database: duckdb.DuckDBPyConnection, book: Path) -> str:
    """All plans with their prices; cells of matrix prices go to tables beside the book."""
    prices = defaultdict(dict)
    for row in rows(database, "SELECT * FROM price_meters"):
        prices[row["plan_id"]][row["meter"]] = row
    tiers = defaultdict(list)
    for row in rows(database, "SELECT * FROM price_tiers ORDER BY plan_id, meter, band"):
        tiers[row["plan_id"], row["meter"]].append(row)
    write_cells(database, book)

    lines = ["plans:"]
    variants = "SELECT DISTINCT plan_id, plan, without FROM plan_of_account UNION SELECT plan_id, lower(plan_id), [] FROM price_meters"
    for variant in rows(database, f"{variants} ORDER BY plan"):
        plan_id, by_meter = variant["plan_id"], prices[variant["plan_id"]]
        lines += [f"  {variant['plan']}:", f"    includes: [{', '.join(map(product_of, by_meter.values()))}]", "    prices:"]
        for meter, price in by_meter.items():
            lines.append(f"      {product_of(price)}/use: {{ {price_text(price, tiers[plan_id, meter])} }}")
        allowances = [p for m, p in by_meter.items() if p["model"] == "allowance" and m not in variant["without"]]
        if allowances:
            lines.append("    allowances:")
        for price in allowances:
            terms = f"meter: {price['meter']}, quantity: {text(price['included'])}, per: month, shared_over: account"
            lines.append(f"      - {{ {terms} }}")
    return "\n".join([*lines, ""])


def product_of(price: dict) -> str:
    return price["meter"] + ("_cell" if price["model"] == "matrix" else "")


def price_text(price: dict, tiers: list[dict]) -> str:
    """The fields of one plan price, in flow style."""
    match price["model"]:
        case "per_unit" | "allowance":
            return f"unit_price: {text(price['unit_price'])}"
        case "graduated":
            return f"model: graduated, tiers: [{tiers_text(tiers)}]"
        case "volume":
            return f"model: volume, scope: account, tiers: [{tiers_text(tiers)}]"
        case "package":
            return f"model: package, size: {text(price['package_size'])}, price: {text(price['unit_price'])}"
        case "percentage":
            limits = f"minimum: {text(price['min_fee'])}, maximum: {text(price['max_fee'])}"
            return f"model: percentage, percent: {text(price['unit_price'] * 100)}, {limits}"
        case "matrix":
            return f"model: matrix, by: [region, device], cells: {{ table: {cells_path(price['plan_id'], price['meter'])} }}"
    raise ValueError(f"no such model: {price['model']}")


def tiers_text(tiers: list[dict]) -> str:
    bands = [f"{{ up_to: {text(tier['hi'])}, unit_price: {text(tier['unit_price'])} }}" for tier in tiers[:-1]]
    return ", ".join([*bands, f"{{ unit_price: {text(tiers[-1]['unit_price'])} }}"])


def write_cells(database: duckdb.DuckDBPyConnection, book: Path) -> None:
    tables = defaultdict(lambda: ["region,device,unit_price"])
    for row in rows(database, "SELECT * FROM price_matrix ORDER BY plan_id, meter, band"):
        tables[cells_path(row["plan_id"], row["meter"])].append(f"{row['region']},{row['device']},{text(row['unit_price'])}")
    for path, lines in tables.items():
        (book / path).write_text("\n".join([*lines, ""]))


def cells_path(plan_id: str, meter: str) -> str:
    return f"cells/{plan_id.lower()}-{meter}.csv"


def text(number: Decimal) -> str:
    """Plain digits without trailing zeros; never an exponent."""
    written = format(number, "f")
    return written.rstrip("0").rstrip(".") if "." in written else written


def rows(database: duckdb.DuckDBPyConnection, query: str) -> list[dict]:
    result = database.execute(query)
    names = [column[0] for column in result.description]
    return [dict(zip(names, row)) for row in result.fetchall()]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
